//! Samsung's trailer.

use super::*;

/// A block, and its type.
#[derive(Clone)]
pub(super) struct Block {
    of_type: u16,
    bytes: Vec<u8>,
}

pub(super) fn block(of_type: u16, name: &str, data: &[u8]) -> Block {
    let name_len = u32::try_from(name.len()).unwrap();
    let bytes =
        [&[0, 0][..], &of_type.to_le_bytes(), &name_len.to_le_bytes(), name.as_bytes(), data]
            .concat();
    Block { of_type, bytes }
}

pub(super) fn time() -> Block {
    block(0x0a01, "Image_UTC_Data", b"1458170015363")
}

fn film_block() -> Block {
    block(0x0a30, "MotionPhoto_Data", &film::film())
}

/// The blocks and their directory.
pub(super) fn trailer(blocks: &[Block]) -> Vec<u8> {
    let data: Vec<u8> = blocks.iter().flat_map(|block| block.bytes.clone()).collect();
    let mut entries = Vec::new();
    let mut distance = data.len();
    for block in blocks {
        entries.push(entry(block.of_type, distance, block.bytes.len()));
        distance -= block.bytes.len();
    }
    [data, directory(&entries)].concat()
}

fn entry(of_type: u16, distance: usize, size: usize) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    [&[0, 0][..], &of_type.to_le_bytes(), &number(distance), &number(size)].concat()
}

fn directory(entries: &[Vec<u8>]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    [
        &b"SEFH"[..],
        &number(101),
        &number(entries.len()),
        &entries.concat(),
        &number(12 + 12 * entries.len()),
        b"SEFT",
    ]
    .concat()
}

const SAMSUNG: [Extra; 1] = [Extra::SamsungTrailer];

fn after_plain(trailer: Vec<u8>) -> Result<Vec<Extra>, Error> {
    extras(&[plain(), trailer])
}

#[test]
fn it_needs_no_announcement() {
    assert_eq!(after_plain(trailer(&[time()])), Ok(SAMSUNG.to_vec()));
    let several = [
        time(),
        block(0x0100, "SoundShot_000", &[0; 700]),
        block(0x0aa1, "MCC_Data", b"204"),
        block(0x0001, "DualShot_1", &plain()),
    ];
    assert_eq!(after_plain(trailer(&several)), Ok(SAMSUNG.to_vec()));
    let reversed: Vec<_> = several.iter().rev().cloned().collect();
    assert_eq!(after_plain(trailer(&reversed)), Ok(SAMSUNG.to_vec()));
}

#[test]
fn the_film_in_it_is_recognised() {
    let film = trailer(&[film_block(), time()]);
    assert_eq!(after_plain(film), Ok(vec![Extra::MotionPhoto, Extra::SamsungTrailer]));
    let none = trailer(&[block(0x0a30, "MotionPhoto_Data", b"\0\0\0\x08moov")]);
    assert_eq!(after_plain(none), Ok(SAMSUNG.to_vec()));
    let elsewhere = trailer(&[block(0x0a30, "Other_Data", &film::film())]);
    assert_eq!(after_plain(elsewhere), Ok(SAMSUNG.to_vec()));
}

#[test]
fn it_stands_after_what_else_there_is() {
    let found = Ok(vec![Extra::MultiPicture, Extra::SamsungTrailer]);
    assert_eq!(extras(&[with_mpf(), plain(), trailer(&[time()])]), found);
    let found = Ok(vec![Extra::MotionPhoto, Extra::SamsungTrailer]);
    assert_eq!(extras(&[with_motion_photo(), film::film(), trailer(&[time()])]), found);
    assert_eq!(extras(&[with_motion_photo(), trailer(&[film_block()])]), found);
    assert_eq!(extras(&[with_mpf(), trailer(&[time()]), plain()]), Err(TRAILING));
}

#[test]
fn zeros_may_stand_before_it() {
    let found = Ok(vec![Extra::ZeroPadding, Extra::SamsungTrailer]);
    for zeros in [1, 2, 3, 50] {
        assert_eq!(extras(&[plain(), vec![0; zeros], trailer(&[time()])]), found, "{zeros}");
        // A type that ends with a zero looks like more padding.
        let sound = trailer(&[block(0x0100, "SoundShot_000", &[1; 90])]);
        assert_eq!(extras(&[plain(), vec![0; zeros], sound]), found, "{zeros}");
    }
    assert_eq!(extras(&[plain(), trailer(&[time()]), vec![0]]), Err(TRAILING));
}

#[test]
fn a_record_of_a_sound_may_follow() {
    let sound = [
        &b"QDIO"[..],
        &101_u32.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &[0x11; 8],
        &20_u32.to_le_bytes(),
        b"QDIOBS",
    ]
    .concat();
    assert_eq!(sound.len(), 30);
    let blocks = trailer(&[block(0x0100, "SoundShot_000", &[1; 90])]);
    assert_eq!(extras(&[plain(), blocks.clone(), sound.clone()]), Ok(SAMSUNG.to_vec()));
    assert_eq!(extras(&[plain(), blocks.clone(), sound[..29].to_vec()]), Err(TRAILING));
    assert_eq!(extras(&[plain(), blocks, sound, vec![0]]), Err(TRAILING));
}

#[test]
fn it_must_be_whole() {
    let whole = trailer(&[time(), block(0x0aa1, "MCC_Data", b"204")]);
    for len in 3..whole.len() {
        assert_eq!(after_plain(whole[..len].to_vec()), Err(TRAILING), "{len}");
    }
    assert_eq!(after_plain([whole, b"x".to_vec()].concat()), Err(TRAILING));
}

#[test]
fn its_directory_names_the_blocks() {
    let time = time().bytes;
    let len = time.len();
    let named = |entries: &[Vec<u8>]| after_plain([time.clone(), directory(entries)].concat());
    assert_eq!(named(&[entry(0x0a01, len, len)]), Ok(SAMSUNG.to_vec()));
    assert_eq!(named(&[entry(0x0a01, len, len - 1)]), Ok(SAMSUNG.to_vec()));
    assert_eq!(named(&[entry(0x0a01, len, 22)]), Ok(SAMSUNG.to_vec()));
    for wrong in [
        entry(0x0a02, len, len),
        entry(0x0a01, len - 1, len - 1),
        entry(0x0a01, len + 1, len),
        entry(0x0a01, len, len + 1),
        entry(0x0a01, len, 21),
        vec![0, 1, 0x01, 0x0a, 35, 0, 0, 0, 35, 0, 0, 0],
    ] {
        assert_eq!(named(std::slice::from_ref(&wrong)), Err(TRAILING), "{wrong:?}");
        assert_eq!(named(&[entry(0x0a01, len, len), wrong.clone()]), Err(TRAILING), "{wrong:?}");
    }
    assert_eq!(named(&[]), Err(TRAILING));
    let most = vec![entry(0x0a01, len, len); 64];
    assert_eq!(named(&most), Ok(SAMSUNG.to_vec()));
    assert_eq!(named(&[most, vec![entry(0x0a01, len, len)]].concat()), Err(TRAILING));
}

#[test]
fn only_the_last_directory_counts() {
    let decoy = block(0x0b00, "Decoy", &directory(&[entry(1, 2, 3)]));
    assert_eq!(after_plain(trailer(&[decoy.clone(), time()])), Ok(SAMSUNG.to_vec()));
    assert_eq!(after_plain(trailer(&[time(), decoy])), Ok(SAMSUNG.to_vec()));
    let begun = block(0x0b00, "Begun", b"SSEFH\x65\0\0\0\x01\0\0\0SEFH");
    assert_eq!(after_plain(trailer(&[begun])), Ok(SAMSUNG.to_vec()));
}

#[test]
fn a_block_has_a_printable_name_and_a_type() {
    let one = |of_type, name: &str| after_plain(trailer(&[block(of_type, name, b"data")]));
    assert_eq!(one(0x0a01, &"n".repeat(64)), Ok(SAMSUNG.to_vec()));
    assert_eq!(one(0x0a01, &"n".repeat(65)), Err(TRAILING));
    assert_eq!(one(0x0a01, ""), Err(TRAILING));
    assert_eq!(one(0x0a01, "a\x01b"), Err(TRAILING));
    assert_eq!(one(0, "name"), Err(TRAILING));
    // Further along than the trailer is recognised by.
    assert_eq!(one(0x0a01, &format!("{}\x01", "n".repeat(62))), Err(TRAILING));
}
