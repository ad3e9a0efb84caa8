//! Animations: their number of frames, order and places.

use super::*;

/// An APNG of four by four pixels, with chunks `before` and `after` the default image.
fn animated(before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<u8> {
    png(&[&[rgba()], before, &[idat()], after, &[iend()]].concat())
}

#[test]
fn an_animation_is_as_its_chunks_say() {
    let inspected = accepted(&apng());
    assert_eq!((inspected.header.frames, inspected.frames), (Frames::Known(2), 2));
    // The default image is no part of it: one more to decode.
    let beside = animated(&[actl(1)], &[fctl([0, 4, 4, 0, 0], [0, 0]), fdat(1)]);
    assert_eq!(accepted(&beside).header.frames, Frames::Known(2));
    let alone = animated(&[fctl([0, 4, 4, 0, 0], [0, 0]), actl(1)], &[]);
    assert_eq!(accepted(&alone).header.frames, Frames::Known(1));
}

#[test]
fn an_animation_is_declared_once_and_truly() {
    let first = || fctl([0, 4, 4, 0, 0], [0, 0]);
    let second = || [fctl([1, 4, 4, 0, 0], [0, 0]), fdat(2)];
    malformed(&animated(&[actl(1), actl(1), first()], &[]), "acTL stands twice");
    malformed(&animated(&[first()], &[actl(1)]), "before IDAT");
    malformed(&animated(&[chunk(b"acTL", &[0; 7])], &[]), "hold 8 bytes");
    malformed(&animated(&[actl(0)], &[]), "1 to 2147483647 frames");
    malformed(&animated(&[actl(1 << 31)], &[]), "1 to 2147483647 frames");
    let plays = [1u32.to_be_bytes(), (1u32 << 31).to_be_bytes()].concat();
    malformed(&animated(&[chunk(b"acTL", &plays)], &[]), "repetitions");
    malformed(&animated(&[actl(1)], &[]), "fewer frames");
    malformed(&animated(&[actl(3), first()], &second()), "fewer frames");
    malformed(&animated(&[actl(1), first()], &second()), "more frames");
}

#[test]
fn frames_lie_within_the_image_in_order() {
    let first = || fctl([0, 4, 4, 0, 0], [0, 0]);
    let frame =
        |numbers, operations| animated(&[actl(2), first()], &[fctl(numbers, operations), fdat(2)]);
    accepted(&frame([1, 1, 1, 3, 3], [2, 1]));
    for outside in [[0, 4, 0, 0], [4, 0, 0, 0], [1, 1, 4, 0], [4, 4, 0, 1], [2, 2, u32::MAX, 0]] {
        let [width, height, x, y] = outside;
        malformed(&frame([1, width, height, x, y], [0, 0]), "within the image");
    }
    malformed(&frame([1, 4, 4, 0, 0], [3, 0]), "dispose or blend");
    malformed(&frame([1, 4, 4, 0, 0], [0, 2]), "dispose or blend");
    malformed(&animated(&[actl(1), fctl([0, 4, 3, 0, 0], [0, 0])], &[]), "as large as the image");
    malformed(&frame([2, 4, 4, 0, 0], [0, 0]), "count from 0");
    malformed(&animated(&[actl(1), fctl([1, 4, 4, 0, 0], [0, 0])], &[]), "count from 0");
    let skips = [fctl([1, 4, 4, 0, 0], [0, 0]), fdat(3)];
    malformed(&animated(&[actl(2), first()], &skips), "count from 0");
    malformed(&animated(&[chunk(b"fcTL", &[0; 25])], &[]), "hold 26");
}

#[test]
fn each_frame_has_data_of_its_own() {
    let first = || fctl([0, 4, 4, 0, 0], [0, 0]);
    let next = |sequence| fctl([sequence, 4, 4, 0, 0], [0, 0]);
    let after = |chunks: &[Vec<u8>]| animated(&[actl(2), first()], chunks);
    malformed(&animated(&[actl(2), first(), next(1)], &[]), "a frame has no data");
    malformed(&after(&[next(1)]), "a frame has no data");
    malformed(&after(&[fdat(1)]), "no fcTL announces");
    malformed(&animated(&[actl(1), first(), fdat(1)], &[]), "fdAT stands before IDAT");
    malformed(&after(&[next(1), chunk(b"fdAT", &[0, 0, 2])]), "4 bytes or more");
    let empty = chunk(b"fdAT", &[0, 0, 0, 2]);
    malformed(&after(&[next(1), empty]), "ends before its zlib header");
    let interrupted = [next(1), fdat(2), chunk(b"tIME", &[0; 7]), fdat(3)];
    malformed(&after(&interrupted), "no fcTL announces");
    accepted(&after(&[next(1), chunk(b"tIME", &[0; 7]), fdat(2)]));
    let wide = [
        ihdr(1024, 1024, 8, 0, 0),
        actl(1),
        chunk(b"IDAT", &stream(1100)),
        fctl([0, 1024, 1024, 0, 0], [0, 0]),
        fdat(1),
        iend(),
    ];
    malformed(&png(&wide), "too little image data");
}

#[test]
fn frames_that_no_declaration_makes_an_animation_are_judged_but_do_not_count() {
    let frames = [fctl([0, 4, 4, 0, 0], [0, 0]), fdat(1)];
    assert_eq!(accepted(&animated(&[], &frames)).frames, 1);
    malformed(&animated(&[], &[fdat(0)]), "no fcTL announces");
    malformed(&animated(&[fctl([0, 5, 4, 0, 0], [0, 0])], &[]), "within the image");
}
