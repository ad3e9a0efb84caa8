//! The header of a part (RFC 7578 §4, RFC 2046 §5.1).

use super::bounded::Bounded;
use super::error::shown;
use super::members::{Member, Members};
use super::parameters::is_tchar;
use super::{Error, PART_LINES_MAX, Parameterised, disposition};
use crate::Format;

/// As much of a media type as a message shows.
const TYPE_MAX: usize = 64;

/// What the header of a part says, so far.
pub(super) struct PartHead {
    /// Which part it is, counted from 1.
    part: u32,
    /// A checksum of the name of each field that was there.
    names: [Option<u32>; PART_LINES_MAX],
    member: Option<Member>,
    has_filename: bool,
    media: Media,
}

/// What a part says of its type.
enum Media {
    /// Nothing.
    Unstated,
    /// Text in UTF-8.
    Text,
    /// An image, or bytes that may be one.
    Image(Option<Format>),
    /// Something else, as far as a message shows it.
    Other(Bounded<TYPE_MAX>),
}

/// What a part is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// The image, perhaps of a declared format.
    Image(Option<Format>),
    /// The image, in base64.
    Base64,
    /// The field of this index.
    Field(usize),
}

impl PartHead {
    /// The header of a part, counted from 1.
    pub(super) fn new(part: u32) -> Self {
        let names = [None; PART_LINES_MAX];
        Self { part, names, member: None, has_filename: false, media: Media::Unstated }
    }

    /// Which part it is, counted from 1.
    pub(super) fn part(&self) -> u32 {
        self.part
    }

    /// Reads a line that is not empty.
    pub(super) fn line(&mut self, line: &[u8], members: &mut Members) -> Result<(), Error> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(self.fault("expected no folded header lines"));
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) =
            colon.and_then(|colon| line.split_at_checked(colon)).unwrap_or_default();
        if name.is_empty() || !name.iter().all(|&byte| is_tchar(byte)) {
            return Err(self.fault("expected header lines such as \"Content-Type: image/png\""));
        }
        self.first_of_its_name(name)?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        if let Some(field) = ENCODINGS.into_iter().find(|field| is(field)) {
            return Err(Error::PartEncoded { part: self.part, field });
        }
        if is("content-disposition") {
            let disposition = disposition::parse(value)
                .map_err(|what| Error::Disposition { part: self.part, what })?;
            self.member = Some(members.take(disposition.name.as_slice())?);
            self.has_filename = disposition.has_filename;
        } else if is("content-type") {
            self.media = Media::parse(value);
        }
        Ok(())
    }

    /// The header is complete: what is the part?
    pub(super) fn end(&self, members: &Members) -> Result<Part, Error> {
        let Some(member) = self.member else {
            let what = "expected one, such as form-data; name=\"file\"";
            return Err(Error::Disposition { part: self.part, what });
        };
        let name = || members.name(member);
        match member {
            Member::Image => match &self.media {
                Media::Unstated => Ok(Part::Image(None)),
                Media::Image(declared) => Ok(Part::Image(*declared)),
                Media::Text | Media::Other(_) => {
                    Err(Error::ImageType { name: name(), found: self.media.shown() })
                }
            },
            Member::Base64 | Member::Field(_) if self.has_filename => {
                Err(Error::TextIsFile { name: name() })
            }
            Member::Base64 | Member::Field(_) => match &self.media {
                Media::Unstated | Media::Text => Ok(match member {
                    Member::Field(index) => Part::Field(index),
                    Member::Base64 | Member::Image => Part::Base64,
                }),
                Media::Image(_) | Media::Other(_) => {
                    Err(Error::TextType { name: name(), found: self.media.shown() })
                }
            },
        }
    }

    /// Two fields of one name are refused, whatever the name: which of them counts depends on the
    /// reader. Two names with one checksum are refused as well, which no honest part has.
    fn first_of_its_name(&mut self, name: &[u8]) -> Result<(), Error> {
        let mut checksum = crc32fast::Hasher::new();
        for byte in name {
            checksum.update(&[byte.to_ascii_lowercase()]);
        }
        let name = Some(checksum.finalize());
        if self.names.contains(&name) {
            return Err(self.fault("expected each header field once"));
        }
        match self.names.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = name,
            None => return Err(self.fault("expected at most 8 header lines")),
        }
        Ok(())
    }

    fn fault(&self, what: &'static str) -> Error {
        Error::PartHeader { part: self.part, what }
    }
}

const _: () = assert!(PART_LINES_MAX == 8, "a message says 8");

/// Fields that say that a part is not what its bytes are (RFC 7578 §4.7).
const ENCODINGS: [&str; 2] = ["Content-Transfer-Encoding", "Content-Encoding"];

impl Media {
    fn parse(value: &[u8]) -> Self {
        let parsed = Parameterised::parse(value);
        let is_text = |parsed: &Parameterised<'_>| {
            let charset = parsed.parameter("charset");
            parsed.essence.eq_ignore_ascii_case(b"text/plain")
                && charset.is_none_or(|charset| charset.is("utf-8") || charset.is("us-ascii"))
        };
        let image =
            parsed.as_ref().ok_or(NoImageType).and_then(|parsed| image_type(parsed.essence));
        if let Ok(declared) = image {
            return Self::Image(declared);
        }
        if parsed.as_ref().is_some_and(is_text) {
            return Self::Text;
        }
        let mut found = Bounded::new();
        // A message shows no more.
        let _ = found.extend(value.iter().copied());
        Self::Other(found)
    }

    fn shown(&self) -> String {
        match self {
            Self::Unstated => String::new(),
            Self::Text => "text/plain".to_owned(),
            Self::Image(None) => OCTETS.to_owned(),
            Self::Image(Some(format)) => format.media_type().to_owned(),
            Self::Other(found) => shown(found.as_slice()),
        }
    }
}

/// What says nothing of the bytes.
const OCTETS: &str = "application/octet-stream";

/// A media type is not one of an image.
pub(super) struct NoImageType;

/// The format that a media type declares; none in a type that says nothing of the bytes.
pub(super) fn image_type(essence: &[u8]) -> Result<Option<Format>, NoImageType> {
    if essence.eq_ignore_ascii_case(OCTETS.as_bytes()) {
        return Ok(None);
    }
    let format = std::str::from_utf8(essence).ok().and_then(Format::from_media_type);
    format.map(Some).ok_or(NoImageType)
}
