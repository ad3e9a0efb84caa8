//! The containers that image formats and their neighbours are made of.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A marker segment of a JPEG (ITU-T T.81, B.1.1.4).
pub(super) fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len() + 2).expect("a segment holds at most 65,533 bytes");
    [&[0xff, marker][..], &len.to_be_bytes(), data].concat()
}

/// A chunk of a PNG (W3C PNG, third edition, §5.3).
pub(super) fn png_chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).expect("a short chunk");
    let crc = crc32(&[kind, data].concat());
    [&len.to_be_bytes(), kind, data, &crc.to_be_bytes()].concat()
}

/// CRC-32 bit by bit, as the annex of the PNG specification defines it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 }
        })
    })
}

/// A RIFF chunk with its padding (RFC 9649 §2.3).
pub(super) fn riff_chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).expect("a short chunk");
    let padding = &[0][..data.len() & 1];
    [kind, &len.to_le_bytes(), data, padding].concat()
}

/// Data sub-blocks of a GIF, and their terminator (`GIF89a` §15 and §16).
pub(super) fn gif_blocks(data: &[u8]) -> Vec<u8> {
    let block = |block: &[u8]| {
        [&[u8::try_from(block.len()).expect("at most 255 bytes")][..], block].concat()
    };
    [data.chunks(255).flat_map(block).collect(), vec![0]].concat()
}

/// A box (ISO/IEC 14496-12, §4.2).
pub(super) fn iso_box(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len() + 8).expect("a short box");
    [&len.to_be_bytes(), kind, data].concat()
}

/// A zlib stream, compressed as far as it goes.
pub(super) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// A ZIP archive of one stored file (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16).
pub(super) fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("a short file");
    let name_len = u16::try_from(name.len()).expect("a short name");
    let sizes = [crc32(content).to_le_bytes(), len.to_le_bytes(), len.to_le_bytes()].concat();
    let names = [name_len.to_le_bytes(), [0; 2]].concat();
    // Version 2.0, no flags, stored, no time.
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &sizes, &names].concat();
    let local = [b"PK\x03\x04", &common[..], name.as_bytes(), content].concat();
    // No comment, disk 0, no attributes, the local header at 0.
    let central = [b"PK\x01\x02\x14\x00", &common[..], &[0; 14], name.as_bytes()].concat();
    let size = u32::try_from(central.len()).expect("a short directory");
    let at = u32::try_from(local.len()).expect("a short file");
    let counts = [0, 0, 0, 0, 1, 0, 1, 0];
    let end =
        [b"PK\x05\x06", &counts[..], &size.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat();
    [local, central, end].concat()
}

/// Samsung's trailer: blocks, a directory of them, and its length before the last four bytes.
pub(super) fn samsung_trailer(blocks: &[(Vec<u8>, &str, Vec<u8>)]) -> Vec<u8> {
    let mut written = Vec::new();
    let mut starts = Vec::new();
    for (kind, name, data) in blocks {
        starts.push((written.len(), kind));
        let name_len = u32::try_from(name.len()).expect("a short name");
        written
            .extend([&[0, 0][..], kind, &name_len.to_le_bytes(), name.as_bytes(), data].concat());
    }
    let count = u32::try_from(blocks.len()).expect("few blocks");
    let mut directory = [b"SEFH", &101u32.to_le_bytes()[..], &count.to_le_bytes()].concat();
    for (index, (start, kind)) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(written.len(), |next| next.0);
        let back = u32::try_from(written.len() - start).expect("a short trailer");
        let size = u32::try_from(end - start).expect("a short block");
        directory.extend([&[0, 0][..], kind, &back.to_le_bytes(), &size.to_le_bytes()].concat());
    }
    let len = u32::try_from(directory.len()).expect("a short directory");
    [written, directory, len.to_le_bytes().to_vec(), b"SEFT".to_vec()].concat()
}
