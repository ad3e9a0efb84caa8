//! The inspection of a whole body, natively, before anything is decoded.
//!
//! A gate judges the prefix and lets the rest stream; whatever a proxy did on the way, the node
//! judges the complete body again with the same checks, and decodes only a [`CleanImage`].

use std::collections::BTreeMap;
use std::ops::Range;

use crate::checks::content::{Content, Judged, Kept};
use crate::checks::{arrival, image, length, media_type, query};
use crate::digest::ContentDigest;
use crate::image::Extras;
use crate::permit::Claims;
use crate::{Format, ImageHeader, Rejection, Route};

/// Evidence that a complete body holds the image its permit describes. Only it can be decoded, so it
/// owns the image.
#[derive(Debug)]
pub struct CleanImage<B> {
    image: Image<B>,
    header: ImageHeader,
    extras: Extras,
    fields: Fields,
}

/// Where the image is.
#[derive(Debug)]
enum Image<B> {
    /// These bytes of the body.
    Within(B, Range<usize>),
    /// In base64 in the body, which is not needed any more.
    Decoded(Vec<u8>),
}

impl<B: AsRef<[u8]>> CleanImage<B> {
    /// The complete image, out of its envelope.
    pub fn bytes(&self) -> &[u8] {
        match &self.image {
            Image::Within(body, range) => body.as_ref().get(range.clone()).unwrap_or_default(),
            Image::Decoded(image) => image,
        }
    }

    /// The format that was judged.
    pub fn format(&self) -> Format {
        self.header.format
    }

    /// The width and height that were judged, in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.header.width, self.header.height)
    }

    /// What was recognised beside the image proper, and is not decoded.
    pub fn extras(&self) -> Extras {
        self.extras
    }

    /// The fields of the form that the image came in.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }
}

/// The texts of a form, of the names and kinds that its route takes.
#[derive(Clone, Debug, Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The text of a field, if it was sent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The parameters of a query, of the names and kinds that its route takes; none where it is not the
/// query that a gate let through.
pub fn query(target: &str, route: &Route) -> Result<Fields, Rejection> {
    let query = target.split_once('?').map(|(_, query)| query);
    Ok(Fields(query::check(route, query)?.0))
}

/// Why a complete body is not what its permit describes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The image is another one than the gate judged.
    #[error("the image is not the one that the gate judged")]
    Differs,
}

/// Judges a complete body against its permit and its route.
///
/// # Errors
/// The same rejections as a gate gives; and [`Error::Differs`] where the body is an acceptable
/// image, but not the one the permit describes.
pub fn inspect<B: AsRef<[u8]>>(
    body: B,
    claims: &Claims,
    route: &Route,
) -> Result<CleanImage<B>, Rejection> {
    let (bytes, declared) = (body.as_ref(), claims.content_length);
    if bytes.len() as u64 != declared {
        return Err(length::Error::Differs { declared }.into());
    }
    if let Some(digest) = &claims.content_digest {
        let digest = ContentDigest::parse([digest.as_bytes()]).map_err(|_| Error::Differs)?;
        let mut digester = digest.digester();
        digester.update(bytes);
        digester.finish().map_err(arrival::Error::from)?;
    }
    let media = media_type::of(route, claims.content_type.as_bytes())?;
    // The limit on how far a header may reach protects a gate's memory; here the body is complete.
    let mut content = Content::new(route, media, declared).keeping();
    let outcome = content.chunk(bytes);
    if let Some(header) = content.header() {
        image::within(header, &route.image)?;
    }
    outcome?;
    let Judged { image, at, kept } = content.end()?;
    let header = image.header;
    let ImageHeader { format, width, height, .. } = header;
    let pixels = u64::from(width).saturating_mul(height.into());
    let as_judged = (format, width, height) == (format_of(claims)?, claims.width, claims.height)
        && pixels.saturating_mul(image.frames.into()) <= claims.cost_pixels;
    if !as_judged {
        return Err(Error::Differs.into());
    }
    let place = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let range = place(at)..place(at.saturating_add(image.len));
    let Kept { fields, decoded } = kept;
    let image_bytes = decoded.map_or(Image::Within(body, range), Image::Decoded);
    let names = route.form.iter().flat_map(|form| &form.fields).map(|field| field.name.clone());
    let sent = names.zip(fields).filter_map(|(name, text)| Some((name, text?)));
    let fields = Fields(sent.collect());
    Ok(CleanImage { image: image_bytes, header, extras: image.extras, fields })
}

/// The format of the image that a permit is for; one for a request without a body is for none.
fn format_of(claims: &Claims) -> Result<Format, Error> {
    claims.format.ok_or(Error::Differs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permit::tests::claims;
    use crate::policy::Policy;

    /// A PNG of one pixel, black or white.
    fn body() -> Vec<u8> {
        use base64ct::{Base64, Encoding as _};
        let pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAQAAAAA3bvkkAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJ\
                     RU5ErkJggg==";
        Base64::decode_vec(pixel).unwrap()
    }

    fn route() -> Route {
        let policy = br#"{ "version": 1, "tiers": { "free": { "quotas": [] } }, "routes": [{
            "name": "cut-out", "method": "POST", "path": "/v1/cut-out", "scopes": [],
            "media_types": ["image/png", "image/webp"], "max_bytes": "1MiB",
            "max_width": 100, "max_height": 100, "max_pixels": 10000, "max_frames": 2
        }] }"#;
        let policy = Policy::parse(policy).unwrap();
        Route::clone(policy.route("POST", "/v1/cut-out").unwrap())
    }

    fn judge(body: Vec<u8>, change: impl FnOnce(&mut Claims)) -> Result<(u32, u32), &'static str> {
        let mut claims = Claims {
            format: Some(Format::Png),
            content_type: "image/png".to_owned(),
            content_length: body.len() as u64,
            width: 1,
            height: 1,
            cost_pixels: 1,
            ..claims()
        };
        change(&mut claims);
        match inspect(body, &claims, &route()) {
            Ok(clean) => Ok(clean.dimensions()),
            Err(rejection) => Err(rejection.code()),
        }
    }

    #[test]
    fn the_judged_image_passes() {
        assert_eq!(judge(body(), |_| {}), Ok((1, 1)));
    }

    #[test]
    fn anything_else_does_not() {
        assert_eq!(judge(body(), |claims| claims.content_length += 1), Err("length-differs"));
        assert_eq!(judge(body(), |claims| claims.width = 4), Err("image-differs"));
        assert_eq!(judge(body(), |claims| claims.cost_pixels = 0), Err("image-differs"));
        assert_eq!(
            judge(body(), |claims| claims.format = Some(Format::Webp)),
            Err("image-differs")
        );
        let other = |claims: &mut Claims| claims.content_type = "image/webp".to_owned();
        assert_eq!(judge(body(), other), Err("image-type-differs"));
        let text = b"no image at all, only some text".to_vec();
        assert_eq!(judge(text, |_| {}), Err("not-an-image"));
        assert_eq!(judge([body(), vec![1]].concat(), |_| {}), Err("image-trailing-data"));
        let mut altered = body();
        altered[43] ^= 1;
        assert_eq!(judge(altered.clone(), |_| {}), Err("image-malformed"));
        let signed = |claims: &mut Claims| {
            claims.content_digest = Some(ContentDigest::of(&body()).to_string());
        };
        assert_eq!(judge(body(), signed), Ok((1, 1)));
        assert_eq!(judge(altered, signed), Err("digest-differs"));
    }
}
