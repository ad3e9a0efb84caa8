//! What holds of all images.

use proptest::prelude::*;

use super::*;

/// Images for the properties: with much metadata, and with many scans.
fn samples() -> impl Strategy<Value = Vec<u8>> {
    let rich = with(&[
        segment(0xe1, b"Exif\0\0MM\0\x2a\0\0\0\x08"),
        vec![0x00, 0xe1, 0, 6, 1, 2, 3, 4],
        xmp("<x:xmpmeta hdrgm:Version='1.0'/>"),
        segment(0xe2, b"ICC_PROFILE\0\x01\x01\0\0\0\x04"),
        segment(0xfe, b"a comment"),
    ]);
    let hidden = with(&[
        segment(0xfe, b"before"),
        [&[0x00, 0xe1, 0, 20][..], b"<?php evil(); ?>\xff\xff"].concat(),
    ]);
    prop::sample::select(vec![plain(), progressive(), rich, hidden])
}

proptest! {
    #[test]
    fn where_an_image_is_cut_makes_no_difference(
        image in samples(),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut image = image;
        if let Some((at, byte)) = damage {
            let at = at.index(image.len());
            image[at] = byte;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(image.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&image[from..cut]);
            from = cut;
        }
        pieces.push(&image[from..]);
        let whole = inspect(&image);
        prop_assert_eq!(inspect_in(&pieces), whole);
        prop_assert_eq!(inspect_in(&image.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = inspect(&[&[0xff, 0xd8, 0xff][..], &bytes].concat());
        let _ = inspect(&[&plain()[..40], &bytes].concat());
    }

    #[test]
    fn no_segments_make_it_panic(
        segments in prop::collection::vec(
            (0xc0_u8..=0xff, prop::collection::vec(any::<u8>(), 0..20)), 0..8)
    ) {
        let segments: Vec<_> =
            segments.iter().map(|(code, content)| segment(*code, content)).collect();
        let _ = inspect(&with(&segments));
    }
}
