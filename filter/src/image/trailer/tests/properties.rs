//! What holds of all trailers.

use proptest::prelude::*;

use super::*;

/// Files with each kind of trailer.
fn samples() -> impl Strategy<Value = Vec<u8>> {
    let both = with(&[segment(0xe2, b"MPF\0"), xmp("<x GCamera:MotionPhoto='1'/>")]);
    let time = || samsung::time();
    prop::sample::select(vec![
        [plain(), vec![0; 70]].concat(),
        [plain(), b"\0\0and so on".to_vec()].concat(),
        [plain(), vec![0; 9], b"%PDF-1.7 and so on".to_vec()].concat(),
        [both.clone(), vec![0; 3], plain(), film::film()].concat(),
        [both.clone(), film::film(), samsung::trailer(&[time()])].concat(),
        [
            both,
            samsung::trailer(&[samsung::block(0x0a30, "MotionPhoto_Data", &film::film()), time()]),
        ]
        .concat(),
        [
            plain(),
            vec![0; 2],
            samsung::trailer(&[samsung::block(0x0100, "Sound", &[7; 200]), time()]),
        ]
        .concat(),
    ])
}

proptest! {
    #[test]
    fn where_a_file_is_cut_makes_no_difference(
        file in samples(),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        end in prop::option::of(any::<prop::sample::Index>()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        size in 1_usize..80,
    ) {
        let mut file = file;
        if let Some((at, byte)) = damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(end) = end {
            file.truncate(end.index(file.len()) + 1);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&file[from..cut]);
            from = cut;
        }
        pieces.push(&file[from..]);
        let whole = inspect_in(&[&file]);
        prop_assert_eq!(inspect_in(&pieces), whole);
        prop_assert_eq!(inspect_in(&file.chunks(size).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(
        begun in prop::sample::select(vec![vec![], b"\0\0\x01\x0a\x04\0\0\0name".to_vec(), film::film()]),
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..2], 0..300),
    ) {
        for image in [with_mpf(), with_motion_photo()] {
            let _ = extras(&[image, begun.clone(), bytes.clone()]);
        }
    }
}
