//! Application segments and comments: what they are, and what they announce.

use memchr::memmem;

use super::tables::Tables;
use crate::image::walk::{Fault, Found};
use crate::image::{Extra, trailer};

/// As many of the first bytes of a segment as tell what it is.
pub(super) const HEAD_LEN: usize = 40;

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
/// The digest, length and offset that follow (XMP specification, part 3, 1.1.3.1).
const EXTENDED_XMP_FIELDS: u64 = 32 + 4 + 4;
/// ICC.1:2022, annex B.4; the number of the chunk and their count follow.
const ICC: &[u8] = b"ICC_PROFILE\0";
const ICC_FIELDS: u64 = 14;
/// ICC.1:2022, 7.2. What is shorter is no profile, and states no size.
const ICC_HEADER: u64 = 128;
/// As much of a profile as fits a segment.
const ICC_CHUNK_MAX: u32 = 65_533 - 14;
const ICC_MAX: u32 = 4 << 20;
/// CIPA DC-007, 5.2.1.
const MPF: &[u8] = b"MPF\0";
/// ISO 21496-1, annex C.
const GAIN_MAP: &[u8] = b"urn:iso:std:iso:ts:21496:-1";

/// What the metadata of an image say of it and of what follows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Metadata {
    pub(super) announced: trailer::Announced,
    /// The bytes of all chunks of ICC profiles.
    profile: u64,
    search: Search,
}

impl Metadata {
    /// The segment `APPn` begins with `head`, which is all of it or [`HEAD_LEN`] bytes. Says whether
    /// it is XMP.
    pub(super) fn application(
        &mut self,
        n: u8,
        head: &[u8],
        len: u64,
        tables: &mut Tables,
        found: &mut Found,
    ) -> Result<bool, Fault> {
        match n {
            // Of these zune-jpeg reads five bytes, and then misses the next marker.
            0 if len == 4 => return Err(Fault::Unsupported("an APP0 segment of four bytes")),
            0 if head.starts_with(b"AVI1\0") => tables.assume_those_of_motion_jpeg(),
            1 if head.starts_with(XMP) => return Ok(self.begin_xmp()),
            1 if head.starts_with(EXTENDED_XMP) => {
                if len < EXTENDED_XMP.len() as u64 + EXTENDED_XMP_FIELDS {
                    return Err(Fault::Malformed("a segment of extended XMP is too short"));
                }
                return Ok(self.begin_xmp());
            }
            2 if head.starts_with(ICC) => self.profile(head, len)?,
            2 if head.starts_with(MPF) => self.announced.images = true,
            2 if head.starts_with(GAIN_MAP) => found.add(Extra::GainMap),
            14 if head.starts_with(b"Adobe") => match (len, head.get(11)) {
                (12, Some(0..=2)) => {}
                _ => return Err(Fault::Malformed("an Adobe segment is not as it should be")),
            },
            _ => {}
        }
        Ok(false)
    }

    /// Reads more of a segment of XMP.
    pub(super) fn xmp(&mut self, bytes: &[u8], found: &mut Found) {
        let announced = &mut self.announced;
        self.search.scan(bytes, |name| match name {
            Name::Film => announced.film = true,
            Name::Images => announced.images = true,
            Name::GainMap => found.add(Extra::GainMap),
        });
    }

    fn begin_xmp(&mut self) -> bool {
        self.search = Search::default();
        true
    }

    /// A chunk of an ICC profile. Chunks that do not fit together are no fault: libjpeg and zune-jpeg
    /// then say that there is no profile.
    fn profile(&mut self, head: &[u8], len: u64) -> Result<(), Fault> {
        const TOO_LARGE: Fault = Fault::MetadataTooLarge("an ICC profile of more than 4 MiB");
        self.profile = self.profile.saturating_add(len.saturating_sub(ICC_FIELDS));
        if self.profile > ICC_MAX.into() {
            return Err(TOO_LARGE);
        }
        let fields = head.get(ICC.len()..).and_then(<[u8]>::first_chunk);
        if let Some(&[1, count, s3, s2, s1, s0]) = fields
            && len >= ICC_FIELDS + ICC_HEADER
        {
            let stated = u32::from_be_bytes([s3, s2, s1, s0]);
            if stated > ICC_MAX {
                return Err(TOO_LARGE);
            }
            if count > 0 && stated > u32::from(count) * ICC_CHUNK_MAX {
                return Err(Fault::Malformed("an ICC profile is larger than its chunks"));
            }
        }
        Ok(())
    }
}

/// What a name in XMP announces.
#[derive(Clone, Copy, Debug)]
enum Name {
    Film,
    Images,
    GainMap,
}

const NAMES: [(&[u8], Name); 6] = [
    (b"MotionPhoto", Name::Film),
    (b"MicroVideo", Name::Film),
    (b"Container:Directory", Name::Images),
    (b"GContainer", Name::Images),
    (b"hdrgm:", Name::GainMap),
    (b"HDRGainMap", Name::GainMap),
];

/// The longest name is a byte longer.
const CARRY: usize = 18;

/// The search for names in XMP, wherever it is cut.
#[derive(Clone, Copy, Debug, Default)]
struct Search {
    carry: [u8; CARRY],
    len: usize,
}

impl Search {
    fn scan(&mut self, bytes: &[u8], mut see: impl FnMut(Name)) {
        let mut look = |bytes: &[u8]| {
            for (name, of) in NAMES {
                if memmem::find(bytes, name).is_some() {
                    see(of);
                }
            }
        };
        let mut seam = [0; 2 * CARRY];
        let near = bytes.get(..CARRY).unwrap_or(bytes);
        let parts = self.carry.iter().take(self.len).chain(near);
        let mut seam_len = 0;
        for (slot, byte) in seam.iter_mut().zip(parts) {
            *slot = *byte;
            seam_len += 1;
        }
        let seam = seam.get(..seam_len).unwrap_or_default();
        if self.len > 0 {
            look(seam);
        }
        look(bytes);
        let source = if bytes.len() < CARRY { seam } else { bytes };
        let last = source.get(source.len().saturating_sub(CARRY)..).unwrap_or_default();
        self.len = last.len();
        for (slot, byte) in self.carry.iter_mut().zip(last) {
            *slot = *byte;
        }
    }
}
