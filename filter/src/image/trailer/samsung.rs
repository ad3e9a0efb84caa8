//! Samsung's trailer, as `ExifTool` documents it: blocks, then their directory, at the end of the file.
//!
//! A block is two zeros, its type, the length of its name, its name and its data; it does not state
//! how long it is. The directory is `SEFH`, a version, the number of entries, the entries, its own
//! length, and `SEFT`; an entry is two zeros, the type of a block, how far before `SEFH` it begins,
//! and its size. All numbers are little-endian. Some phones write 30 bytes on a sound after that,
//! from `QDIO` to `BS`.
//!
//! Which bytes are blocks is only known at the end, so whatever looks like one is taken down, and the
//! directory must name nothing else.

use memchr::memchr2;

use super::lookahead::Lookahead;
use crate::image::walk::{Fault, Found};
use crate::image::{Extra, Foreign};

/// The most blocks that are taken down.
const BLOCKS_MAX: usize = 64;
/// The most entries of a directory.
const ENTRIES_MAX: u32 = 64;
const BLOCK_HEADER_LEN: usize = 8;
const NAME_MAX: usize = 64;
/// As much of a block's data as tells another format.
const DATA_SEEN: usize = 64;
/// `SEFH`, version and number of entries; and an entry.
const DIRECTORY_HEADER_LEN: u64 = 12;
const ENTRY_LEN: u64 = 12;
/// The length of the directory and `SEFT`.
const DIRECTORY_END_LEN: u64 = 8;
const SOUND_LEN: u64 = 30;

/// The trailer, as far as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Samsung {
    lookahead: Lookahead,
    /// Where the next place to be seen is in the trailer.
    position: u64,
    blocks: [Block; BLOCKS_MAX],
    blocks_len: usize,
    directory: Option<Directory>,
}

/// What looks like a block.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Block {
    position: u32,
    of_type: u16,
    name_len: u8,
}

/// The last directory that was seen.
#[derive(Clone, Copy, Debug)]
struct Directory {
    position: u64,
    entries: u32,
    /// Where what was not read of it begins.
    next: u64,
    /// It has been read to this end.
    end: Option<u64>,
}

impl Default for Samsung {
    fn default() -> Self {
        Self {
            lookahead: Lookahead::default(),
            position: 0,
            blocks: [Block::default(); BLOCKS_MAX],
            blocks_len: 0,
            directory: None,
        }
    }
}

/// Whether the trailer begins so. Not all of the name need be there.
pub(super) fn begins(at: impl Fn(usize) -> Option<u8>) -> bool {
    let mut near = [0; BLOCK_HEADER_LEN + NAME_MAX];
    let mut len = 0;
    for (place, slot) in near.iter_mut().enumerate() {
        let Some(byte) = at(place) else { break };
        *slot = byte;
        len = place + 1;
    }
    let Some((header, name)) =
        near.get(..len).and_then(<[u8]>::split_first_chunk::<BLOCK_HEADER_LEN>)
    else {
        return false;
    };
    block_header(*header).is_some_and(|(_, name_len)| {
        !name.is_empty() && is_name(name.get(..name_len).unwrap_or(name))
    })
}

impl Samsung {
    /// Reads more.
    pub(super) fn read(&mut self, bytes: &[u8], found: &mut Found) -> Result<(), Fault> {
        let mut lookahead = self.lookahead;
        lookahead.read(bytes, |bytes, places| self.see(bytes, places, found))?;
        self.lookahead = lookahead;
        Ok(())
    }

    /// The file ends here.
    pub(super) fn end(&mut self, found: &mut Found) -> Result<(), Fault> {
        let lookahead = self.lookahead;
        let rest = lookahead.rest();
        self.see(rest, rest.len(), found)?;
        let end = self.directory.and_then(|directory| directory.end);
        if end != Some(self.position) {
            return Err(Fault::TrailingData);
        }
        found.add(Extra::SamsungTrailer);
        Ok(())
    }

    /// Sees as many of `bytes` as there are `places`, each with what follows it.
    fn see(&mut self, bytes: &[u8], places: usize, found: &mut Found) -> Result<(), Fault> {
        let mut place = 0;
        while let Some(to_see) = bytes.get(place..places).filter(|to_see| !to_see.is_empty()) {
            let position = self.position.saturating_add(place as u64);
            // Blocks begin with 0, directories with S; else only the parts of a directory count.
            let of_directory = self
                .directory
                .and_then(|directory| directory.next.checked_sub(position))
                .and_then(|far| usize::try_from(far).ok())
                .unwrap_or(usize::MAX);
            let skipped = memchr2(0, b'S', to_see).unwrap_or(to_see.len()).min(of_directory);
            place += skipped;
            if skipped < to_see.len() {
                let seen = bytes.get(place..).unwrap_or_default();
                self.see_place(position.saturating_add(skipped as u64), seen, found)?;
                place += 1;
            }
        }
        self.position = self.position.saturating_add(places as u64);
        Ok(())
    }

    fn see_place(&mut self, position: u64, seen: &[u8], found: &mut Found) -> Result<(), Fault> {
        if let Some(directory) = self.directory
            && directory.next == position
        {
            self.directory = self.read_directory(directory, seen);
        }
        if seen.starts_with(b"SEFH") {
            self.directory = Directory::begin(position, seen);
        }
        if let Some((header, rest)) = seen.split_first_chunk()
            && let Some((of_type, name_len)) = block_header(*header)
            && let Some((name, data)) = rest.split_at_checked(name_len)
            && is_name(name)
        {
            let data = data.get(..DATA_SEEN).unwrap_or(data);
            if let Some(foreign) = Foreign::of_beginning(data) {
                return Err(Fault::Polyglot(foreign));
            }
            if name == b"MotionPhoto_Data" && data.get(4..8) == Some(b"ftyp") {
                found.add(Extra::MotionPhoto);
            }
            self.take_down(position, of_type, name_len);
        }
        Ok(())
    }

    fn take_down(&mut self, position: u64, of_type: u16, name_len: usize) {
        if let Ok(position) = u32::try_from(position)
            && let Ok(name_len) = u8::try_from(name_len)
            && let Some(slot) = self.blocks.get_mut(self.blocks_len)
        {
            *slot = Block { position, of_type, name_len };
            self.blocks_len += 1;
        }
    }

    /// Reads the next part of the directory; none if that is not what it should be.
    fn read_directory(&self, mut directory: Directory, seen: &[u8]) -> Option<Directory> {
        let read = (directory.next - directory.position - DIRECTORY_HEADER_LEN) / ENTRY_LEN;
        if read < directory.entries.into() {
            let &[0, 0, t0, t1, d0, d1, d2, d3, s0, s1, s2, s3] = seen.first_chunk()? else {
                return None;
            };
            let of_type = u16::from_le_bytes([t0, t1]);
            let distance = u32::from_le_bytes([d0, d1, d2, d3]);
            let size = u32::from_le_bytes([s0, s1, s2, s3]);
            let position = directory.position.checked_sub(distance.into())?;
            let block =
                self.blocks.iter().take(self.blocks_len).find(|block| {
                    u64::from(block.position) == position && block.of_type == of_type
                })?;
            let least = BLOCK_HEADER_LEN + usize::from(block.name_len);
            if (size as usize) < least || size > distance {
                return None;
            }
            directory.next += ENTRY_LEN;
            return Some(directory);
        }
        let &[l0, l1, l2, l3, b'S', b'E', b'F', b'T'] = seen.first_chunk()? else { return None };
        let end = directory.next + DIRECTORY_END_LEN;
        let len = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        if len != directory.next - directory.position {
            return None;
        }
        let after = seen.get(8..).unwrap_or_default();
        let sound = after.starts_with(b"QDIO") && after.get(24..30) == Some(b"QDIOBS");
        directory.next = u64::MAX;
        directory.end = Some(if sound { end + SOUND_LEN } else { end });
        Some(directory)
    }
}

impl Directory {
    fn begin(position: u64, seen: &[u8]) -> Option<Self> {
        let &[_, _, _, _, _, _, _, _, n0, n1, n2, n3] = seen.first_chunk()?;
        let entries = u32::from_le_bytes([n0, n1, n2, n3]);
        (1..=ENTRIES_MAX).contains(&entries).then(|| Self {
            position,
            entries,
            next: position + DIRECTORY_HEADER_LEN,
            end: None,
        })
    }
}

/// The type of a block and the length of its name, if this is the header of one.
fn block_header(header: [u8; BLOCK_HEADER_LEN]) -> Option<(u16, usize)> {
    let [0, 0, t0, t1, name_len, 0, 0, 0] = header else { return None };
    let (of_type, name_len) = (u16::from_le_bytes([t0, t1]), usize::from(name_len));
    (of_type != 0 && (1..=NAME_MAX).contains(&name_len)).then_some((of_type, name_len))
}

fn is_name(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
}
