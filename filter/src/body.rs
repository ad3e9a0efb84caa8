//! The inspection of a whole body, natively, before anything is decoded.
//!
//! A gate judges the prefix and lets the rest stream; whatever a proxy did on the way, the node
//! judges the complete body again with the same checks, and decodes only a [`CleanImage`].

use crate::checks::image::{self, HeaderReader};
use crate::checks::{arrival, length};
use crate::digest::ContentDigest;
use crate::permit::Claims;
use crate::policy::ImageLimits;
use crate::{Format, Frames, ImageHeader, Rejection};

/// Evidence that a complete body is the image its permit describes. Only it can be decoded, so it
/// owns the body.
#[derive(Debug)]
pub struct CleanImage<B> {
    body: B,
    format: Format,
    width: u32,
    height: u32,
}

impl<B: AsRef<[u8]>> CleanImage<B> {
    /// The complete body.
    pub fn bytes(&self) -> &[u8] {
        self.body.as_ref()
    }

    /// The format that was judged.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The width and height that were judged, in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

/// Why a complete body is not what its permit describes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The image is another one than the gate judged.
    #[error("the image is not the one that the gate judged")]
    Differs,
}

/// Judges a complete body against its permit and the limits of its route.
///
/// # Errors
/// The same rejections as a gate gives; and [`Error::Differs`] where the body is an acceptable
/// image, but not the one the permit describes.
pub fn inspect<B: AsRef<[u8]>>(
    body: B,
    claims: &Claims,
    limits: &ImageLimits,
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
    // The limit on how far a header may reach protects a gate's memory; here the body is complete.
    let mut reader = HeaderReader::new(claims.format, declared, declared);
    let Some(mut header) = reader.push(bytes)? else { return Err(reader.end().into()) };
    if matches!(header.frames, Frames::Unstated) {
        header.frames = Frames::Known(image::counted_frames(header, bytes));
    }
    let within = image::within(header, limits)?;
    image::check_end(header.format, bytes)?;
    let ImageHeader { format, width, height, .. } = header;
    let as_judged = (width, height) == (claims.width, claims.height)
        && within.cost_pixels() <= claims.cost_pixels;
    if as_judged {
        Ok(CleanImage { body, format, width, height })
    } else {
        Err(Error::Differs.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permit::tests::claims;

    const LIMITS: ImageLimits =
        ImageLimits { max_width: 100, max_height: 100, max_pixels: 10_000, max_frames: 2 };

    /// A VP8L image of 3x4 pixels, as far as its header goes.
    fn body() -> Vec<u8> {
        let bits: u32 = 2 | 3 << 14;
        let riff = [&b"RIFF"[..], &26u32.to_le_bytes(), b"WEBPVP8L", &14u32.to_le_bytes(), &[0x2f]];
        [&riff.concat(), &bits.to_le_bytes()[..], &[0; 9]].concat()
    }

    fn judge(body: Vec<u8>, change: impl FnOnce(&mut Claims)) -> Result<(u32, u32), &'static str> {
        let mut claims =
            Claims { format: Format::Webp, content_length: body.len() as u64, ..claims() };
        change(&mut claims);
        match inspect(body, &claims, &LIMITS) {
            Ok(clean) => Ok(clean.dimensions()),
            Err(rejection) => Err(rejection.code()),
        }
    }

    #[test]
    fn the_judged_image_passes() {
        assert_eq!(judge(body(), |_| {}), Ok((3, 4)));
    }

    #[test]
    fn anything_else_does_not() {
        assert_eq!(judge(body(), |claims| claims.content_length += 1), Err("length-differs"));
        assert_eq!(judge(body(), |claims| claims.width = 4), Err("image-differs"));
        assert_eq!(judge(body(), |claims| claims.cost_pixels = 11), Err("image-differs"));
        assert_eq!(judge(body(), |claims| claims.format = Format::Png), Err("image-type-differs"));
        let text = b"no image at all, only some text".to_vec();
        assert_eq!(judge(text, |_| {}), Err("not-an-image"));
    }

    #[test]
    fn frames_that_no_header_states_are_counted() {
        let vp8x = [&[2u8, 0, 0, 0][..], &[2, 0, 0], &[3, 0, 0]].concat();
        let mut animation =
            [&b"RIFF"[..], &0u32.to_le_bytes(), b"WEBPVP8X", &10u32.to_le_bytes(), &vp8x].concat();
        for _ in 0..3 {
            animation.extend([&b"ANMF"[..], &2u32.to_le_bytes(), &[0; 2]].concat());
        }
        assert_eq!(
            judge(animation.clone(), |claims| claims.cost_pixels = 24),
            Err("image-too-many-frames")
        );
        animation.truncate(animation.len() - 10);
        assert_eq!(judge(animation, |claims| claims.cost_pixels = 24), Ok((3, 4)));
    }
}
