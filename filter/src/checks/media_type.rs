//! The declared media type is one the route takes (RFC 9110 §8.3).

use crate::envelope::{self, Boundary, Parameterised};
use crate::policy::BodyRule;
use crate::request::{Duplicate, Headers};
use crate::{Format, Route};

/// What a body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Media {
    /// The image itself.
    Image(Format),
    /// `multipart/form-data` with this boundary.
    Form(Boundary),
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Urlencoded,
    /// There is none, and whatever type it is said to have, nothing is of it.
    Nothing,
}

/// Evidence that the route takes the declared type; holds what the body is.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    media: Media,
}

impl Declared {
    /// What the body is.
    pub(crate) fn media(self) -> Media {
        self.media
    }

    /// Whether there is no body to wait for.
    pub(crate) fn no_body(self) -> Option<NoBody> {
        (self.media == Media::Nothing).then_some(NoBody(()))
    }

    /// The longest body in bytes that such a body may be on `route`: `max_bytes` is of the image.
    pub(crate) fn max_bytes(self, route: &Route) -> u64 {
        let image = route.max_bytes;
        match (self.media, route.form.as_deref()) {
            (Media::Form(_), Some(form)) => form.multipart_bytes(image),
            (Media::Json, Some(form)) => form.json_bytes(image),
            (Media::Urlencoded, Some(form)) => form.urlencoded_bytes(image),
            (Media::Image(_) | Media::Nothing, _) | (_, None) => image,
        }
    }
}

/// Evidence that the route takes no body.
#[derive(Clone, Copy, Debug)]
pub struct NoBody(());

/// Why a media type was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no `Content-Type`.
    #[error("Content-Type is missing; expected {accepted}")]
    Missing {
        /// What the route takes.
        accepted: String,
    },
    /// The route does not take this type.
    #[error("Content-Type is not one this path takes; expected {accepted}")]
    NotAccepted {
        /// What the route takes.
        accepted: String,
    },
    /// The route takes multipart bodies, but the boundary of this one is not known.
    #[error("Content-Type is multipart: {error}")]
    Boundary {
        /// What is wrong with it.
        error: envelope::Error,
        /// What the route takes.
        accepted: String,
    },
    /// The route takes the type, but not with this parameter.
    #[error("Content-Type: expected no parameter but charset=utf-8")]
    Parameter {
        /// What the route takes.
        accepted: String,
    },
}

impl Error {
    /// What the route takes, as the value of an `Accept` field.
    pub(crate) fn accept(&self) -> String {
        match self {
            Self::Missing { accepted }
            | Self::NotAccepted { accepted }
            | Self::Boundary { accepted, .. }
            | Self::Parameter { accepted } => accepted.clone(),
        }
    }
}

/// The longest `Content-Type`, in bytes.
pub const VALUE_MAX: usize = 256;

const MULTIPART: &str = "multipart/form-data";
const JSON: &str = "application/json";
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// Checks `Content-Type` against the route. Image types define no parameters, so theirs are ignored.
pub(crate) fn check(route: &Route, headers: &Headers) -> Result<Declared, Error> {
    if route.body == BodyRule::None {
        return Ok(Declared { media: Media::Nothing });
    }
    let value = match headers.one("content-type") {
        Ok(Some(value)) => value,
        Ok(None) => return Err(Error::Missing { accepted: accepted(route) }),
        Err(Duplicate(_)) => return Err(Error::NotAccepted { accepted: accepted(route) }),
    };
    of(route, value)
}

/// What a body with this `Content-Type` is on `route`.
pub(crate) fn of(route: &Route, value: &[u8]) -> Result<Declared, Error> {
    // A permit carries the whole value.
    if value.len() > VALUE_MAX {
        return Err(Error::NotAccepted { accepted: accepted(route) });
    }
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let form = route.form.as_deref();
    let is = |media_type: &str| essence.eq_ignore_ascii_case(media_type.as_bytes());
    if is(MULTIPART) && form.is_some_and(|form| form.multipart.is_some()) {
        let boundary = Boundary::parse(value)
            .map_err(|error| Error::Boundary { error, accepted: accepted(route) })?;
        return Ok(Declared { media: Media::Form(boundary) });
    }
    let json = (JSON, Media::Json, form.is_some_and(|form| form.json.is_some()));
    let urlencoded =
        (URLENCODED, Media::Urlencoded, form.is_some_and(|form| form.urlencoded.is_some()));
    for (name, media, is_taken) in [json, urlencoded] {
        if is(name) && is_taken {
            let declared = is_utf8(value).then_some(Declared { media });
            return declared.ok_or_else(|| Error::Parameter { accepted: accepted(route) });
        }
    }
    let format = std::str::from_utf8(essence).ok().and_then(Format::from_media_type);
    match format {
        Some(format) if route.formats.contains(&format) => {
            Ok(Declared { media: Media::Image(format) })
        }
        _ => Err(Error::NotAccepted { accepted: accepted(route) }),
    }
}

/// The media types that a route takes, separated by commas.
fn accepted(route: &Route) -> String {
    let form = route.form.as_deref();
    let multipart = form.and_then(|form| form.multipart.as_ref()).map(|_| MULTIPART);
    let json = form.and_then(|form| form.json.as_ref()).map(|_| JSON);
    let urlencoded = form.and_then(|form| form.urlencoded.as_ref()).map(|_| URLENCODED);
    let images = route.formats.iter().map(|format| format.media_type());
    images.chain(multipart).chain(json).chain(urlencoded).collect::<Vec<_>>().join(", ")
}

/// Whether a media type says nothing of its characters but that they are UTF-8. Neither JSON (RFC 8259 §11)
/// nor a form of pairs has a parameter at all, but many clients write this one.
fn is_utf8(value: &[u8]) -> bool {
    Parameterised::parse(value).is_some_and(|parsed| {
        parsed
            .iter()
            .all(|(name, value)| name.eq_ignore_ascii_case(b"charset") && value.is("utf-8"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Policy;

    const IMAGES: &str = "image/png, image/jpeg, image/webp";

    /// What a route with this form makes of a `Content-Type`.
    fn judge(form: Value, value: Option<&str>) -> Result<Media, Error> {
        let mut policy: Value = serde_json::from_str(include_str!("../../policy.json")).unwrap();
        policy["routes"][0]["form"] = form;
        policy["routes"][0]["media_types"] = IMAGES.split(", ").collect();
        let policy = Policy::parse(policy.to_string().as_bytes()).unwrap();
        let headers = Headers::new(value.map(|value| ("content-type", value)));
        check(&policy.routes[0], &headers).map(Declared::media)
    }

    fn both() -> Value {
        json!({ "multipart": "file", "json": "image" })
    }

    #[test]
    fn a_body_is_an_image_a_form_or_json() {
        for (value, format) in [
            ("image/png", Format::Png),
            (" Image/JPEG ", Format::Jpeg),
            ("image/webp; anything=\"goes", Format::Webp),
        ] {
            assert_eq!(judge(both(), Some(value)), Ok(Media::Image(format)), "{value}");
            assert_eq!(judge(Value::Null, Some(value)), Ok(Media::Image(format)), "{value}");
        }
        for value in ["multipart/form-data; boundary=b", "Multipart/Form-Data;boundary=\"b\""] {
            let Ok(Media::Form(boundary)) = judge(both(), Some(value)) else { panic!("{value}") };
            assert_eq!(boundary.as_bytes(), b"b");
        }
        for value in [
            "application/json",
            "APPLICATION/JSON ; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert_eq!(judge(both(), Some(value)), Ok(Media::Json), "{value}");
        }
    }

    #[test]
    fn envelopes_are_taken_where_the_route_takes_them() {
        for (form, value) in [
            (Value::Null, "multipart/form-data; boundary=b"),
            (Value::Null, "application/json"),
            (json!({ "multipart": "file" }), "application/json"),
            (json!({ "json": "image" }), "multipart/form-data; boundary=b"),
            (both(), "multipart/mixed; boundary=b"),
            (both(), "application/json-seq"),
            (both(), "application/x-www-form-urlencoded"),
            (both(), "image/gif"),
            (both(), ""),
        ] {
            let refused = judge(form, Some(value));
            assert!(matches!(refused, Err(Error::NotAccepted { .. })), "{value}: {refused:?}");
        }
    }

    #[test]
    fn pairs_are_taken_where_the_route_takes_them() {
        let form = json!({ "urlencoded": "image" });
        for value in [URLENCODED, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"] {
            assert_eq!(judge(form.clone(), Some(value)), Ok(Media::Urlencoded), "{value}");
        }
        let refused = judge(form, Some("application/x-www-form-urlencoded; charset=gbk"));
        assert!(matches!(refused, Err(Error::Parameter { .. })), "{refused:?}");
    }

    #[test]
    fn an_error_and_accept_list_all_that_the_route_takes() {
        for (form, accepted) in [
            (Value::Null, IMAGES.to_owned()),
            (json!({ "multipart": "file" }), format!("{IMAGES}, multipart/form-data")),
            (json!({ "json": "image" }), format!("{IMAGES}, application/json")),
            (json!({ "urlencoded": "image" }), format!("{IMAGES}, {URLENCODED}")),
            (both(), format!("{IMAGES}, multipart/form-data, application/json")),
        ] {
            let error = judge(form, None).unwrap_err();
            assert_eq!(error.accept(), accepted);
            assert_eq!(error.to_string(), format!("Content-Type is missing; expected {accepted}"));
        }
    }

    #[test]
    fn parameters_that_change_how_a_body_is_read_are_refused() {
        for value in ["multipart/form-data", "multipart/form-data; boundary=a; boundary=b"] {
            let error = judge(both(), Some(value)).unwrap_err();
            assert!(matches!(error, Error::Boundary { .. }), "{value}");
            assert!(error.to_string().contains("expected one boundary"), "{error}");
            assert!(error.accept().ends_with("multipart/form-data, application/json"));
        }
        for value in [
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-8",
            "application/json; charset=utf-8; profile=x",
            "application/json; charset",
        ] {
            let refused = judge(both(), Some(value));
            assert!(matches!(refused, Err(Error::Parameter { .. })), "{value}");
        }
    }
}
