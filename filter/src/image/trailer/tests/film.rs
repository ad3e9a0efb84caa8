//! Films, of boxes (ISO/IEC 14496-12, 4.2).

use super::*;

/// A box with a size of 32 bits.
fn of_type(name: &[u8], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes()[..], name, content].concat()
}

/// A box with a size of 64 bits.
fn large(name: &[u8], size: u64, content: &[u8]) -> Vec<u8> {
    [&1_u32.to_be_bytes()[..], name, &size.to_be_bytes(), content].concat()
}

fn ftyp() -> Vec<u8> {
    of_type(b"ftyp", b"isom\0\0\x02\0isommp42")
}

pub(super) fn film() -> Vec<u8> {
    [ftyp(), of_type(b"mdat", &[0xa5; 300]), of_type(b"moov", &[0; 90])].concat()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be an error")]
fn motion() -> Result<Vec<Extra>, Error> {
    Ok(vec![Extra::MotionPhoto])
}

#[test]
fn a_film_is_walked_if_it_is_announced() {
    assert_eq!(extras(&[with_motion_photo(), film()]), motion());
    let micro = with(&[xmp("<rdf:Description GCamera:MicroVideo='1'/>")]);
    assert_eq!(extras(&[micro, film()]), motion());
    assert_eq!(extras(&[plain(), film()]), Err(TRAILING));
    assert_eq!(extras(&[with_mpf(), film()]), Err(TRAILING));
    assert_eq!(extras(&[with(&[segment(0xfe, b"MotionPhoto")]), film()]), Err(TRAILING));
}

#[test]
fn boxes_have_sizes_of_every_kind() {
    let with = |boxes: &[Vec<u8>]| extras(&[with_motion_photo(), boxes.concat()]);
    assert_eq!(with(&[ftyp()]), motion());
    assert_eq!(with(&[of_type(b"ftyp", &[])]), motion());
    assert_eq!(with(&[of_type(b"ftyp", &[0; 248])]), motion());
    assert_eq!(with(&[of_type(b"ftyp", &vec![0; 65_528])]), motion());
    assert_eq!(with(&[ftyp(), large(b"mdat", 26, &[1; 10]), of_type(b"free", &[])]), motion());
    assert_eq!(with(&[large(b"ftyp", 16, &[])]), motion());
    let to_the_end = |name: &[u8; 4]| [&[0; 4][..], name, b"and so on, to the end"].concat();
    assert_eq!(with(&[ftyp(), to_the_end(b"mdat")]), motion());
    assert_eq!(with(&[ftyp(), to_the_end(b"%PDF")]), Err(TRAILING));
    assert_eq!(with(&[to_the_end(b"ftyp")]), Err(TRAILING));
}

#[test]
fn a_film_must_be_whole() {
    let whole = film();
    for len in [9, 23, 28, 100, whole.len() - 1] {
        let cut = extras(&[with_motion_photo(), whole[..len].to_vec()]).unwrap_err();
        assert!(cut == CUT || cut == TRAILING, "{len}");
    }
    assert_eq!(extras(&[with_motion_photo(), whole[..100].to_vec()]), Err(CUT));
    assert_eq!(extras(&[with_motion_photo(), ftyp(), large(b"mdat", 17, &[])]), Err(CUT));
    let short = extras(&[with_motion_photo(), ftyp(), large(b"mdat", 15, &[])]);
    assert!(matches!(short, Err(Error::Malformed { .. })));
}

#[test]
fn only_boxes_follow_the_first() {
    for after in [
        &b"\0\0\0\x07free"[..],
        b"\0\0\0\x08fre\x01",
        b"\0\0\0\x08-1.7",
        b"\xff\xd8\xff",
        b"text",
        b"\0\0\0\x01",
    ] {
        let parts = [with_motion_photo(), film(), after.to_vec(), vec![9; 100]];
        assert_eq!(extras(&parts), Err(TRAILING), "{after:?}");
        assert_eq!(extras(&parts[..3]), Err(TRAILING), "{after:?}");
    }
    assert_eq!(extras(&[with_motion_photo(), of_type(b"moov", &[0; 8]), ftyp()]), Err(TRAILING));
}

#[test]
fn zeros_may_stand_around_a_film() {
    let found = Ok(vec![Extra::ZeroPadding, Extra::MotionPhoto]);
    for zeros in [1, 2, 7, 8, 100] {
        assert_eq!(extras(&[with_motion_photo(), vec![0; zeros], film()]), found, "{zeros}");
        assert_eq!(extras(&[with_motion_photo(), film(), vec![0; zeros]]), found, "{zeros}");
    }
    assert_eq!(extras(&[with_motion_photo(), film(), vec![0; 9], film()]), Err(TRAILING));
}
