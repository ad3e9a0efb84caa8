//! GIF from its header to its trailer (the specification of 1990, version 89a).
//!
//! Blocks are hopped over from one length to the next. Version 87a has no extensions, but decoders
//! read them in it all the same, and so does this.

mod lzw;
#[cfg(test)]
mod tests;

use self::lzw::Lzw;
use super::input::Input;
use super::walk::{Fault, Found, Progress, Walk};
use super::{Format, Frames, ImageHeader};

/// The walker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walker {
    state: State,
    /// Pixels of the logical screen.
    screen: u64,
    /// Whether there is a global colour table.
    coloured: bool,
    /// The data of the frame that is being read.
    lzw: Lzw,
}

const _: () = assert!(size_of::<Walker>() <= 512, "a walker is small");

/// What comes next.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// The header and the logical screen descriptor.
    #[default]
    Start,
    /// So many bytes of the global colour table.
    GlobalColours(u64),
    /// The first byte of a block.
    Block,
    /// The label of an extension.
    Extension,
    /// The block of a graphic control extension, and its terminator.
    GraphicControl,
    /// The descriptor of an image.
    Image,
    /// So many bytes of a local colour table, before the data of an image of so many pixels.
    LocalColours(u64, u64),
    /// The minimum code size, before the data of an image of so many pixels.
    CodeSize(u64),
    /// The length of the first sub-block.
    First(Data),
    /// The length of another sub-block, or the terminator.
    Next(Data),
    /// So many bytes of a sub-block.
    SubBlock(Data, u64),
    End,
}

/// What is made of the data of sub-blocks.
#[derive(Clone, Copy, Debug)]
enum Data {
    Pixels,
    Text,
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
            State::Start => {
                let Some(start) = input.take() else { return Ok(None) };
                self.start(start, found).map(Some)
            }
            State::GlobalColours(mut left) => {
                input.pass(&mut left);
                self.state = State::GlobalColours(left);
                Ok((left == 0).then_some(State::Block))
            }
            State::Block => {
                // Some encoders put zeros after a frame, and viewers pass over them. Before the first
                // frame the decoder `gif` gives up on them.
                if found.frames() > 0 {
                    let zeros = input.rest().iter().take_while(|byte| **byte == 0).count();
                    input.skip(zeros);
                }
                let Some([block]) = input.take() else { return Ok(None) };
                of_block(block, found).map(Some)
            }
            State::Extension => {
                let Some([label]) = input.take() else { return Ok(None) };
                of_extension(label, found).map(Some)
            }
            State::GraphicControl => {
                let Some([len, _, _, _, _, terminator]) = input.take() else { return Ok(None) };
                if len != 4 || terminator != 0 {
                    return Err(Fault::Malformed("a graphic control extension must hold 4 bytes"));
                }
                Ok(Some(State::Block))
            }
            State::Image => {
                let Some(descriptor) = input.take() else { return Ok(None) };
                self.image(descriptor, found).map(Some)
            }
            State::LocalColours(mut left, pixels) => {
                input.pass(&mut left);
                self.state = State::LocalColours(left, pixels);
                Ok((left == 0).then_some(State::CodeSize(pixels)))
            }
            State::CodeSize(pixels) => {
                let Some([min_code_size]) = input.take() else { return Ok(None) };
                self.lzw = Lzw::of(pixels, min_code_size)?;
                Ok(Some(State::First(Data::Pixels)))
            }
            State::First(data) => {
                let Some([len]) = input.take() else { return Ok(None) };
                self.sub_block(data, len).map(Some)
            }
            State::Next(data) => {
                let Some(len) = input.take() else { return Ok(None) };
                // Who looks for something else in the file reads the lengths as part of it; those of
                // XMP are part of it, as its text is not cut into sub-blocks at all.
                if matches!(data, Data::Text) {
                    found.text.scan(&len)?;
                }
                let [len] = len;
                self.sub_block(data, len).map(Some)
            }
            State::SubBlock(data, mut left) => {
                let bytes = input.pass(&mut left);
                match data {
                    Data::Pixels => self.lzw.read(bytes),
                    Data::Text => found.text.scan(bytes)?,
                }
                self.state = State::SubBlock(data, left);
                Ok((left == 0).then_some(State::Next(data)))
            }
            State::End => Ok(Some(State::End)),
        }
    }

    /// The header (§17) and the logical screen descriptor (§18).
    fn start(&mut self, start: [u8; 13], found: &mut Found) -> Result<State, Fault> {
        let [.., w0, w1, h0, h1, flags, _, _] = start;
        let width = u16::from_le_bytes([w0, w1]).into();
        let height = u16::from_le_bytes([h0, h1]).into();
        if width == 0 || height == 0 {
            return Err(Fault::Malformed("width and height of the screen must not be 0"));
        }
        let frames = Frames::Unstated;
        found.declare(ImageHeader { format: Format::Gif, width, height, frames });
        self.screen = u64::from(width) * u64::from(height);
        self.coloured = has_colours(flags);
        Ok(if self.coloured { State::GlobalColours(colours_len(flags)) } else { State::Block })
    }

    /// An image descriptor (§20).
    fn image(&mut self, descriptor: [u8; 9], found: &mut Found) -> Result<State, Fault> {
        let [_, _, _, _, w0, w1, h0, h1, flags] = descriptor;
        let width = u64::from(u16::from_le_bytes([w0, w1]));
        let height = u64::from(u16::from_le_bytes([h0, h1]));
        let pixels = width * height;
        if pixels == 0 {
            return Err(Fault::Malformed("width and height of a frame must not be 0"));
        }
        // Decoders cut off what reaches beyond the screen, so it may; but it is decoded before that,
        // and what was judged and paid for is the screen.
        if pixels > self.screen {
            return Err(Fault::Malformed("a frame has more pixels than the screen"));
        }
        found.frame()?;
        if has_colours(flags) {
            Ok(State::LocalColours(colours_len(flags), pixels))
        } else if self.coloured {
            Ok(State::CodeSize(pixels))
        } else {
            Err(Fault::Unsupported("a frame has no colour table, neither its own nor a global one"))
        }
    }

    /// A sub-block (§15) begins, or there are no more (§16).
    fn sub_block(&mut self, data: Data, len: u8) -> Result<State, Fault> {
        match (len, data) {
            (0, Data::Pixels) => self.lzw.end().map(|()| State::Block),
            (0, Data::Text) => Ok(State::Block),
            _ => Ok(State::SubBlock(data, len.into())),
        }
    }
}

/// A block begins with this byte.
fn of_block(block: u8, found: &Found) -> Result<State, Fault> {
    match block {
        0x21 => Ok(State::Extension),
        0x2c => Ok(State::Image),
        0x3b if found.frames() == 0 => Err(Fault::Malformed("there is no frame")),
        0x3b => Ok(State::End),
        _ => Err(Fault::Malformed("neither a frame nor an extension nor the end follows a block")),
    }
}

/// An extension has this label.
fn of_extension(label: u8, found: &mut Found) -> Result<State, Fault> {
    match label {
        0xf9 => Ok(State::GraphicControl),
        // Plain text (§25), comments (§24), and what applications write (§26): XMP, loops, profiles.
        0x01 | 0xfe | 0xff => {
            found.text.begin();
            Ok(State::First(Data::Text))
        }
        // The specification would have others skipped, but the decoder `gif` gives up on them.
        _ => Err(Fault::Unsupported("it has an extension of an unknown kind")),
    }
}

/// Whether there is a colour table.
fn has_colours(flags: u8) -> bool {
    flags & 0x80 != 0
}

/// Bytes of a colour table (§19): two colours to 256.
fn colours_len(flags: u8) -> u64 {
    3 << ((flags & 7) + 1)
}
