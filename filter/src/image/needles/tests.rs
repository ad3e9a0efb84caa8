//! Metadata with and without something in it, cut everywhere.

use proptest::prelude::*;

use super::*;

/// One piece of metadata, in slices.
fn scan(slices: &[&[u8]]) -> Result<(), Foreign> {
    let mut needles = Needles::default();
    needles.begin();
    slices.iter().try_for_each(|slice| needles.scan(slice))
}

const XMP: &[u8] = br#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:svg="http://www.w3.org/2000/svg" hdrgm:Version="1.0">
   <svg:title>a &lt;script&gt; in words</svg:title>
   <stEvt:action>saved</stEvt:action><photoshop:History>__HALT__</photoshop:History>
   <dc:description>&lt;html&gt; <headline/> <htmlarea/> <?phpx ?></dc:description>
  </rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"#;

const NEEDLES: [(&[u8], Foreign); 9] = [
    (b"%PDF-1", Foreign::Pdf),
    (b"<?php ", Foreign::Php),
    (b"<?PHP\n", Foreign::Php),
    (b"<ScRiPt>", Foreign::Html),
    (b"<html\t", Foreign::Html),
    (b"<!DOCTYPE html>", Foreign::Html),
    (b"<svg/", Foreign::Html),
    (b"<iframe ", Foreign::Html),
    (b"__halt_Compiler", Foreign::Php),
];

#[test]
fn what_programs_write_holds_no_needle() {
    for metadata in [
        XMP,
        b"",
        b"II*\0\x08\0\0\0\x0b\0\x0f\x01\x02\0",
        b"Exif\0\0MM\0*\0\0\0\x08",
        b"http://ns.adobe.com/xap/1.0/\0<?xpacket begin='' ?><x:xmpmeta>",
        b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x1c",
        b"Comment\0Created with GIMP",
        b"parameters\0a cat <lora:fur:0.8> Steps: 20",
        b"Software\0PK and MZ and %PDF are words",
    ] {
        assert_eq!(scan(&[metadata]), Ok(()), "{metadata:?}");
    }
}

#[test]
fn needles_are_found_anywhere_and_wherever_they_are_cut() {
    for (needle, foreign) in NEEDLES {
        for before in [&b"x"[..], XMP, b"<<<<_", &[0; 200]] {
            let whole = [before, needle, b"rest"].concat();
            assert_eq!(scan(&[&whole]), Err(foreign), "{needle:?}");
            let end = before.len() + needle.len();
            assert_eq!(scan(&[&whole[..end - 1]]), Ok(()), "{needle:?} but the last byte");
            let bytes: Vec<&[u8]> = whole.chunks(1).collect();
            assert_eq!(scan(&bytes), Err(foreign), "{needle:?} byte by byte");
            for cut in before.len()..end {
                let (one, other) = whole.split_at(cut);
                assert_eq!(scan(&[one, &[], other]), Err(foreign), "{needle:?} cut at {cut}");
            }
        }
    }
}

#[test]
fn signatures_count_at_the_beginning_and_after_a_keyword_only() {
    let mut program = b"MZ".to_vec();
    program.resize(0x3c, 0);
    program.extend(0x80_u32.to_le_bytes());
    for (signature, foreign) in [
        (&b"PK\x03\x04"[..], Foreign::Zip),
        (b"\x7fELF\x01\x01", Foreign::Elf),
        (b"<body>", Foreign::Html),
        (b"<?=", Foreign::Php),
        (&program, Foreign::Pe),
    ] {
        let keyword = [b"Comment\0", signature].concat();
        let longest = [&[b'k'; 79][..], b"\0", signature].concat();
        for metadata in [signature, &keyword, &longest] {
            assert_eq!(scan(&[metadata]), Err(foreign), "{metadata:?}");
            let bytes: Vec<&[u8]> = metadata.chunks(1).collect();
            assert_eq!(scan(&bytes), Err(foreign), "{metadata:?} byte by byte");
        }
        let too_long = [&[b'k'; 80][..], b"\0", signature].concat();
        let second = [b"one\0two\0", signature].concat();
        let inside = [b"some text ", signature].concat();
        for metadata in [too_long, second, inside] {
            assert_eq!(scan(&[&metadata]), Ok(()), "{metadata:?}");
        }
    }
}

#[test]
fn pieces_are_searched_each_on_its_own() {
    let mut needles = Needles::default();
    for (piece, outcome) in [
        (&b"<scr"[..], Ok(())),
        (b"ipt>", Ok(())),
        (b"%PDF-1", Err(Foreign::Pdf)),
        (b"words", Ok(())),
        (b"<script>", Err(Foreign::Html)),
    ] {
        needles.begin();
        assert_eq!(needles.scan(piece), outcome, "{piece:?}");
    }
}

/// Pieces of needles, signatures and other bytes.
fn metadata() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<Vec<u8>> = NEEDLES
        .iter()
        .map(|(needle, _)| needle.to_vec())
        .chain([b"%PDF-1".to_vec(), b"PK\x03\x04".to_vec(), b"\0".to_vec(), b"<".to_vec()])
        .chain([b"MZ".to_vec(), [vec![0; 58], vec![0x80, 0, 0, 0]].concat()])
        .collect();
    let word = (prop::sample::select(words), 1usize..16).prop_map(|(mut word, len)| {
        word.truncate(if len < 8 { len } else { usize::MAX });
        word
    });
    let other = prop::collection::vec(any::<u8>(), 0..40);
    prop::collection::vec(prop_oneof![word, other], 0..6).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn where_metadata_is_cut_makes_no_difference(
        bytes in metadata(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        let slices: Vec<&[u8]> = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(scan(&slices), scan(&[&bytes]));
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(scan(&single), scan(&[&bytes]));
    }
}
