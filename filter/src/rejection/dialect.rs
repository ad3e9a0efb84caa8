//! What an answer says beside our own members, for clients that were written for another API.
//!
//! A problem stays a problem. `FastAPI`, on which rembg and `RapidOCR` serve, tells errors in `detail`, as a
//! problem does; remove.bg has a list of `errors`.

use serde::Serialize;

use crate::policy::Dialect;

/// An error as remove.bg tells it.
#[derive(Serialize)]
pub(super) struct Error<'a> {
    title: &'a str,
    code: &'a str,
}

/// The list of errors, where the dialect has one.
pub(super) fn errors<'a>(
    dialect: Dialect,
    code: &'a str,
    detail: &'a str,
) -> Option<[Error<'a>; 1]> {
    match dialect {
        Dialect::Lunette | Dialect::Rembg | Dialect::Rapidocr => None,
        Dialect::RemoveBg => Some([Error { title: detail, code: in_remove_bg(code) }]),
    }
}

/// What remove.bg calls it; what it has no word for keeps ours.
fn in_remove_bg(code: &str) -> &str {
    match code {
        "credential-missing" | "invalid-key" | "key-malformed" => "auth_failed",
        "quota-exceeded" => "rate_limit_exceeded",
        "file-missing" | "body-empty" => "missing_source",
        "body-too-long" => "file_too_large",
        "not-an-image" | "media-type-not-accepted" | "image-type-differs" => "invalid_file_type",
        "image-too-many-pixels" | "image-too-large" => "resolution_too_high",
        "image-truncated" | "image-malformed" | "image-unsupported" => "failed_to_read_image",
        "field-url" => "failed_image_download",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Dialect;
    use crate::{PermitId, Rejection, envelope};

    fn body(dialect: Dialect) -> serde_json::Value {
        let error = envelope::Error::Url { name: "image_url".to_owned() };
        let rejection = Rejection::from(crate::checks::content::Error::from(error));
        serde_json::from_slice(&rejection.reply(PermitId([1; 16]), dialect).body).unwrap()
    }

    #[test]
    fn remove_bg_lists_errors_beside_the_problem() {
        let (ours, theirs) = (body(Dialect::Lunette), body(Dialect::RemoveBg));
        assert!(ours.get("errors").is_none());
        assert_eq!(theirs["errors"][0]["code"], "failed_image_download");
        assert_eq!(theirs["errors"][0]["title"], theirs["detail"]);
        for member in ["type", "title", "status", "detail", "code", "request_id"] {
            assert_eq!(ours[member], theirs[member], "{member}");
        }
    }
}
