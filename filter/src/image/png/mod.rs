//! PNG from its signature to IEND (W3C PNG, third edition, §5 and §11).
//!
//! Every chunk's length, type and CRC is read, and of those that decoders need, the rules that they
//! are held to. The work for a chunk does not depend on how many came before it, so that millions of
//! empty ones cost no more than their bytes.

mod animation;
mod chunk;
mod colours;
mod header;
mod metadata;
mod pixels;
mod stream;
#[cfg(test)]
mod tests;

use self::animation::Animation;
use self::chunk::Chunk;
use self::colours::Colours;
use self::header::Header;
use self::metadata::{Kind, Metadata};
use self::pixels::{Pixels, Run};
use super::input::Input;
use super::walk::{Fault, Found, Progress, Walk};
use super::{Format, Frames, ImageHeader};

/// What every file of the format starts with.
pub(in crate::image) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The walker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walker {
    state: State,
    /// The CRC of the chunk that is being read, as far as it was read.
    crc: u32,
    header: Option<Header>,
    colours: Colours,
    animation: Animation,
    metadata: Metadata,
    pixels: Pixels,
}

const _: () = assert!(size_of::<Walker>() <= 512, "a walker is small");

/// What comes next.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Signature,
    /// The length and type of a chunk.
    Chunk,
    /// All the data of a chunk.
    Fixed(Fixed),
    /// The sequence number of fdAT, before so many bytes.
    Sequence(u64),
    /// So many bytes of data.
    Data(Data, u64),
    /// The CRC of a chunk.
    Crc,
    /// The CRC of IEND.
    LastCrc,
    End,
}

/// Data of a fixed length.
#[derive(Clone, Copy, Debug)]
enum Fixed {
    /// IHDR.
    Header,
    /// acTL.
    AnimationControl,
    /// fcTL.
    FrameControl(Header),
    /// cICP.
    CodePoints,
}

/// Data of any length.
#[derive(Clone, Copy, Debug)]
enum Data {
    Pixels,
    /// Whatever no decoder inflates: text, and what might be some, in chunks of any type.
    Text,
    /// A keyword, and text or a profile that may be compressed.
    Keyed,
}

impl Walk for Walker {
    fn walk(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<Progress, Fault> {
        loop {
            match self.step(input, found)? {
                None => return Ok(Progress::More),
                Some(State::End) => return Ok(Progress::Ended),
                Some(next) => self.state = next,
            }
        }
    }
}

impl Walker {
    /// What comes after what comes next, or nothing if that is not all there yet.
    fn step(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<Option<State>, Fault> {
        match self.state {
            State::Signature => Ok(input.take::<8>().map(|_| State::Chunk)),
            State::Chunk => {
                let Some(start) = input.take() else { return Ok(None) };
                self.begin(Chunk::parse(start)?, found).map(Some)
            }
            State::Fixed(fixed) => Ok(self.fixed(fixed, input)?.then_some(State::Crc)),
            State::Sequence(left) => {
                let Some(sequence) = self.hashed(input) else { return Ok(None) };
                self.animation.in_order(sequence)?;
                Ok(Some(State::Data(Data::Pixels, left)))
            }
            State::Data(data, mut left) => {
                let bytes = input.pass(&mut left);
                self.crc = chunk::extend(self.crc, bytes);
                self.read(data, bytes, found)?;
                self.state = State::Data(data, left);
                if left > 0 {
                    return Ok(None);
                }
                if matches!(data, Data::Keyed) {
                    self.metadata.end()?;
                }
                Ok(Some(State::Crc))
            }
            State::Crc => Ok(self.crc_fits(input)?.then_some(State::Chunk)),
            State::LastCrc => Ok(self.crc_fits(input)?.then_some(State::End)),
            State::End => Ok(Some(State::End)),
        }
    }

    /// A chunk begins.
    fn begin(&mut self, chunk: Chunk, found: &mut Found) -> Result<State, Fault> {
        self.crc = chunk::extend(0, &chunk.kind);
        let Some(header) = self.header else {
            let right = chunk.kind == *b"IHDR" && chunk.len == Header::LEN;
            return if right {
                Ok(State::Fixed(Fixed::Header))
            } else {
                Err(Fault::Malformed("IHDR must come first and hold 13 bytes"))
            };
        };
        self.pixels.interrupt(chunk.kind)?;
        let len = u64::from(chunk.len);
        let before_pixels = self.pixels.before_image();
        match &chunk.kind {
            b"IHDR" => Err(Fault::Malformed("IHDR stands twice")),
            b"PLTE" | b"tRNS" | b"acTL" if !before_pixels => {
                Err(Fault::Malformed("PLTE, tRNS and acTL must stand before IDAT"))
            }
            b"PLTE" => {
                self.colours.palette(chunk.len, &header)?;
                Ok(text(len, found))
            }
            b"tRNS" => {
                self.colours.transparency(chunk.len, &header)?;
                Ok(text(len, found))
            }
            b"bKGD" => {
                self.colours.background(&header)?;
                Ok(text(len, found))
            }
            b"cICP" if chunk.len == 4 => Ok(State::Fixed(Fixed::CodePoints)),
            b"acTL" if chunk.len == Animation::DECLARATION_LEN => {
                Ok(State::Fixed(Fixed::AnimationControl))
            }
            b"fcTL" if chunk.len == Animation::CONTROL_LEN => {
                Ok(State::Fixed(Fixed::FrameControl(header)))
            }
            b"acTL" | b"fcTL" => {
                Err(Fault::Malformed("acTL must hold 8 bytes, and fcTL must hold 26"))
            }
            b"IDAT" => {
                self.image(&header, found)?;
                Ok(State::Data(Data::Pixels, len))
            }
            b"fdAT" => {
                self.frame(&header, found)?;
                let left = len.checked_sub(4);
                left.map(State::Sequence).ok_or(Fault::Malformed("fdAT must hold 4 bytes or more"))
            }
            b"zTXt" => self.keyed(Kind::CompressedText, chunk.len, found),
            b"iTXt" => self.keyed(Kind::InternationalText, chunk.len, found),
            b"iCCP" => self.keyed(Kind::Profile, chunk.len, found),
            b"IEND" => {
                if before_pixels {
                    return Err(Fault::Malformed("there is no IDAT"));
                }
                if len > 0 {
                    return Err(Fault::Malformed("IEND must be empty"));
                }
                self.animation.end()?;
                Ok(State::LastCrc)
            }
            _ if chunk.is_critical() => {
                Err(Fault::Unsupported("it has a critical chunk of an unknown type"))
            }
            // Whatever decoders make of it, another program may read it as text.
            _ => Ok(text(len, found)),
        }
    }

    /// IDAT: the image begins or goes on.
    fn image(&mut self, header: &Header, found: &mut Found) -> Result<(), Fault> {
        if self.pixels.image()? == Run::GoesOn {
            return Ok(());
        }
        self.colours.suffice(header)?;
        let Header { width, height, .. } = *header;
        let frames = Frames::Known(self.animation.images());
        found.declare(ImageHeader { format: Format::Png, width, height, frames });
        self.pixels.begin(header.raw_len(width, height));
        found.frame()
    }

    /// fdAT: a frame begins or goes on.
    fn frame(&mut self, header: &Header, found: &mut Found) -> Result<(), Fault> {
        if self.pixels.frame()? == Run::GoesOn {
            return Ok(());
        }
        let (width, height) = self.animation.frame()?;
        self.pixels.begin(header.raw_len(width, height));
        found.frame()
    }

    fn keyed(&mut self, kind: Kind, len: u32, found: &mut Found) -> Result<State, Fault> {
        self.metadata.begin(kind, len)?;
        found.text.begin();
        Ok(State::Data(Data::Keyed, len.into()))
    }

    /// Data of any length, a piece of it.
    fn read(&mut self, data: Data, bytes: &[u8], found: &mut Found) -> Result<(), Fault> {
        match data {
            Data::Pixels => self.pixels.read(bytes),
            Data::Text => Ok(found.text.scan(bytes)?),
            Data::Keyed => self.metadata.read(bytes, &mut found.text),
        }
    }

    /// Data of a fixed length, once all of it is there.
    fn fixed(&mut self, fixed: Fixed, input: &mut Input<'_>) -> Result<bool, Fault> {
        match fixed {
            Fixed::Header => {
                let Some(data) = self.hashed(input) else { return Ok(false) };
                self.header = Some(Header::parse(data)?);
            }
            Fixed::AnimationControl => {
                let Some(data) = self.hashed(input) else { return Ok(false) };
                self.animation.declare(data)?;
            }
            Fixed::FrameControl(header) => {
                let Some(data) = self.hashed(input) else { return Ok(false) };
                self.animation.control(data, &header, self.pixels.before_image())?;
            }
            Fixed::CodePoints => {
                let Some(data) = self.hashed(input) else { return Ok(false) };
                code_points(data)?;
            }
        }
        Ok(true)
    }

    /// The next `N` bytes, as part of the chunk.
    fn hashed<const N: usize>(&mut self, input: &mut Input<'_>) -> Option<[u8; N]> {
        let bytes = input.take()?;
        self.crc = chunk::extend(self.crc, &bytes);
        Some(bytes)
    }

    fn crc_fits(&self, input: &mut Input<'_>) -> Result<bool, Fault> {
        match input.take().map(u32::from_be_bytes) {
            None => Ok(false),
            Some(crc) if crc == self.crc => Ok(true),
            Some(_) => Err(Fault::Malformed("the CRC of a chunk does not fit")),
        }
    }
}

/// A chunk whose data are only searched for other formats begins.
fn text(len: u64, found: &mut Found) -> State {
    found.text.begin();
    State::Data(Data::Text, len)
}

/// cICP (§11.3.2.6). The decoder `png`, which shrugs off what is wrong in other chunks like it, gives
/// up on an image with one that breaks these rules.
fn code_points([_, _, matrix, full_range]: [u8; 4]) -> Result<(), Fault> {
    if matrix == 0 && full_range <= 1 {
        Ok(())
    } else {
        Err(Fault::Malformed("cICP must have matrix coefficients 0 and a range flag of 0 or 1"))
    }
}
