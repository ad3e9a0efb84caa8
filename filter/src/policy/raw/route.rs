//! A route in the policy file.

use std::sync::Arc;

use serde::Deserialize;

use super::form::{self, RawField, RawForm};
use super::name::Name;
use crate::Format;
use crate::address::AddressList;
use crate::checks::target;
use crate::key::SCOPES_MAX;
use crate::policy::error::{PolicyError, require};
use crate::policy::route::{HELD_BODY_MAX, HELD_BYTES_MAX, SCANS_DEFAULT, SCANS_MAX, WEIGHT_MAX};
use crate::policy::units::ByteSize;
use crate::policy::{BodyRule, Dialect, ImageLimits, Mode, Route, SignatureRule};

/// One method and path, and what a request to it may carry. What bounds the size of an image has no
/// default: whoever writes a route decides.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Route"))]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    /// The name used in metrics and messages.
    name: Name,
    /// The method, as sent.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Z]+$")))]
    method: String,
    /// The path, compared byte for byte.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/")))]
    path: String,
    /// Scopes a key or a token must hold, all of them.
    #[cfg_attr(feature = "schema", schemars(length(max = SCOPES_MAX)))]
    scopes: Vec<Name>,
    /// Media types the image may have: `image/png`, `image/jpeg`, `image/webp`, `image/gif`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    media_types: Vec<String>,
    /// The largest image.
    max_bytes: ByteSize,
    /// The greatest width in pixels.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    max_width: u32,
    /// The greatest height in pixels.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    max_height: u32,
    /// The greatest product of width and height.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    max_pixels: u64,
    /// The most frames of an animation; 1 refuses animations.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    max_frames: u32,
    /// The most scans of a progressive JPEG, each of which costs a pass over its pixels.
    #[serde(default = "max_scans_default")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = SCANS_MAX)))]
    max_scans: u32,
    /// The envelopes a body may come in, beside the image alone; none if left out.
    form: Option<RawForm>,
    /// The parameters that the query may have, as fields of a form; if it is left out, queries are not
    /// looked at.
    #[cfg_attr(feature = "schema", schemars(length(max = crate::envelope::FIELDS_MAX)))]
    query: Option<Vec<RawField>>,
    /// The API whose errors an answer carries beside our own members.
    #[serde(default)]
    dialect: Dialect,
    /// Whether a request must be signed.
    #[serde(default)]
    signature: SignatureRule,
    /// When the request goes on. An image that is held may have at most 1 MiB, a body 1.5 MiB.
    #[serde(default)]
    body: RawBody,
    /// What the megapixels of an image are multiplied with before they are charged.
    #[serde(default = "weight_default")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = WEIGHT_MAX)))]
    weight: u32,
    /// Where requests may come from; from everywhere if it is left out.
    #[serde(default)]
    clients: AddressList,
    /// What a failed check does.
    #[serde(default)]
    mode: Mode,
}

/// When a request goes on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "BodyRule"))]
#[serde(rename_all = "kebab-case")]
enum RawBody {
    /// Once the image header was judged; the rest of the body streams through.
    #[default]
    Stream,
    /// Once the whole body was judged.
    Hold,
}

const fn max_scans_default() -> u32 {
    SCANS_DEFAULT
}

const fn weight_default() -> u32 {
    1
}

pub(super) fn check(raw: RawRoute, at: &str) -> Result<Route, PolicyError> {
    let field = |name: &str| format!("{at}.{name}");
    let method = !raw.method.is_empty() && raw.method.bytes().all(|byte| byte.is_ascii_uppercase());
    require(method, &field("method"), || "expected a method such as \"POST\"".to_owned())?;
    require(target::is_unambiguous_path(&raw.path), &field("path"), || {
        "expected an absolute path without query, dot segments or escapes".to_owned()
    })?;
    require(raw.scopes.len() <= SCOPES_MAX, &field("scopes"), || {
        format!("expected at most {SCOPES_MAX} scopes")
    })?;
    for (name, value) in [
        ("max_bytes", raw.max_bytes.0),
        ("max_width", raw.max_width.into()),
        ("max_height", raw.max_height.into()),
        ("max_pixels", raw.max_pixels),
        ("max_frames", raw.max_frames.into()),
    ] {
        require(value > 0, &field(name), || "expected a number above 0".to_owned())?;
    }
    let held = raw.body == RawBody::Hold;
    require(!held || raw.max_bytes.0 <= HELD_BYTES_MAX, &field("max_bytes"), || {
        format!(
            "expected at most {HELD_BYTES_MAX} bytes where the body is held, got {}",
            raw.max_bytes.0
        )
    })?;
    require((1..=WEIGHT_MAX).contains(&raw.weight), &field("weight"), || {
        format!("expected 1 to {WEIGHT_MAX}, got {}", raw.weight)
    })?;
    require((1..=SCANS_MAX).contains(&raw.max_scans), &field("max_scans"), || {
        format!("expected 1 to {SCANS_MAX}, got {}", raw.max_scans)
    })?;
    let form = raw.form.map(|raw| form::check(raw, &field("form"))).transpose()?;
    let longest = form.as_ref().map_or(0, |form| form.longest(raw.max_bytes.0));
    require(!held || longest <= HELD_BODY_MAX, &field("form"), || {
        format!(
            "a body that is held may have {HELD_BODY_MAX} bytes; with an image of max_bytes and all \
             fields at their longest, a form would have {longest}"
        )
    })?;
    let query = raw.query.map(|raw| form::check_fields(raw, &[], &field("query"))).transpose()?;
    Ok(Route {
        name: raw.name.0,
        method: raw.method,
        path: raw.path,
        scopes: raw.scopes.into_iter().map(|scope| scope.0).collect(),
        anonymous: false,
        dialect: raw.dialect,
        query,
        formats: formats(&raw.media_types, at)?,
        max_bytes: raw.max_bytes.0,
        image: ImageLimits {
            max_width: raw.max_width,
            max_height: raw.max_height,
            max_pixels: raw.max_pixels,
            max_frames: raw.max_frames,
            max_scans: raw.max_scans,
        },
        form: form.map(Arc::new),
        signature: raw.signature,
        body: match raw.body {
            RawBody::Stream => BodyRule::Stream,
            RawBody::Hold => BodyRule::Hold,
        },
        weight: raw.weight,
        clients: raw.clients,
        mode: raw.mode,
    })
}

fn formats(media_types: &[String], at: &str) -> Result<Vec<Format>, PolicyError> {
    require(!media_types.is_empty(), &format!("{at}.media_types"), || {
        "expected at least one media type".to_owned()
    })?;
    let format = |(index, media_type): (usize, &String)| {
        Format::from_media_type(media_type).ok_or_else(|| {
            PolicyError::new(
                format!("{at}.media_types[{index}]"),
                format!(
                    "expected one of image/png, image/jpeg, image/webp, image/gif, got {media_type:?}"
                ),
            )
        })
    };
    media_types.iter().enumerate().map(format).collect()
}
