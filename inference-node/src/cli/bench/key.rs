//! The API key that requests are sent with.

use std::env;
use std::path::Path;

use axum::http::HeaderValue;
use zeroize::Zeroizing;

use super::super::Error;
use crate::private_file;

/// The variable that may hold the key.
const VARIABLE: &str = "LUNETTE_KEY";
/// Far more than a key.
const FILE_MAX: u64 = 1024;

/// The key in a file, or else in the environment; none if there is neither. Whose key it is, and what it looks like,
/// is the server's to say.
pub(super) fn find(file: Option<&Path>) -> Result<Option<HeaderValue>, Error> {
    let (text, origin) = match file {
        Some(path) => {
            let text = private_file::read(path, FILE_MAX).map_err(Error::File)?;
            (text, path.display().to_string())
        }
        None => match env::var(VARIABLE) {
            Ok(text) => (Zeroizing::new(text), VARIABLE.to_owned()),
            Err(_) => return Ok(None),
        },
    };
    let value = HeaderValue::from_str(text.trim()).ok().filter(|value| !value.is_empty());
    let mut value = value
        .ok_or_else(|| Error::Argument(format!("{origin}: expected an API key, on one line")))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
