//! Application segments.

use super::*;

#[test]
fn phones_may_leave_out_an_ff() {
    let unmarked = |code, content: &[u8]| {
        let mut unmarked = segment(code, content);
        unmarked[0] = 0;
        with(&[segment(0xfe, b"before"), unmarked])
    };
    inspect(&unmarked(0xe1, b"Exif\0\0 and so on")).unwrap();
    inspect(&unmarked(0xe0, &[0xe1; 700])).unwrap();
    let hidden = "a segment without the 0xff of its marker has one inside";
    assert_eq!(malformed(&unmarked(0xe1, b"Exif\0\0\xff\xd8")), hidden);
    assert_eq!(malformed(&unmarked(0xe1, &[0; 0x00fd])), hidden);
    assert_eq!(malformed(&unmarked(0xe2, b"")), "a marker was expected");
}

#[test]
fn profiles_are_not_too_large() {
    let chunk = |number, count, stated: u32, len: usize| {
        let mut content = [b"ICC_PROFILE\0", &[number, count][..]].concat();
        content.extend(stated.to_be_bytes());
        content.resize(14 + len, 0);
        segment(0xe2, &content)
    };
    inspect(&with(&[chunk(1, 1, 500, 500)])).unwrap();
    inspect(&with(&[chunk(2, 2, 0, 10), chunk(1, 2, 65_500, 65_519)])).unwrap();
    assert_eq!(
        malformed(&with(&[chunk(1, 1, 65_520, 500)])),
        "an ICC profile is larger than its chunks"
    );
    let large = "an ICC profile of more than 4 MiB";
    assert_eq!(too_large(&with(&[chunk(1, 255, (4 << 20) + 1, 500)])), large);
    let many: Vec<_> = (1..=65).map(|number| chunk(number, 255, 4 << 20, 65_519)).collect();
    assert_eq!(too_large(&with(&many)), large);
    // libjpeg: no profile.
    inspect(&with(&[chunk(0, 0, u32::MAX, 500), chunk(7, 2, u32::MAX, 9)])).unwrap();
    // Shorter than the header of a profile.
    inspect(&with(&[segment(0xe2, b"ICC_PROFILE\0\x01\x01profile")])).unwrap();
}

#[test]
fn what_the_decoder_misreads_is_refused() {
    let adobe = |transform, len| {
        let mut content = b"Adobe\0\x64\0\0\0\0".to_vec();
        content.push(transform);
        content.resize(len, 0);
        with(&[segment(0xee, &content)])
    };
    for transform in 0..=2 {
        inspect(&adobe(transform, 12)).unwrap();
    }
    for image in [adobe(3, 12), adobe(1, 11), adobe(1, 13), adobe(1, 5)] {
        assert_eq!(malformed(&image), "an Adobe segment is not as it should be");
    }
    inspect(&with(&[segment(0xee, b"Ducky")])).unwrap();
    assert_eq!(unsupported(&with(&[segment(0xe0, b"four")])), "an APP0 segment of four bytes");
    let extended = |len| {
        let mut content = b"http://ns.adobe.com/xmp/extension/\0".to_vec();
        content.resize(content.len() + len, 0);
        with(&[segment(0xe1, &content)])
    };
    inspect(&extended(40)).unwrap();
    assert_eq!(malformed(&extended(39)), "a segment of extended XMP is too short");
}

#[test]
fn gain_maps_are_noticed() {
    let iso = segment(0xe2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0");
    assert_eq!(extras(&with(&[iso])), [Extra::GainMap]);
    assert_eq!(extras(&with(&[xmp("<x hdrgm:Version='1.0'/>")])), [Extra::GainMap]);
    assert_eq!(extras(&with(&[xmp("<HDRGainMap:HDRGainMapVersion>")])), [Extra::GainMap]);
    assert_eq!(extras(&with(&[xmp("<x hdrgm='1.0'/>")])), []);
    assert_eq!(extras(&with(&[segment(0xfe, b"hdrgm:Version")])), []);
}

#[test]
fn metadata_hide_no_other_format() {
    let hidden = Err(Error::Polyglot { format: Format::Jpeg, foreign: Foreign::Php });
    let text = b"text <?php evil(); ?>";
    for code in [0xe0, 0xe1, 0xe2, 0xe5, 0xed, 0xee, 0xef, 0xfe] {
        assert_eq!(inspect(&with(&[segment(code, text)])), hidden, "{code:x}");
    }
    assert_eq!(inspect(&with(&[xmp("<x hdrgm='<?php evil(); ?>'/>")])), hidden);
    let mut unmarked = segment(0xe1, text);
    unmarked[0] = 0;
    assert_eq!(inspect(&with(&[segment(0xfe, b""), unmarked])), hidden);
    // Each segment is a text of its own.
    inspect(&with(&[segment(0xfe, b"<?p"), segment(0xfe, b"hp evil(); ?>")])).unwrap();
}
