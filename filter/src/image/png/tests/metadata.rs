//! Text and profiles, compressed and not.

use super::*;

#[test]
fn compressed_metadata_has_a_keyword_and_a_known_method() {
    let longest = [b'k'; 79];
    for name in [&b"k"[..], &longest] {
        accepted(&with(&[
            text(b"zTXt", &[name, b"\0\0data"]),
            text(b"iTXt", &[name, b"\0\x01\0en\0name\0data"]),
            text(b"iTXt", &[name, b"\0\0\x09en\0name\0text"]),
            text(b"iCCP", &[name, b"\0\0data"]),
        ]));
    }
    for kind in [b"zTXt", b"iTXt", b"iCCP"] {
        malformed(&with(&[text(kind, &[b"\0\0\0data"])]), "keyword");
        malformed(&with(&[text(kind, &[&longest, b"k\0\0\0data"])]), "keyword");
        for short in [&b""[..], b"key", b"key\0"] {
            malformed(&with(&[text(kind, &[short])]), "ends before");
        }
        let method = if kind == b"iTXt" { &b"key\0\x01\x01data"[..] } else { b"key\0\x01data" };
        malformed(&with(&[text(kind, &[method])]), "compression method");
    }
    malformed(&with(&[text(b"iTXt", &[b"key\0\x02\0data"])]), "compression flag");
    let profile = || text(b"iCCP", &[b"name\0\0data"]);
    malformed(&with(&[profile(), profile()]), "iCCP stands twice");
}

#[test]
fn compressed_metadata_is_limited_and_plain_metadata_is_not() {
    let mebi = 1024 * 1024;
    let sized = |kind: &[u8], start: &[u8], len: usize| {
        text(kind, &[start, &vec![b'x'; len - start.len()]])
    };
    let compressed = |len| sized(b"zTXt", b"key\0\0", len);
    let international = |flag: u8, len| sized(b"iTXt", &[b'k', 0, flag, 0, 0, 0], len);
    let profile = |len| sized(b"iCCP", b"key\0\0", len);
    accepted(&with(&[compressed(mebi), profile(mebi), international(0, 2 * mebi)]));
    accepted(&with(&[sized(b"tEXt", b"key\0", 2 * mebi), international(1, mebi)]));
    for extra in [
        vec![compressed(mebi + 1)],
        vec![international(1, mebi + 1)],
        vec![compressed(mebi / 2), international(1, mebi / 2), compressed(100)],
        vec![profile(mebi + 1)],
    ] {
        match inspect(&[&with(&extra)]) {
            Err(Error::MetadataTooLarge { format: Format::Png, what }) => {
                assert!(what.contains("1 MiB"), "{what}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_chunk_but_those_with_pixels_hides_a_script() {
    let php = Err(Error::Polyglot { format: Format::Png, foreign: Foreign::Php });
    let script = b"<?php echo 1;   ";
    for kind in [b"tEXt", b"eXIf", b"sPLT", b"prVt"] {
        assert_eq!(inspect(&[&with(&[chunk(kind, &[b"key\0", &script[..]].concat())])]), php);
    }
    let palette = [&script[..], b"xx"].concat();
    assert_eq!(inspect(&[&with(&[chunk(b"PLTE", &palette)])]), php);
    // Deflate may store its text as it is.
    assert_eq!(inspect(&[&with(&[text(b"zTXt", &[b"key\0\0\x78\x01", script])])]), php);
}

#[test]
fn what_is_refused_once_stays_refused() {
    let mut inspector = Inspector::new(Expected::Declared(Format::Png), LIMITS);
    let file = with(&[]);
    let (start, rest) = file.split_at(file.len() - 12);
    let refused = inspector.push(&[start, b"\0\0\0\0IHDR"].concat()).unwrap_err();
    assert_eq!(inspector.push(rest), Err(refused));
    assert_eq!(inspector.finish(), Err(refused));
}

#[test]
fn the_first_thing_that_is_wrong_with_a_keyword_is_told_wherever_it_is_cut() {
    for data in [&b"<svg \0\x02"[..], b"a\0\x02<svg "] {
        let file = with(&[text(b"iTXt", &[data])]);
        let bytes: Vec<&[u8]> = file.chunks(1).collect();
        assert_eq!(inspect(&bytes), inspect(&[&file]), "{data:?}");
    }
}

#[test]
fn what_stands_before_a_fault_is_told_wherever_the_file_is_cut() {
    let longest = [&b"PK\x03\x04"[..], &[b'k'; 90]].concat();
    for data in [&b"PK\x03\x04\0\x01data"[..], &longest] {
        for kind in [b"zTXt", b"iCCP"] {
            let file = with(&[text(kind, &[data])]);
            let whole = inspect(&[&file]);
            assert!(matches!(whole, Err(Error::Polyglot { .. })), "{whole:?}");
            assert_eq!(inspect(&file.chunks(1).collect::<Vec<_>>()), whole);
        }
    }
}
