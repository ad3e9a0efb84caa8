//! The body is sent as it is: no content coding (RFC 9110 §8.4).
//!
//! A gate that judges compressed bytes and a node that inflates them would see different images.

use crate::request::{Duplicate, Headers};

/// Evidence that the body is not encoded.
#[derive(Clone, Copy, Debug)]
pub struct Plain(());

/// Why an encoding was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The body is compressed.
    #[error("Content-Encoding must be identity: images are compressed already")]
    Encoded,
}

/// Checks `Content-Encoding`.
pub(crate) fn check(headers: &Headers) -> Result<Plain, Error> {
    match headers.one("content-encoding") {
        Ok(None) => Ok(Plain(())),
        Ok(Some(value)) if value.trim_ascii().eq_ignore_ascii_case(b"identity") => Ok(Plain(())),
        Ok(Some(_)) | Err(Duplicate(_)) => Err(Error::Encoded),
    }
}
