//! The declared media type is one the route takes (RFC 9110 §8.3).

use crate::request::{Duplicate, Headers};
use crate::{Format, Route};

/// Evidence that the route takes the declared type; holds the image format it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    format: Format,
}

impl Declared {
    /// The declared image format.
    pub(crate) fn format(self) -> Format {
        self.format
    }
}

/// Why a media type was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no `Content-Type`.
    #[error("Content-Type is missing; expected {}", list(.accepted))]
    Missing {
        /// What the route takes.
        accepted: Vec<Format>,
    },
    /// The route does not take this type.
    #[error("Content-Type is not one this path takes; expected {}", list(.accepted))]
    NotAccepted {
        /// What the route takes.
        accepted: Vec<Format>,
    },
}

impl Error {
    /// What the route takes, as the value of an `Accept` field.
    pub(crate) fn accept(&self) -> String {
        match self {
            Self::Missing { accepted } | Self::NotAccepted { accepted } => list(accepted),
        }
    }
}

/// The media types of `formats`, separated by commas.
pub(crate) fn list(formats: &[Format]) -> String {
    formats.iter().map(|format| format.media_type()).collect::<Vec<_>>().join(", ")
}

/// The longest `Content-Type`, in bytes.
pub const VALUE_MAX: usize = 256;

/// Checks `Content-Type` against the route. Parameters are ignored: image types define none.
pub(crate) fn check(route: &Route, headers: &Headers) -> Result<Declared, Error> {
    let accepted = || route.formats.clone();
    let value = match headers.one("content-type") {
        Ok(Some(value)) => value,
        Ok(None) => return Err(Error::Missing { accepted: accepted() }),
        Err(Duplicate(_)) => return Err(Error::NotAccepted { accepted: accepted() }),
    };
    // A permit carries the whole value.
    if value.len() > VALUE_MAX {
        return Err(Error::NotAccepted { accepted: accepted() });
    }
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let format = std::str::from_utf8(essence).ok().and_then(Format::from_media_type);
    match format {
        Some(format) if route.formats.contains(&format) => Ok(Declared { format }),
        _ => Err(Error::NotAccepted { accepted: accepted() }),
    }
}
