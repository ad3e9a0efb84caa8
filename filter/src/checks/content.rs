//! The body holds one image, whole and of a kind that the route takes, and what else its form asks for.

use crate::checks::media_type::{Declared, Media};
use crate::envelope::{self, Reader, Sink};
use crate::image::{self, Expected, Inspected, Inspector, Limits};
use crate::{Format, ImageHeader, Route};

/// Judges what a body is, piece by piece. Where it is cut makes no difference.
pub struct Content {
    reader: Reader,
    image: Image,
    /// How many fields the form has.
    fields: usize,
}

/// Nothing here grows with a body, unless it is kept.
const _: () = assert!(
    size_of::<Content>() - size_of::<Reader>() + Reader::SIZE_MAX <= 4096,
    "the state of an inspection has a limit"
);

/// Why a body was refused for what it is.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// Its envelope breaks the rules.
    #[error(transparent)]
    Envelope(#[from] envelope::Error),
    /// The image is refused.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The file does not say which format it has, and it is none that the route takes.
    #[error("{error}")]
    NotTaken {
        /// What it is.
        error: image::Error,
        /// What the route takes.
        accepted: Vec<Format>,
    },
    /// The image is longer than the route takes.
    #[error("the image is longer than the {max} bytes that this path takes")]
    TooLong {
        /// The route's limit in bytes.
        max: u64,
    },
}

impl Error {
    /// What would be taken instead of this file, as the value of an `Accept` field.
    pub(crate) fn accept(&self) -> Option<String> {
        match self {
            Self::Image(
                image::Error::NotAnImage { declared, .. }
                | image::Error::OtherFormat { declared, .. },
            ) => Some(declared.media_type().to_owned()),
            Self::NotTaken { accepted, .. } => {
                let types: Vec<_> = accepted.iter().map(|format| format.media_type()).collect();
                Some(types.join(", "))
            }
            _ => None,
        }
    }
}

/// What a whole body proved to be.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The image.
    pub(crate) image: Inspected,
    /// Where in the body the image begins.
    pub(crate) at: u64,
    /// What was kept of it.
    pub(crate) kept: Kept,
}

/// What a node keeps of a body; a gate keeps nothing.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The texts of the form's fields, by their index.
    pub(crate) fields: Vec<Option<String>>,
    /// The image, where the body does not hold it as it is.
    pub(crate) decoded: Option<Vec<u8>>,
}

impl Content {
    /// Awaits a body of the declared media type, as `route` takes it; its image header may reach
    /// `header_bytes` into the image.
    pub(crate) fn new(route: &Route, media: Declared, header_bytes: u64) -> Self {
        let form = || route.form.clone().unwrap_or_default();
        let media = media.media();
        let (reader, declared) = match media {
            Media::Image(format) => (Reader::raw(), Some(format)),
            Media::Form(boundary) => (Reader::form(boundary, form()), None),
            Media::Json => (Reader::json(form()), None),
            Media::Urlencoded => (Reader::urlencoded(form()), None),
            Media::Nothing => (Reader::raw(), None),
        };
        let image = Image {
            formats: route.formats.clone(),
            declared,
            limits: Limits { image: route.image, header_bytes },
            max_bytes: route.max_bytes,
            left: route.max_bytes,
            at: 0,
            inspector: None,
            inspected: None,
            kept: Kept::default(),
            keeps: false,
        };
        let fields = route.form.as_deref().map_or(0, |form| form.fields.len());
        Self { reader, image, fields }
    }

    /// Keeps the texts of the fields, and the image if it comes in base64.
    pub(crate) fn keeping(mut self) -> Self {
        let fields = vec![None; self.fields];
        self.image.kept = Kept { fields, decoded: None };
        self.image.keeps = true;
        self
    }

    /// What the image header declares, once it was read. An error after that is of the rest.
    pub(crate) fn header(&self) -> Option<ImageHeader> {
        self.image.inspector.as_ref().and_then(Inspector::header)
    }

    /// Reads the next piece.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.reader.push(chunk, &mut self.image)
    }

    /// The body is complete.
    pub(crate) fn end(mut self) -> Result<Judged, Error> {
        self.reader.end(&mut self.image)?;
        let Image { at, inspected, kept, .. } = self.image;
        // An envelope that is complete held an image that is.
        let image = inspected.ok_or(envelope::Error::AfterEnd)?;
        Ok(Judged { image, at, kept })
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive()
    }
}

/// The image, as it comes out of its envelope.
struct Image {
    formats: Vec<Format>,
    /// What the body's own media type declares.
    declared: Option<Format>,
    limits: Limits,
    max_bytes: u64,
    /// How many bytes it may still have.
    left: u64,
    at: u64,
    inspector: Option<Inspector>,
    inspected: Option<Inspected>,
    kept: Kept,
    /// Whether something is kept at all.
    keeps: bool,
}

impl Image {
    fn inspector(&mut self) -> Result<&mut Inspector, Error> {
        // A reader tells that the image begins before it tells anything else of it.
        self.inspector.as_mut().ok_or(Error::Envelope(envelope::Error::AfterEnd))
    }

    /// Without a declared format, the answer names those that are taken.
    fn told(&self, error: image::Error) -> Error {
        match error {
            image::Error::NoImage { .. } | image::Error::FormatNotTaken { .. } => {
                Error::NotTaken { error, accepted: self.formats.clone() }
            }
            error => Error::Image(error),
        }
    }
}

impl Sink for Image {
    type Error = Error;

    fn image_is_in_base64(&mut self) {
        self.kept.decoded = self.keeps.then(Vec::new);
    }

    fn image_begins(&mut self, declared: Option<Format>, at: u64) -> Result<(), Error> {
        let declared = self.declared.or(declared);
        let expected = match declared {
            Some(found) if !self.formats.contains(&found) => {
                return Err(self.told(image::Error::FormatNotTaken { found }));
            }
            Some(format) => Expected::Declared(format),
            None => Expected::OneOf(&self.formats),
        };
        self.inspector = Some(Inspector::new(expected, self.limits));
        self.at = at;
        Ok(())
    }

    fn image(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (taken, more) = bytes.split_at(left);
        self.left -= taken.len() as u64;
        if let Err(error) = self.inspector()?.push(taken) {
            return Err(self.told(error));
        }
        if !more.is_empty() {
            return Err(Error::TooLong { max: self.max_bytes });
        }
        if let Some(decoded) = &mut self.kept.decoded {
            decoded.extend_from_slice(taken);
        }
        Ok(())
    }

    fn image_ends(&mut self) -> Result<(), Error> {
        match self.inspector()?.finish() {
            Ok(inspected) => {
                self.inspected = Some(inspected);
                Ok(())
            }
            Err(error) => Err(self.told(error)),
        }
    }

    fn field(&mut self, field: usize, piece: &str) -> Result<(), Error> {
        if let Some(text) = self.kept.fields.get_mut(field) {
            text.get_or_insert_default().push_str(piece);
        }
        Ok(())
    }
}
