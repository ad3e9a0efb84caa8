//! JPEG from SOI to EOI (ITU-T T.81, annex B).
//!
//! Segments are walked by their lengths, and entropy-coded data from one 0xff to the next (B.1.1.5).
//! Taken is what decoders at large decode: Huffman coding, sequential or progressive, 8 bits per
//! sample, of 1, 3 or 4 components.
//!
//! The entropy-coded data are not decoded. They are only asked to be as long as the shortest codes
//! there are: a bit for each code, two codes for each block of a sequential image, one for each block
//! in each DC scan of a progressive one. With as few bits libjpeg writes a white page, so no encoder
//! writes less; a header that promises a large image and a scan of a few bytes is no image.
//!
//! EOI must be there, although decoders do without: an image that was cut off looks the same.

mod budget;
mod frame;
mod marker;
mod metadata;
mod scan;
mod tables;

use budget::Budget;
use frame::Frame;
use marker::Marker;
use memchr::memchr;
use metadata::{HEAD_LEN, Metadata};
use scan::Scan;
use tables::Tables;

use super::input::Input;
use super::trailer::Trailer;
use super::walk::{Fault, Found, Progress, Walk};
use super::{Format, Frames, ImageHeader};

/// What every file of the format starts with.
pub(in crate::image) const SIGNATURE: &[u8] = b"\xff\xd8\xff";

/// The longest frame header, of four components, without its length.
const FRAME_MAX: u64 = 18;
/// The longest scan header, of four components, without its length.
const SCAN_MAX: u64 = 12;

/// The walker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walker {
    state: State,
    frame: Option<Frame>,
    tables: Tables,
    budget: Budget,
    metadata: Metadata,
    /// The components that have had their first scan, by their places in the frame.
    begun: u8,
    /// Bytes of entropy-coded data.
    entropy: u64,
    /// The bits that they must have at least.
    bits: u64,
}

const _: () = assert!(size_of::<Walker>() <= 512, "a walker's state has a limit");

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Start,
    Marker,
    Frame {
        progressive: bool,
        len: u64,
    },
    Scan {
        len: u64,
    },
    Tables(tables::Segment),
    RestartInterval,
    /// An application segment, before it is known of which kind.
    Application {
        n: u8,
        len: u64,
    },
    Metadata {
        left: u64,
        kind: Kind,
    },
    Entropy,
    Ended,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Xmp,
    Other,
    /// Its marker lacks the 0xff.
    Unmarked,
}

impl Walk for Walker {
    fn walk(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<Progress, Fault> {
        while self.step(input, found)? {}
        Ok(if matches!(self.state, State::Ended) { Progress::Ended } else { Progress::More })
    }
}

impl Walker {
    /// What may follow, by what the segments announced.
    pub(super) fn trailer(&self) -> Trailer {
        Trailer::of_jpeg(self.metadata.announced)
    }

    /// Reads one thing, if all of it is there: whether to go on.
    fn step(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<bool, Fault> {
        match self.state {
            State::Start => match input.take() {
                Some([0xff, 0xd8]) => self.state = State::Marker,
                Some(_) => return Err(Fault::Malformed("it does not begin with SOI")),
                None => return Ok(false),
            },
            State::Marker => return self.marker(input, found),
            State::Frame { progressive, len } => {
                let Some(header) = whole(input, len) else { return Ok(false) };
                self.frame(Frame::read(header, progressive)?, found)?;
            }
            State::Scan { len } => {
                let Some(header) = whole(input, len) else { return Ok(false) };
                self.scan(header, found)?;
            }
            State::Tables(ref mut segment) => {
                if !segment.read(input, &mut self.tables, &mut self.budget)? {
                    return Ok(false);
                }
                self.state = State::Marker;
            }
            State::RestartInterval => {
                let Some([_, _]) = input.take() else { return Ok(false) };
                self.state = State::Marker;
            }
            State::Application { n, len } => {
                let head_len = usize::try_from(len).unwrap_or(HEAD_LEN).min(HEAD_LEN);
                let Some(head) = input.rest().get(..head_len) else { return Ok(false) };
                let xmp = self.metadata.application(n, head, len, &mut self.tables, found)?;
                found.text.begin();
                let kind = if xmp { Kind::Xmp } else { Kind::Other };
                self.state = State::Metadata { left: len, kind };
            }
            State::Metadata { ref mut left, kind } => {
                let bytes = input.pass(left);
                let done = *left == 0;
                match kind {
                    Kind::Xmp => self.metadata.xmp(bytes, found),
                    Kind::Unmarked => {
                        if let Some(at) = memchr(0xff, bytes) {
                            found.text.scan(bytes.get(..at).unwrap_or_default())?;
                            return Err(HIDDEN_MARKER);
                        }
                    }
                    Kind::Other => {}
                }
                found.text.scan(bytes)?;
                if !done {
                    return Ok(false);
                }
                self.state = State::Marker;
            }
            State::Entropy => return Ok(self.entropy(input)),
            State::Ended => return Ok(false),
        }
        Ok(true)
    }

    fn marker(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<bool, Fault> {
        match input.peek() {
            // A fill byte (B.1.1.2).
            Some([0xff, 0xff]) => {
                input.skip(1);
            }
            Some([0xff, code]) => match Marker::of(code)? {
                Marker::End => {
                    input.skip(2);
                    self.check_complete()?;
                    self.state = State::Ended;
                }
                marker => {
                    let Some([_, _, high, low]) = input.take() else { return Ok(false) };
                    self.segment(marker, content_len(high, low)?, found)?;
                }
            },
            // Some phones leave the 0xff of APP0 or APP1 out. Decoders skip to the next 0xff, so this
            // is only as long as it says if there is none inside.
            Some([0x00, 0xe0 | 0xe1]) => {
                let Some([_, _, high, low]) = input.take() else { return Ok(false) };
                if high == 0xff || low == 0xff {
                    return Err(HIDDEN_MARKER);
                }
                self.budget.spend()?;
                found.text.begin();
                let left = content_len(high, low)?;
                self.state = State::Metadata { left, kind: Kind::Unmarked };
            }
            Some(_) => return Err(Fault::Malformed("a marker was expected")),
            None => return Ok(false),
        }
        Ok(true)
    }

    fn segment(&mut self, marker: Marker, len: u64, found: &mut Found) -> Result<(), Fault> {
        self.budget.spend()?;
        self.state = match marker {
            Marker::Frame { .. } if self.frame.is_some() => {
                return Err(Fault::Malformed("there are two frame headers"));
            }
            Marker::Frame { progressive } if len <= FRAME_MAX => State::Frame { progressive, len },
            Marker::Frame { .. } => return Err(Fault::Malformed("the frame header is too long")),
            Marker::Scan if self.frame.is_none() => return Err(NO_FRAME),
            Marker::Scan if len <= SCAN_MAX => State::Scan { len },
            Marker::Scan => return Err(Fault::Malformed("a scan header is too long")),
            Marker::HuffmanTables => State::Tables(tables::Segment::huffman(len)),
            Marker::QuantisationTables => State::Tables(tables::Segment::quantisation(len)),
            Marker::RestartInterval if len == 2 => State::RestartInterval,
            Marker::RestartInterval => {
                return Err(Fault::Malformed("a restart interval does not have two bytes"));
            }
            Marker::Application(n) => State::Application { n, len },
            Marker::Comment => {
                found.text.begin();
                State::Metadata { left: len, kind: Kind::Other }
            }
            Marker::End => State::Ended,
        };
        Ok(())
    }

    fn frame(&mut self, frame: Frame, found: &mut Found) -> Result<(), Fault> {
        self.frame = Some(frame);
        self.state = State::Marker;
        found.declare(ImageHeader {
            format: Format::Jpeg,
            width: frame.width.into(),
            height: frame.height.into(),
            frames: Frames::Known(1),
        });
        found.frame()
    }

    fn scan(&mut self, header: &[u8], found: &mut Found) -> Result<(), Fault> {
        let frame = self.frame.as_ref().ok_or(NO_FRAME)?;
        let scan = Scan::read(header, frame, self.tables)?;
        if !frame.progressive && self.begun & scan.begun != 0 {
            return Err(Fault::Malformed("a component of a sequential image has two scans"));
        }
        found.scan()?;
        self.begun |= scan.begun;
        self.bits = self.bits.saturating_add(scan.bits);
        self.budget.renew();
        self.state = State::Entropy;
        Ok(())
    }

    /// Reads entropy-coded data up to the next marker (B.1.1.5): whether it came.
    fn entropy(&mut self, input: &mut Input<'_>) -> bool {
        loop {
            let rest = input.rest();
            let at = memchr(0xff, rest).unwrap_or(rest.len());
            self.entropy = self.entropy.saturating_add(input.skip(at).len() as u64);
            match input.peek() {
                // A stuffed byte.
                Some([_, 0x00]) => {
                    input.skip(2);
                    self.entropy = self.entropy.saturating_add(1);
                }
                Some([_, 0xd0..=0xd7]) => {
                    input.skip(2);
                }
                // A fill byte.
                Some([_, 0xff]) => {
                    input.skip(1);
                }
                Some(_) => {
                    self.state = State::Marker;
                    return true;
                }
                None => return false,
            }
        }
    }

    /// What can only be said at EOI.
    fn check_complete(&self) -> Result<(), Fault> {
        let frame = self.frame.as_ref().ok_or(NO_FRAME)?;
        if self.begun != frame.places() {
            return Err(Fault::Malformed("a component has no scan"));
        }
        if self.entropy.saturating_mul(8) < self.bits {
            return Err(Fault::Malformed("the scans are shorter than any code of their blocks"));
        }
        Ok(())
    }
}

const NO_FRAME: Fault = Fault::Malformed("a scan or the end comes before the frame header");
const HIDDEN_MARKER: Fault =
    Fault::Malformed("a segment without the 0xff of its marker has one inside");

/// B.1.1.4: the length counts itself.
fn content_len(high: u8, low: u8) -> Result<u64, Fault> {
    u64::from(u16::from_be_bytes([high, low]))
        .checked_sub(2)
        .ok_or(Fault::Malformed("a segment is shorter than its own length field"))
}

/// All of a short segment, once it is there.
fn whole<'a>(input: &mut Input<'a>, len: u64) -> Option<&'a [u8]> {
    let len = usize::try_from(len).ok()?;
    let bytes = input.rest().get(..len)?;
    input.skip(len);
    Some(bytes)
}

#[cfg(test)]
pub(in crate::image) mod samples;
#[cfg(test)]
mod tests;
