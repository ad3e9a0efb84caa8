//! Inspects an image, from its first byte to its last, piece by piece.

use super::input::{Input, TAKE_MAX};
use super::trailer::Trailer;
use super::walk::{Fault, Found, Progress, Walk};
use super::zip_end::ZipEnd;
use super::{Error, Extras, Foreign, Format, Frames, ImageHeader, gif, jpeg, png, webp};
use crate::policy::ImageLimits;

/// Enough bytes to tell the formats apart.
const SIGNATURE_LEN: usize = 12;

/// What an image is expected to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected<'a> {
    /// Of this format, as its media type says.
    Declared(Format),
    /// Of one of these: no media type says more.
    OneOf(&'a [Format]),
}

/// How much of an image is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Those of the route. Width, height and pixels are for whoever asks for the header to judge.
    pub image: ImageLimits,
    /// How far into the image its header may reach, in bytes.
    pub header_bytes: u64,
}

/// What a whole image proved to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Inspected {
    /// What its header declares.
    pub header: ImageHeader,
    /// Frames, counted where the header does not state them.
    pub frames: u32,
    /// What else was recognised.
    pub extras: Extras,
    /// Its length in bytes, with all that follows its end.
    pub len: u64,
}

/// Inspects an image that arrives in pieces.
#[derive(Debug)]
pub struct Inspector {
    declared: Option<Format>,
    /// By the place in [`Format::ALL`].
    taken: [bool; Format::ALL.len()],
    limits: Limits,
    /// Why it was refused: that does not change any more.
    refused: Option<Error>,
    found: Found,
    stage: Stage,
    format: Option<Format>,
    zip: ZipEnd,
    /// What the walker left, to be shown again with more.
    left: [u8; 2 * TAKE_MAX],
    left_len: usize,
    /// Bytes shown so far.
    position: u64,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, and nothing here is on the heap")]
enum Stage {
    Signature,
    Png(png::Walker),
    Jpeg(jpeg::Walker),
    Webp(webp::Walker),
    Gif(gif::Walker),
    Trailer(Trailer),
}

impl Inspector {
    /// Inspects an image that is `expected` to be something, within `limits`.
    pub fn new(expected: Expected<'_>, limits: Limits) -> Self {
        let (declared, taken) = match expected {
            Expected::Declared(format) => (Some(format), Format::ALL.map(|other| other == format)),
            Expected::OneOf(formats) => (None, Format::ALL.map(|format| formats.contains(&format))),
        };
        Self {
            declared,
            taken,
            limits,
            refused: None,
            found: Found::new(limits),
            stage: Stage::Signature,
            format: None,
            zip: ZipEnd::default(),
            left: [0; 2 * TAKE_MAX],
            left_len: 0,
            position: 0,
        }
    }

    /// What the header declares, once it was read. An error after that is of the rest.
    pub fn header(&self) -> Option<ImageHeader> {
        self.found.header()
    }

    /// Reads the next piece.
    ///
    /// # Errors
    /// As soon as the image is known to break a rule; [`Error::TooLarge`] and
    /// [`Error::TooManyPixels`] are not among them.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.refused.is_none() {
            self.refused = self.within_header_bytes(bytes).err();
        }
        self.refused.map_or(Ok(()), Err)
    }

    fn within_header_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.header().is_some() {
            return self.read(bytes);
        }
        // Judging positions and not arrivals is what makes the cuts irrelevant.
        let room = self.limits.header_bytes.saturating_sub(self.position);
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let (near, far) = bytes.split_at(room);
        self.read(near)?;
        match self.header() {
            None if far.is_empty() => Ok(()),
            None => Err(Error::HeaderTooFar { limit: self.limits.header_bytes }),
            Some(_) => self.read(far),
        }
    }

    /// The image ends here.
    ///
    /// # Errors
    /// If it is not complete, or is also something else.
    pub fn finish(&mut self) -> Result<Inspected, Error> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let header = self.header();
        let Some(format) = self.format else { return Err(self.ends_in_signature()) };
        let left = self.left.get(..self.left_len).unwrap_or_default();
        let ended = match &mut self.stage {
            Stage::Signature => Err(Fault::Truncated),
            Stage::Png(walker) => walker.end(&mut self.found),
            Stage::Jpeg(walker) => walker.end(&mut self.found),
            Stage::Webp(walker) => walker.end(&mut self.found),
            Stage::Gif(walker) => walker.end(&mut self.found),
            Stage::Trailer(trailer) => trailer.end(left, &mut self.found),
        };
        ended.map_err(|fault| self.error(format, fault))?;
        if self.zip.found() {
            return Err(Error::Polyglot { format, foreign: Foreign::Zip });
        }
        let header = header.ok_or(Error::Truncated { format })?;
        let frames = header.frames.known().unwrap_or_else(|| self.found.frames());
        Ok(Inspected { header, frames, extras: self.found.extras(), len: self.position })
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.position = self.position.saturating_add(bytes.len() as u64);
        self.zip.scan(bytes);
        if self.left_len > 0 {
            // What was left, and as much as a walker may wait for.
            let (more, _) = bytes.split_at(bytes.len().min(TAKE_MAX));
            let mut shown = [0; 2 * TAKE_MAX];
            let len = self.left_len + more.len();
            shown.copy_from_slice(&self.left);
            if let Some(free) = shown.get_mut(self.left_len..len) {
                free.copy_from_slice(more);
            }
            let mut input = Input::new(shown.get(..len).unwrap_or_default());
            self.walk(&mut input)?;
            let read = len - input.rest().len();
            let Some(of_these) = read.checked_sub(self.left_len) else {
                // It waits for more than there is.
                self.keep(input.rest());
                return Ok(());
            };
            self.left_len = 0;
            bytes = bytes.get(of_these..).unwrap_or_default();
        }
        let mut input = Input::new(bytes);
        self.walk(&mut input)?;
        self.keep(input.rest());
        Ok(())
    }

    /// Keeps what the walker left. It leaves fewer bytes than there is room for.
    fn keep(&mut self, rest: &[u8]) {
        debug_assert!(rest.len() < TAKE_MAX, "a walker left {} bytes", rest.len());
        self.left_len = rest.len().min(TAKE_MAX);
        for (kept, byte) in self.left.iter_mut().zip(rest) {
            *kept = *byte;
        }
    }

    fn walk(&mut self, input: &mut Input<'_>) -> Result<(), Error> {
        loop {
            let found = &mut self.found;
            let progress = match &mut self.stage {
                Stage::Signature => {
                    let Some(signature) = input.peek::<SIGNATURE_LEN>() else { return Ok(()) };
                    let format = self.recognise(&signature)?;
                    self.format = Some(format);
                    self.stage = match format {
                        Format::Png => Stage::Png(png::Walker::default()),
                        Format::Jpeg => Stage::Jpeg(jpeg::Walker::default()),
                        Format::Webp => Stage::Webp(webp::Walker::default()),
                        Format::Gif => Stage::Gif(gif::Walker::default()),
                    };
                    continue;
                }
                Stage::Png(walker) => walker.walk(input, found),
                Stage::Jpeg(walker) => walker.walk(input, found),
                Stage::Webp(walker) => walker.walk(input, found),
                Stage::Gif(walker) => walker.walk(input, found),
                Stage::Trailer(trailer) => trailer.walk(input, found).map(|()| Progress::More),
            };
            let Some(format) = self.format else { return Ok(()) };
            match progress {
                Ok(Progress::More) => return Ok(()),
                Ok(Progress::Ended) => {
                    self.stage = Stage::Trailer(match &self.stage {
                        Stage::Jpeg(walker) => walker.trailer(),
                        _ => Trailer::default(),
                    });
                }
                Err(fault) => return Err(self.error(format, fault)),
            }
        }
    }

    /// The format, if it is one that is expected.
    fn recognise(&self, signature: &[u8; SIGNATURE_LEN]) -> Result<Format, Error> {
        let Some(format) = of_signature(signature) else {
            return Err(self.no_image(Foreign::of_beginning(signature)));
        };
        let taken =
            Format::ALL.iter().zip(self.taken).any(|(other, taken)| taken && *other == format);
        match self.declared {
            _ if taken => Ok(format),
            Some(declared) => Err(Error::OtherFormat { declared, found: format }),
            None => Err(Error::FormatNotTaken { found: format }),
        }
    }

    fn no_image(&self, found: Option<Foreign>) -> Error {
        match self.declared {
            Some(declared) => Error::NotAnImage { declared, found },
            None => Error::NoImage { found },
        }
    }

    /// The file is shorter than any signature.
    fn ends_in_signature(&self) -> Error {
        let start = self.left.get(..self.left_len).unwrap_or_default();
        let begun = self.declared.filter(|declared| {
            let signature = signature_of(*declared);
            signature.starts_with(start) || start.starts_with(signature)
        });
        begun.map_or_else(
            || self.no_image(Foreign::of_beginning(start)),
            |format| Error::Truncated { format },
        )
    }

    fn error(&self, format: Format, fault: Fault) -> Error {
        match fault {
            Fault::Malformed(what) => Error::Malformed { format, what },
            Fault::Unsupported(what) => Error::Unsupported { format, what },
            Fault::MetadataTooLarge(what) => Error::MetadataTooLarge { format, what },
            Fault::Truncated if self.header().is_none() => Error::Truncated { format },
            Fault::Truncated => Error::TailMissing { format },
            Fault::TooManyFrames => {
                Error::TooManyFrames { frames: Frames::Several, max: self.limits.image.max_frames }
            }
            Fault::TooManyScans => Error::TooManyScans { max: self.found.max_scans() },
            Fault::TrailingData => Error::TrailingData { format },
            Fault::Polyglot(foreign) => Error::Polyglot { format, foreign },
        }
    }
}

/// The bytes that every file of a format starts with.
const fn signature_of(format: Format) -> &'static [u8] {
    match format {
        Format::Png => png::SIGNATURE,
        Format::Jpeg => jpeg::SIGNATURE,
        Format::Webp => b"RIFF",
        Format::Gif => b"GIF8",
    }
}

fn of_signature(bytes: &[u8; SIGNATURE_LEN]) -> Option<Format> {
    let format = Format::ALL.into_iter().find(|format| bytes.starts_with(signature_of(*format)))?;
    let fits = match format {
        Format::Png | Format::Jpeg => true,
        Format::Webp => bytes.ends_with(b"WEBP"),
        Format::Gif => bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a"),
    };
    fits.then_some(format)
}
