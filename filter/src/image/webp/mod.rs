//! WebP, all of its RIFF chunks (RFC 9649).
//!
//! Decoders find the chunks in different ways: libwebp takes the last ALPH before the image, the crate
//! `image-webp` the first of every kind; libwebp's demuxer reads what follows the image within a frame
//! as if it followed the frame, others skip it. So whatever a decoder acts on may be there once, and
//! where all of them look for it; what all of them skip may be anywhere else.

mod bitstream;
mod chunk;
mod extended;
mod rules;

use super::input::Input;
use super::walk::{Fault, Found, Progress, Walk};
use super::{Format, Frames, ImageHeader};
use bitstream::{LOSSLESS, LOSSY, Sides};
use chunk::{Chunk, Kind, Kinds};
use extended::{ANMF, Extended, VP8X};

/// The largest file that a RIFF header may state (§2.4), and the smallest that holds a chunk.
const RIFF_SIZES: std::ops::RangeInclusive<u32> = 12..=u32::MAX - 9;

/// VP8L takes sides of 16,384 pixels, the crate `image-webp` only within a VP8X file.
const SIMPLE_SIDE_MAX: u32 = 16_383;

/// The walker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walker {
    state: State,
    /// Bytes of the RIFF after the chunk that is being read.
    left: u64,
    /// What the first chunk said, if it was VP8X.
    extended: Option<Extended>,
    /// The chunks of the RIFF so far.
    seen: Kinds,
    frame: Option<Frame>,
    /// Padding bytes still to come of the chunk that is being read: one at most.
    padding: u64,
}

/// A frame of an animation while it is read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Bytes of it after the chunk that is being read.
    left: u64,
    sides: Sides,
    /// Its chunks so far.
    seen: Kinds,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// `RIFF`, size, `WEBP`.
    #[default]
    Riff,
    /// Between two chunks.
    Between,
    /// At the start of a chunk's data.
    Start(Chunk),
    /// In a chunk's data, where nothing is judged but text.
    Data { left: u64, text: bool },
    /// The padding is still to come.
    Padding,
}

impl Walk for Walker {
    fn walk(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<Progress, Fault> {
        loop {
            match &mut self.state {
                State::Riff => {
                    let Some(riff) = input.take() else { return Ok(Progress::More) };
                    self.riff(riff)?;
                }
                State::Between => {
                    if self.is_at_end()? {
                        return Ok(Progress::Ended);
                    }
                    let Some(header) = input.take() else { return Ok(Progress::More) };
                    self.chunk(Chunk::of(header), found)?;
                }
                State::Start(chunk) => {
                    let chunk = *chunk;
                    let Some(state) = self.start(chunk, input, found)? else {
                        return Ok(Progress::More);
                    };
                    self.state = state;
                }
                State::Data { left, text } => {
                    let bytes = input.pass(left);
                    if *text {
                        found.text.scan(bytes)?;
                    }
                    if *left > 0 {
                        return Ok(Progress::More);
                    }
                    self.state = State::Padding;
                }
                State::Padding => {
                    // Its value matters to no decoder.
                    input.pass(&mut self.padding);
                    if self.padding > 0 {
                        return Ok(Progress::More);
                    }
                    self.state = State::Between;
                }
            }
        }
    }
}

impl Walker {
    fn riff(&mut self, riff: [u8; 12]) -> Result<(), Fault> {
        // The inspector knows the names by now.
        let [_, _, _, _, s0, s1, s2, s3, ..] = riff;
        let size = u32::from_le_bytes([s0, s1, s2, s3]);
        if !RIFF_SIZES.contains(&size) {
            return Err(Fault::Malformed("the RIFF size is that of no WebP file"));
        }
        // `WEBP` counts.
        self.left = u64::from(size) - 4;
        self.state = State::Between;
        Ok(())
    }

    /// Whether the RIFF ends between two chunks.
    fn is_at_end(&mut self) -> Result<bool, Fault> {
        match self.frame {
            Some(frame) if frame.left >= Chunk::HEADER => return Ok(false),
            Some(frame) if frame.left > 0 => {
                return Err(Fault::Malformed("the chunks in a frame do not fill it"));
            }
            Some(frame) if !frame.seen.has_image() => {
                return Err(Fault::Malformed("there is no image in a frame"));
            }
            Some(_) | None => self.frame = None,
        }
        match self.left {
            0 => rules::whole(self.seen, self.extended).map(|()| true),
            1..Chunk::HEADER => Err(Fault::Malformed("the chunks do not fill the RIFF")),
            Chunk::HEADER.. => Ok(false),
        }
    }

    /// A chunk begins.
    fn chunk(&mut self, mut chunk: Chunk, found: &mut Found) -> Result<(), Fault> {
        if chunk.kind == Kind::Animation && !self.is_animation() {
            // To be ignored (§2.7.1.1).
            chunk.kind = Kind::Unknown;
        }
        self.make_room(chunk)?;
        self.admit(chunk.kind)?;
        rules::length(chunk)?;
        let text = matches!(chunk.kind, Kind::Profile | Kind::Exif | Kind::Xmp | Kind::Unknown);
        if text {
            found.text.begin();
        }
        self.state = match chunk.kind {
            Kind::Animation | Kind::Exif | Kind::Xmp | Kind::Unknown => {
                State::Data { left: chunk.len, text }
            }
            _ => State::Start(chunk),
        };
        Ok(())
    }

    /// A chunk must end where what holds it ends, or before.
    fn make_room(&mut self, chunk: Chunk) -> Result<(), Fault> {
        let left = self.frame.as_mut().map_or(&mut self.left, |frame| &mut frame.left);
        let Some(rest) = left.checked_sub(Chunk::HEADER + chunk.len) else {
            return Err(Fault::Malformed("a chunk reaches beyond the end of what holds it"));
        };
        // Some encoders write no padding at the end of the file, and do not count it.
        self.padding = (chunk.len & 1).min(rest);
        *left = rest - self.padding;
        Ok(())
    }

    /// Whether a chunk may stand where it stands.
    fn admit(&mut self, kind: Kind) -> Result<(), Fault> {
        match self.frame {
            Some(frame) => rules::within_frame(kind, frame.seen)?,
            None => rules::within_riff(kind, self.seen, self.extended)?,
        }
        self.frame.as_mut().map_or(&mut self.seen, |frame| &mut frame.seen).insert(kind);
        Ok(())
    }

    /// Reads what is judged of a chunk's data: what comes then, if that is all there.
    fn start(
        &mut self,
        chunk: Chunk,
        input: &mut Input<'_>,
        found: &mut Found,
    ) -> Result<Option<State>, Fault> {
        let (read, text) = match chunk.kind {
            Kind::Lossy => {
                let Some(start) = input.take() else { return Ok(None) };
                self.image(bitstream::lossy(start, chunk.len)?, found)?;
                (LOSSY, false)
            }
            Kind::Lossless => {
                let Some(start) = input.take() else { return Ok(None) };
                self.image(bitstream::lossless(start)?, found)?;
                (LOSSLESS, false)
            }
            Kind::Alpha => {
                let Some([header]) = input.take() else { return Ok(None) };
                if let Some(sides) = self.expected_sides() {
                    bitstream::alpha(header, chunk.len, sides)?;
                }
                (1, false)
            }
            Kind::Extended => {
                let Some(data) = input.take() else { return Ok(None) };
                let extended = Extended::of(data)?;
                let several = extended.is_animation();
                declare(extended.canvas, if several { Frames::Several } else { ONE }, found);
                self.extended = Some(extended);
                (VP8X, false)
            }
            Kind::Frame => {
                let Some(start) = input.take() else { return Ok(None) };
                self.frame(start, chunk.len, found)?;
                return Ok(Some(State::Between));
            }
            Kind::Profile => {
                // It is text as well.
                let Some(stated) = input.peek() else { return Ok(None) };
                extended::profile(stated, chunk.len)?;
                (0, true)
            }
            Kind::Animation | Kind::Exif | Kind::Xmp | Kind::Unknown => (0, true),
        };
        Ok(Some(State::Data { left: chunk.len.saturating_sub(read as u64), text }))
    }

    /// There is image data of these sides.
    fn image(&mut self, sides: Sides, found: &mut Found) -> Result<(), Fault> {
        match self.expected_sides() {
            Some(expected) if expected != sides => {
                return Err(Fault::Malformed("an image is not as large as its canvas or frame"));
            }
            Some(_) => {}
            None if sides.width.max(sides.height) > SIMPLE_SIDE_MAX => {
                return Err(Fault::Unsupported("sides of 16384 pixels without a VP8X chunk"));
            }
            None => declare(sides, ONE, found),
        }
        if self.frame.is_none() { found.frame() } else { Ok(()) }
    }

    /// A frame of an animation begins.
    fn frame(&mut self, start: [u8; ANMF], len: u64, found: &mut Found) -> Result<(), Fault> {
        let Some(extended) = self.extended else { return Ok(()) };
        let sides = extended::frame(start, extended.canvas)?;
        let left = len.saturating_sub(ANMF as u64);
        self.frame = Some(Frame { left, sides, seen: Kinds::default() });
        found.frame()
    }

    /// The sides that image data must have, if something before it said so.
    fn expected_sides(&self) -> Option<Sides> {
        let canvas = || self.extended.map(|extended| extended.canvas);
        self.frame.map(|frame| frame.sides).or_else(canvas)
    }

    fn is_animation(&self) -> bool {
        self.extended.is_some_and(Extended::is_animation)
    }
}

const ONE: Frames = Frames::Known(1);

fn declare(sides: Sides, frames: Frames, found: &mut Found) {
    let Sides { width, height } = sides;
    found.declare(ImageHeader { format: Format::Webp, width, height, frames });
}

#[cfg(test)]
mod tests;
