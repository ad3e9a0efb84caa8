//! Other formats after an image.

use super::*;

fn polyglot(foreign: Foreign) -> Result<Vec<Extra>, Error> {
    Err(Error::Polyglot { format: Format::Jpeg, foreign })
}

/// The beginning of a program for Windows.
fn program(header_at: u32) -> Vec<u8> {
    let mut bytes = b"MZ\x90\0".to_vec();
    bytes.resize(0x3c, 0);
    bytes.extend(header_at.to_le_bytes());
    bytes
}

fn signatures() -> Vec<(Vec<u8>, Foreign)> {
    vec![
        (b"PK\x03\x04".to_vec(), Foreign::Zip),
        (b"%PDF-1.7".to_vec(), Foreign::Pdf),
        (b"\x7fELF\x02\x01\x01".to_vec(), Foreign::Elf),
        (program(0x80), Foreign::Pe),
        (b"<!DOCTYPE html>".to_vec(), Foreign::Html),
        (b"\n<script>".to_vec(), Foreign::Html),
        (b"<?php ".to_vec(), Foreign::Php),
    ]
}

#[test]
fn the_signature_of_another_format_is_named() {
    for (signature, foreign) in signatures() {
        for zeros in [0, 1, 64, 500] {
            let parts = [plain(), vec![0; zeros], signature.clone()];
            assert_eq!(extras(&parts), polyglot(foreign), "{zeros} {foreign:?}");
            let longer = [&parts[..], &[vec![b'x'; 200]]].concat();
            assert_eq!(extras(&longer), polyglot(foreign), "{zeros} {foreign:?}");
        }
        assert_eq!(extras(&[with_mpf(), plain(), signature.clone()]), polyglot(foreign));
        let zeros = vec![0; 8];
        let parts = [with_motion_photo(), film::film(), zeros, signature.clone()];
        assert_eq!(extras(&parts), polyglot(foreign));
        // Some could be the header of a box, were it not that large.
        let at_once = extras(&[with_motion_photo(), film::film(), signature]);
        assert!(at_once == polyglot(foreign) || at_once == Err(CUT), "{foreign:?}");
    }
    assert_eq!(extras(&[plain(), program(0x0100_0000)]), Err(TRAILING));
}

#[test]
fn a_block_of_samsung_is_of_no_other_format() {
    for (signature, foreign) in signatures() {
        let hidden = samsung::block(0x0b00, "Hidden", &signature);
        for blocks in [vec![hidden.clone(), samsung::time()], vec![samsung::time(), hidden.clone()]]
        {
            let parts = [plain(), samsung::trailer(&blocks)];
            assert_eq!(extras(&parts), polyglot(foreign), "{foreign:?}");
        }
    }
    let inside = samsung::block(0x0b00, "Inside", b"the text %PDF-1.7");
    let parts = [plain(), samsung::trailer(&[inside])];
    assert_eq!(extras(&parts), Ok(vec![Extra::SamsungTrailer]));
}

#[test]
fn the_metadata_of_a_further_image_hide_nothing() {
    let hiding = with(&[segment(0xfe, b"<?php evil(); ?>")]);
    assert_eq!(extras(&[with_mpf(), hiding]), polyglot(Foreign::Php));
}
