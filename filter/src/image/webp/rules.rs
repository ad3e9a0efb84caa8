//! Which chunks may stand where, and how long they may be (RFC 9649 §2.7).

use super::super::walk::Fault;
use super::bitstream::{LOSSLESS_MIN, LOSSY};
use super::chunk::{Chunk, Kind, Kinds};
use super::extended::{ANMF, Extended, VP8X};

/// Whether a chunk of this kind can be this long.
pub(super) fn length(chunk: Chunk) -> Result<(), Fault> {
    let legal = match chunk.kind {
        Kind::Lossy => chunk.len >= LOSSY as u64,
        Kind::Lossless => chunk.len >= LOSSLESS_MIN,
        Kind::Extended => chunk.len == VP8X as u64,
        Kind::Alpha => chunk.len >= 1,
        Kind::Profile => chunk.len >= 4,
        Kind::Animation => chunk.len == 6,
        // Together with its padding, whatever is in it has an even length.
        Kind::Frame => chunk.len >= ANMF as u64 && chunk.len.is_multiple_of(2),
        Kind::Exif | Kind::Xmp | Kind::Unknown => true,
    };
    must(legal, "the length of a chunk is none that its kind can have")
}

/// Whether a chunk may follow those `seen` in the RIFF.
pub(super) fn within_riff(
    kind: Kind,
    seen: Kinds,
    extended: Option<Extended>,
) -> Result<(), Fault> {
    let Some(extended) = extended else {
        return if seen.is_empty() { first(kind) } else { after_simple(kind, seen) };
    };
    let is_animation = extended.is_animation();
    match kind {
        Kind::Lossy | Kind::Lossless | Kind::Alpha => {
            must(!is_animation, "there is an image beside the frames of the animation")?;
        }
        Kind::Frame => {
            must(is_animation, "there is a frame, and VP8X announces no animation")?;
            must(seen.contains(Kind::Animation), "ANIM must come before the frames")?;
        }
        _ => {}
    }
    match kind {
        // Without the announcement, some decoders read it and others do not.
        Kind::Alpha => must(extended.has_alpha(), "there is alpha that VP8X does not announce")?,
        // The crate `image-webp` refuses it.
        Kind::Lossy => {
            let there = !extended.has_alpha() || seen.contains(Kind::Alpha);
            must(there, "VP8X announces alpha that is not there before the image")?;
        }
        _ => {}
    }
    in_turn(kind, seen)
}

fn first(kind: Kind) -> Result<(), Fault> {
    let legal = kind.is_image() || kind == Kind::Extended;
    must(legal, "the first chunk must be VP8, VP8L or VP8X")
}

/// Whether a chunk may follow the image of a file without VP8X. All decoders stop at the image.
fn after_simple(kind: Kind, seen: Kinds) -> Result<(), Fault> {
    must(kind != Kind::Extended, "VP8X must be the first chunk")?;
    must(kind != Kind::Frame, "there is a frame, and no VP8X announces an animation")?;
    in_turn(kind, seen)
}

/// Whether a chunk may follow those `seen` in a frame.
pub(super) fn within_frame(kind: Kind, seen: Kinds) -> Result<(), Fault> {
    match kind {
        Kind::Lossy | Kind::Lossless | Kind::Alpha => in_turn(kind, seen),
        Kind::Unknown => must(seen.has_image(), "a frame must begin with its image"),
        _ => Err(Fault::Malformed("there is something else than an image in a frame")),
    }
}

/// Whether a chunk may follow those `seen`, in a frame or outside.
fn in_turn(kind: Kind, seen: Kinds) -> Result<(), Fault> {
    if kind.is_image() {
        must(!seen.has_image(), "there is more than one image, or more than one in a frame")?;
    }
    if kind == Kind::Alpha {
        must(!seen.has_image(), "alpha must come before the image")?;
    }
    if kind == Kind::Lossless {
        must(!seen.contains(Kind::Alpha), "VP8L has its own alpha, and ALPH is there")?;
    }
    let fresh = kind.may_repeat() || !seen.contains(kind);
    must(fresh, "there are two chunks of a kind of which there may be one")
}

/// Judges a file at its end.
pub(super) fn whole(seen: Kinds, extended: Option<Extended>) -> Result<(), Fault> {
    let Some(extended) = extended else { return Ok(()) };
    if extended.is_animation() {
        must(seen.contains(Kind::Frame), "there is no frame in the animation")?;
    } else {
        must(seen.has_image(), "there is no image")?;
    }
    // The crate `image-webp` refuses these. Profiles that are announced and not there are common.
    must(
        !extended.has_exif() || seen.contains(Kind::Exif),
        "VP8X announces EXIF that is not there",
    )?;
    must(!extended.has_xmp() || seen.contains(Kind::Xmp), "VP8X announces XMP that is not there")
}

fn must(holds: bool, fault: &'static str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Malformed(fault)) }
}
