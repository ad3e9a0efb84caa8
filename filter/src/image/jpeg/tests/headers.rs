//! Frame headers, scan headers and tables.

use super::*;

#[test]
fn other_codings_are_not_supported() {
    for (code, what) in [
        (0xc3, "lossless coding"),
        (0xc5, "hierarchical coding"),
        (0xc6, "hierarchical coding"),
        (0xc7, "hierarchical coding"),
        (0xc9, "arithmetic coding"),
        (0xca, "arithmetic coding"),
        (0xcb, "lossless coding"),
        (0xcd, "hierarchical coding"),
        (0xcf, "hierarchical coding"),
    ] {
        assert_eq!(unsupported(&jpeg(&[tables(), sof(code, (8, 8), &COLOUR)])), what, "{code:x}");
    }
    assert_eq!(unsupported(&with(&[segment(0xcc, &[0, 0x10])])), "arithmetic coding");
    assert_eq!(unsupported(&with(&[segment(0xde, &[])])), "hierarchical coding");
    assert_eq!(unsupported(&with(&[segment(0xdf, &[0x11])])), "hierarchical coding");
    let late = "the number of lines stands after a scan";
    assert_eq!(unsupported(&jpeg(&[sof(0xc0, (8, 0), &COLOUR)])), late);
    let lines = [sos(&[1], ALL), vec![0], segment(0xdc, &[0, 8])].concat();
    assert_eq!(unsupported(&grey(sof(0xc0, (8, 8), &[(1, 0x11)]), lines, &[])), late);
    let two = sof(0xc0, (8, 8), &[(1, 0x11), (2, 0x11)]);
    assert_eq!(unsupported(&jpeg(&[two])), "other than 1, 3 or 4 components");
    let mut twelve_bits = sof(0xc1, (8, 8), &COLOUR);
    twelve_bits[4] = 12;
    assert_eq!(unsupported(&jpeg(&[twelve_bits])), "other than 8 bits per sample");
}

#[test]
fn a_frame_header_must_be_possible() {
    let frame = |header: Vec<u8>| malformed(&jpeg(&[header]));
    assert_eq!(frame(sof(0xc0, (0, 8), &COLOUR)), "the width is 0");
    assert_eq!(frame(segment(0xc0, &[8, 0, 8, 0, 8])), "the frame header is too short");
    assert_eq!(frame(segment(0xc0, &[8; 19])), "the frame header is too long");
    assert_eq!(
        frame(segment(0xc0, &[8, 0, 8, 0, 8, 3, 1, 0x11, 0])),
        "the frame header does not fit its number of components"
    );
    for sampling in [0x01, 0x10, 0x15, 0x51] {
        let header = sof(0xc0, (8, 8), &[(1, sampling)]);
        assert_eq!(frame(header), "a sampling factor is not 1 to 4");
    }
    assert_eq!(
        frame(segment(0xc0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 4])),
        "a component has no quantisation table 0 to 3"
    );
    let same = [(1, 0x11), (2, 0x11), (1, 0x11)];
    assert_eq!(frame(sof(0xc0, (8, 8), &same)), "two components have the same id");
    let twice = vec![sof(0xc0, (8, 8), &COLOUR), sof(0xc0, (8, 8), &COLOUR)];
    assert_eq!(malformed(&jpeg(&twice)), "there are two frame headers");
    for fractional in [[(1, 0x23), (2, 0x12), (3, 0x12)], [(1, 0x31), (2, 0x11), (3, 0x11)]] {
        assert_eq!(
            unsupported(&jpeg(&[sof(0xc0, (8, 8), &fractional)])),
            "sampling factors that do not divide each other"
        );
    }
}

#[test]
fn huffman_tables_must_be_codes() {
    let table = |content: Vec<u8>| with(&[segment(0xc4, &content)]);
    inspect(&table(vec![])).unwrap();
    inspect(&table(huffman_table(0, 3, &[], &[]))).unwrap();
    let two = [huffman_table(0, 0, &[1, 1], &[0, 15]), huffman_table(1, 3, &[0, 3], &[0, 7, 255])];
    inspect(&table(two.concat())).unwrap();

    let more = "a Huffman table has more codes than there are";
    assert_eq!(malformed(&table(huffman_table(0, 0, &[1, 2], &[0, 1, 2]))), more);
    assert_eq!(malformed(&table(huffman_table(0, 0, &[0, 0, 9], &[0; 9]))), more);
    let many = huffman_table(1, 0, &[[0; 14].as_slice(), &[129, 128]].concat(), &[0; 257]);
    assert_eq!(malformed(&table(many)), "a Huffman table has more than 256 symbols");
    let class = "a Huffman table has an impossible class or id";
    assert_eq!(malformed(&table(huffman_table(2, 0, &[1], &[0]))), class);
    assert_eq!(malformed(&table(huffman_table(0, 4, &[1], &[0]))), class);
    let misfit = "a Huffman table does not fit its segment";
    assert_eq!(malformed(&table(huffman_table(0, 0, &[1, 1], &[0]))), misfit);
    assert_eq!(malformed(&table(huffman_table(0, 0, &[1, 1], &[0, 1, 2]))), misfit);
    assert_eq!(
        malformed(&table(huffman_table(0, 0, &[1, 1], &[0, 16]))),
        "a Huffman table has a DC symbol above 15"
    );
}

#[test]
fn quantisation_tables_must_fit() {
    let table = |content: &[u8]| with(&[segment(0xdb, content)]);
    inspect(&table(&[])).unwrap();
    inspect(&table(&[&[0x13][..], &[1; 128], &[0x02], &[1; 64]].concat())).unwrap();
    let misfit = "a quantisation table does not fit its segment";
    assert_eq!(malformed(&table(&[0; 64])), misfit);
    assert_eq!(malformed(&table(&[0; 66])), misfit);
    assert_eq!(malformed(&table(&[0x10; 65])), misfit);
    let impossible = "a quantisation table has an impossible precision or id";
    assert_eq!(malformed(&table(&[0x20; 65])), impossible);
    assert_eq!(malformed(&table(&[0x04; 65])), impossible);
}

#[test]
fn a_restart_interval_has_two_bytes() {
    inspect(&with(&[segment(0xdd, &[0, 9])])).unwrap();
    for content in [&[0][..], &[0; 3]] {
        let what = malformed(&with(&[segment(0xdd, content)]));
        assert_eq!(what, "a restart interval does not have two bytes");
    }
}

#[test]
fn scans_use_what_is_defined() {
    let frame = || sof(0xc0, (8, 8), &[(1, 0x11)]);
    let scan =
        |before: Vec<Vec<u8>>| jpeg(&[before.concat(), frame(), sos(&[1], ALL), b"\x00".to_vec()]);
    inspect(&scan(vec![dqt(0), dht(0, 0), dht(1, 0)])).unwrap();
    let missing = "a Huffman table is not defined";
    assert_eq!(malformed(&scan(vec![dqt(0), dht(0, 0), dht(1, 1)])), missing);
    assert_eq!(malformed(&scan(vec![dqt(0), dht(0, 1), dht(1, 0)])), missing);
    assert_eq!(
        malformed(&scan(vec![dqt(1), dht(0, 0), dht(1, 0)])),
        "a quantisation table is not defined"
    );
    inspect(&scan(vec![segment(0xe0, b"AVI1\0\0"), dqt(0)])).unwrap();
}

#[test]
fn a_scan_header_must_fit_the_frame() {
    let frame = || sof(0xc0, (8, 8), &COLOUR);
    let scan = |header: Vec<u8>| malformed(&grey(frame(), header, &[]));
    assert_eq!(scan(sos(&[1, 2, 9], ALL)), "a scan has a component that the frame has not");
    assert_eq!(scan(sos(&[1, 2, 2], ALL)), "a scan has a component twice");
    let number = "a scan does not have 1 to 4 components";
    assert_eq!(scan(sos(&[], ALL)), number);
    assert_eq!(scan(segment(0xda, &[5, 0, 0, 0])), number);
    assert_eq!(scan(segment(0xda, &[])), "the scan header is too short");
    assert_eq!(scan(segment(0xda, &[0; 13])), "a scan header is too long");
    let misfit = "the scan header does not fit its number of components";
    assert_eq!(scan(segment(0xda, &[1, 1, 0, 0, 63])), misfit);
    assert_eq!(scan(segment(0xda, &[1, 1, 0, 0, 63, 0, 0])), misfit);
    let ids = "a scan has no Huffman tables 0 to 3";
    assert_eq!(scan(segment(0xda, &[1, 1, 0x40, 0, 63, 0])), ids);
    assert_eq!(scan(segment(0xda, &[1, 1, 0x04, 0, 63, 0])), ids);
    let wide = sof(0xc0, (8, 8), &[(1, 0x42), (2, 0x21), (3, 0x11)]);
    assert_eq!(
        malformed(&grey(wide, sos(&[1, 2, 3], ALL), &[])),
        "a scan has more than 10 blocks in an MCU"
    );
}

#[test]
fn a_sequential_scan_codes_all_coefficients() {
    let scan = |selection| grey(sof(0xc0, (8, 8), &[(1, 0x11)]), sos(&[1], selection), b"\x00");
    inspect(&scan([0, 0, 0])).unwrap();
    for selection in [[0, 62, 0], [1, 63, 0], [0, 63, 0x01], [0, 63, 0x10], [0, 64, 0]] {
        let what = malformed(&scan(selection));
        assert_eq!(what, "a sequential scan does not code all coefficients");
    }
}

#[test]
fn a_progressive_scan_selects_a_band() {
    let scan = |ids: &[u8], selection| {
        malformed(&grey(sof(0xc2, (8, 8), &COLOUR), sos(ids, selection), b"\x00"))
    };
    let coefficients = "a progressive scan selects impossible coefficients";
    for selection in [[0, 63, 0], [0, 1, 0], [5, 4, 0], [1, 64, 0], [64, 64, 0]] {
        assert_eq!(scan(&[1], selection), coefficients, "{selection:?}");
    }
    assert_eq!(scan(&[1, 2], [1, 5, 0]), "a progressive scan has AC of several components");
    let bits = "a progressive scan selects impossible bits";
    for last in [0x0e, 0x11, 0x20, 0xed, 0x12] {
        assert_eq!(scan(&[1], [1, 5, last]), bits, "{last:x}");
    }
}
