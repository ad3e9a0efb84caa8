//! Archives built by hand, at the end of files and in them.

use proptest::prelude::*;

use super::*;

/// What a reader finds of a file in slices.
fn found<'a>(slices: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut zip = ZipEnd::default();
    slices.into_iter().for_each(|slice| zip.scan(slice));
    zip.found()
}

/// A local file with its data (§4.3.7), stored.
fn local() -> Vec<u8> {
    let fixed = [0_u8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    [b"PK\x03\x04\x0a\0", &fixed[..], &[0; 4], &[5, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0], b"ahello"]
        .concat()
}

/// The header of that file in the central directory (§4.3.12).
fn directory() -> Vec<u8> {
    let mut header = b"PK\x01\x02".to_vec();
    header.resize(46, 0);
    header[20..30].copy_from_slice(&[5, 0, 0, 0, 5, 0, 0, 0, 1, 0]);
    header.push(b'a');
    header
}

/// The end record (§4.3.16) of a directory of `size` bytes.
fn end(entries: u16, size: u32, comment: &[u8]) -> Vec<u8> {
    let [e0, e1] = entries.to_le_bytes();
    let len = u16::try_from(comment.len()).unwrap().to_le_bytes();
    [
        b"PK\x05\x06\0\0\0\0",
        &[e0, e1, e0, e1][..],
        &size.to_le_bytes(),
        &[40, 0, 0, 0],
        &len,
        comment,
    ]
    .concat()
}

/// An archive of two files.
fn archive(comment: &[u8]) -> Vec<u8> {
    [local(), local(), directory(), directory(), end(2, 94, comment)].concat()
}

/// Random bytes, the same every time (xorshift).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| word()).collect();
    bytes.truncate(len);
    bytes
}

#[test]
fn an_archive_is_found_at_the_end_of_a_file_and_in_it() {
    let image = noise(100_000);
    let zip = archive(b"");
    assert!(found([&zip[..]]));
    assert!(found([&image[..], &zip]));
    // In the last chunk of a file, which goes on after it: within the reach of all readers.
    for after in [1, 12, 65_000] {
        assert!(found([&image[..], &zip, &image[..after]]), "{after} bytes after it");
    }
    assert!(!found([&image[..], &zip, &image[..70_000]]), "out of every reader's reach");
    // As a comment that says how long it is; and a comment longer than the file.
    assert!(found([&image[..], &archive(&vec![b'c'; 65_535])]));
    let mut cut = archive(&[b'c'; 300]);
    cut.truncate(cut.len() - 200);
    assert!(found([&image[..], &cut]));
}

#[test]
fn fields_that_some_reader_ignores_hide_no_archive() {
    let members = [local(), directory()].concat();
    for (field, at) in
        [("disk", 4), ("disk of the directory", 6), ("entries here", 8), ("entries", 10)]
    {
        let mut record = end(1, 47, b"");
        record[at] ^= 0x55;
        assert!(found([&members[..], &record]), "{field}");
    }
    let mut offset = end(1, 47, b"");
    offset[16..20].copy_from_slice(&[0xff; 4]);
    assert!(found([&members[..], &offset]), "offset of the directory");
}

#[test]
fn an_archive_whose_sizes_are_in_a_zip64_record_is_found() {
    let members = [local(), directory()].concat();
    let record = [&b"PK\x06\x06"[..], &[0; 52]].concat();
    let locator = [&b"PK\x06\x07"[..], &[0; 16]].concat();
    for size in [u32::MAX, 0, 47] {
        let zip = [&members, &record, &locator, &end(0xffff, size, b"")[..]].concat();
        assert!(found([&zip[..]]), "{size}");
        assert!(found(zip.chunks(1)), "{size} byte by byte");
    }
    let apart = [&members, &record, &locator, &b"x"[..], &end(0xffff, u32::MAX, b"")].concat();
    assert!(!found([&apart[..]]));
}

#[test]
fn what_is_no_archive_is_not_found() {
    let image = noise(1000);
    let before = [&image, &local()[..], &directory()].concat();
    for (what, rest) in [
        ("no end record", vec![]),
        ("an end record cut short", end(1, 47, b"")[..21].to_vec()),
        ("a directory longer than the file", end(1, 5000, b"")),
        ("a directory shorter than an entry", end(1, 45, b"")),
    ] {
        assert!(!found([&before[..], &rest]), "{what}");
    }
    let record = end(1, 100, b"");
    assert!(!found([&image[..], &record]), "no directory");
    assert!(!found([&before[..], &image, &record]), "a directory farther away than its size");
    assert!(!found([&record[..], &before]), "a directory after the record only");
    assert!(!found([&end(0, 0, b"")[..]]), "an empty archive");
}

#[test]
fn random_megabytes_are_no_archive() {
    let bytes = noise(8 << 20);
    assert!(!found(bytes.chunks(64 * 1024)));
    // Nor with the signatures that chance would need 4 GB for.
    let mut sown = bytes;
    for at in (0..sown.len() - 30).step_by(997) {
        let signature: &[u8] = if at % 2 == 0 { b"PK\x05\x06" } else { b"PK\x03\x04" };
        sown[at..at + 4].copy_from_slice(signature);
    }
    assert!(!found(sown.chunks(64 * 1024)));
}

#[test]
fn a_false_record_hides_no_real_one_inside_it() {
    let members = [local(), directory()].concat();
    for inside in 4..22 {
        let mut bytes = [&members, &b"PK\x05\x06"[..], &[0xff; 18]].concat();
        bytes.truncate(members.len() + inside);
        let size = 47 + u32::try_from(inside).unwrap();
        bytes.extend(end(1, size, b""));
        assert!(found([&bytes[..]]), "{inside}");
        assert!(found(bytes.chunks(1)), "{inside} byte by byte");
    }
}

/// Files with archives, parts of archives and other bytes in them.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let locator = [&b"PK\x06\x07"[..], &[0; 16]].concat();
    let parts = prop::sample::select(vec![
        archive(b"ab"),
        local(),
        directory(),
        end(1, 47, b""),
        end(9, 500, b"xy"),
        end(0, 0, b""),
        locator,
        b"PK".to_vec(),
        b"PK\x05\x06".to_vec(),
        b"PK\x01\x02".to_vec(),
    ]);
    let part = (parts, 1_usize..60).prop_map(|(mut part, len)| {
        part.truncate(if len < 24 { len } else { usize::MAX });
        part
    });
    let other = prop::collection::vec(any::<u8>(), 0..50);
    prop::collection::vec(prop_oneof![3 => part, 1 => other], 0..7).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn where_a_file_is_cut_makes_no_difference(
        file in files(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
        ends.extend([0, file.len()]);
        ends.sort_unstable();
        let whole = found([&file[..]]);
        prop_assert_eq!(found(ends.windows(2).map(|pair| &file[pair[0]..pair[1]])), whole);
        prop_assert_eq!(found(file.chunks(1)), whole);
    }
}
