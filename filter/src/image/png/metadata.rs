//! Text and colour profiles (§11.3.2.3, §11.3.3). What is compressed states no size, and is not
//! inflated here: a limit on its bytes keeps what decoders make of it within 1032 times that.

use memchr::memchr;

use crate::image::needles::Needles;
use crate::image::walk::Fault;

/// The most bytes of zTXt and compressed iTXt chunks together, and of an iCCP chunk.
const COMPRESSED_MAX: u64 = 1024 * 1024;
/// The longest keyword (§11.3.3).
const KEYWORD_MAX: u8 = 79;

/// What came of it so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Metadata {
    /// Bytes of chunks with compressed text.
    compressed: u64,
    profile: bool,
    /// The chunk that is being read.
    kind: Kind,
    /// Its length.
    len: u32,
    part: Part,
}

/// The chunks that start with a keyword and may be compressed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Kind {
    /// zTXt.
    #[default]
    CompressedText,
    /// iTXt, compressed or not.
    InternationalText,
    /// iCCP.
    Profile,
}

/// The parts of such a chunk.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// The keyword, after so many bytes of it.
    Keyword(u8),
    CompressionFlag,
    CompressionMethod,
    Compressed,
    /// What may be read as it is, from the compression method of an iTXt chunk on.
    Plain,
}

impl Default for Part {
    fn default() -> Self {
        Self::Keyword(0)
    }
}

impl Metadata {
    /// Such a chunk begins.
    pub(super) fn begin(&mut self, kind: Kind, len: u32) -> Result<(), Fault> {
        (self.kind, self.len, self.part) = (kind, len, Part::default());
        match kind {
            Kind::Profile if self.profile => Err(Fault::Malformed("iCCP stands twice")),
            Kind::Profile => {
                self.profile = true;
                within(len.into(), "an ICC profile takes more than 1 MiB in its compressed form")
            }
            Kind::CompressedText | Kind::InternationalText => Ok(()),
        }
    }

    /// Reads more of it, and shows it to `text`: compressed text may be stored as it is.
    pub(super) fn read(&mut self, mut bytes: &[u8], text: &mut Needles) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let (read, rest) = bytes.split_at(self.of_part(bytes));
            // Searched before it is judged, so that cuts make no difference to what is told.
            text.scan(read)?;
            self.part = self.after(read)?;
            bytes = rest;
        }
        Ok(())
    }

    /// It ends here.
    pub(super) fn end(&self) -> Result<(), Fault> {
        match self.part {
            Part::Compressed | Part::Plain => Ok(()),
            _ => Err(Fault::Malformed("a chunk with a keyword ends before its text does begin")),
        }
    }

    /// How many of `bytes`, which are not empty, belong to the part that is being read.
    fn of_part(&self, bytes: &[u8]) -> usize {
        match self.part {
            Part::Keyword(len) => {
                // With the zero after it.
                let room = usize::from(KEYWORD_MAX.saturating_sub(len)) + 1;
                let near = bytes.get(..room).unwrap_or(bytes);
                memchr(0, near).map_or(near.len(), |at| at + 1)
            }
            Part::CompressionFlag | Part::CompressionMethod => 1,
            Part::Compressed | Part::Plain => bytes.len(),
        }
    }

    /// What comes after `read`, which belongs to the part that is being read.
    fn after(&mut self, read: &[u8]) -> Result<Part, Fault> {
        match (self.part, read) {
            (Part::Keyword(len), _) => self.keyword(len, read),
            (Part::CompressionFlag, [0]) => Ok(Part::Plain),
            (Part::CompressionFlag, [1]) => Ok(Part::CompressionMethod),
            (Part::CompressionFlag, _) => {
                Err(Fault::Malformed("the compression flag is neither 0 nor 1"))
            }
            (Part::CompressionMethod, [0]) => self.compressed(),
            (Part::CompressionMethod, _) => {
                Err(Fault::Malformed("unknown compression method of metadata"))
            }
            (part @ (Part::Compressed | Part::Plain), _) => Ok(part),
        }
    }

    fn keyword(&self, len: u8, read: &[u8]) -> Result<Part, Fault> {
        let wrong = Fault::Malformed("a keyword must have 1 to 79 bytes, and a zero after them");
        let len = len.saturating_add(u8::try_from(read.len()).unwrap_or(u8::MAX));
        match (read.last(), self.kind) {
            (Some(0), _) if len == 1 => Err(wrong),
            (Some(0), Kind::InternationalText) => Ok(Part::CompressionFlag),
            (Some(0), Kind::CompressedText | Kind::Profile) => Ok(Part::CompressionMethod),
            _ if len > KEYWORD_MAX => Err(wrong),
            _ => Ok(Part::Keyword(len)),
        }
    }

    fn compressed(&mut self) -> Result<Part, Fault> {
        if !matches!(self.kind, Kind::Profile) {
            self.compressed = self.compressed.saturating_add(self.len.into());
            within(self.compressed, "its text takes more than 1 MiB in its compressed form")?;
        }
        Ok(Part::Compressed)
    }
}

fn within(len: u64, what: &'static str) -> Result<(), Fault> {
    if len > COMPRESSED_MAX { Err(Fault::MetadataTooLarge(what)) } else { Ok(()) }
}
