//! What follows an image, built from the specifications, whole and damaged.

mod film;
mod polyglots;
mod properties;
mod samsung;

use super::super::jpeg::samples::{plain, segment, with, xmp};
use crate::image::{Error, Expected, Extra, Foreign, Format, Inspected, Inspector, Limits};
use crate::policy::ImageLimits;

const LIMITS: Limits = Limits {
    image: ImageLimits {
        max_width: 1000,
        max_height: 1000,
        max_pixels: 1_000_000,
        max_frames: 1,
        max_scans: 10,
    },
    header_bytes: 1 << 20,
};

const TRAILING: Error = Error::TrailingData { format: Format::Jpeg };
const CUT: Error = Error::TailMissing { format: Format::Jpeg };

fn inspect_in(pieces: &[&[u8]]) -> Result<Inspected, Error> {
    let mut inspector = Inspector::new(Expected::Declared(Format::Jpeg), LIMITS);
    for piece in pieces {
        inspector.push(piece)?;
    }
    inspector.finish()
}

/// What is recognised in the parts of a file, joined.
fn extras(parts: &[Vec<u8>]) -> Result<Vec<Extra>, Error> {
    inspect_in(&[&parts.concat()]).map(|inspected| inspected.extras.iter().collect())
}

/// An image that announces further images, in the way of CIPA DC-007.
fn with_mpf() -> Vec<u8> {
    with(&[segment(0xe2, b"MPF\0MM\0\x2a\0\0\0\x08")])
}

/// An image that announces a film.
fn with_motion_photo() -> Vec<u8> {
    with(&[xmp("<rdf:Description GCamera:MotionPhoto='1'/>")])
}

#[test]
fn zeros_may_follow() {
    assert_eq!(extras(&[plain()]), Ok(vec![]));
    for len in [1, 2, 3, 63, 64, 65, 5000] {
        assert_eq!(extras(&[plain(), vec![0; len]]), Ok(vec![Extra::ZeroPadding]), "{len}");
    }
}

#[test]
fn anything_else_is_refused() {
    for zeros in [0, 1, 2, 3, 4, 100] {
        for trailing in [&b"\n"[..], b"\xff", b"\xff\xd9", b"\xff\xd8\xff", b"and so on", &[7; 500]]
        {
            let parts = [plain(), vec![0; zeros], trailing.to_vec()];
            assert_eq!(extras(&parts), Err(TRAILING), "{zeros} {trailing:?}");
        }
    }
}

#[test]
fn further_images_are_walked_if_they_are_announced() {
    let found = Ok(vec![Extra::MultiPicture]);
    assert_eq!(extras(&[with_mpf(), plain()]), found);
    assert_eq!(extras(&[with_mpf(), plain(), plain()]), found);
    let directory = with(&[xmp("<Container:Directory><rdf:Seq>")]);
    assert_eq!(extras(&[directory, plain()]), found);
    assert_eq!(extras(&[with(&[xmp("xmlns:GContainer='x'")]), plain()]), found);
    assert_eq!(extras(&[plain(), plain()]), Err(TRAILING));
    assert_eq!(extras(&[with(&[segment(0xe2, b"MPF")]), plain()]), Err(TRAILING));
    assert_eq!(extras(&[with(&[segment(0xfe, b"MPF\0")]), plain()]), Err(TRAILING));
    // That a further image announces more is not heard.
    assert_eq!(extras(&[with_mpf(), with_motion_photo(), film::film()]), Err(TRAILING));
}

#[test]
fn zeros_may_stand_between_images() {
    let found = Ok(vec![Extra::ZeroPadding, Extra::MultiPicture]);
    assert_eq!(extras(&[with_mpf(), vec![0; 5], plain()]), found);
    assert_eq!(extras(&[with_mpf(), plain(), vec![0; 500]]), found);
}

#[test]
fn what_is_announced_need_not_be_there() {
    assert_eq!(extras(&[with_mpf()]), Ok(vec![]));
    assert_eq!(extras(&[with_motion_photo()]), Ok(vec![]));
    assert_eq!(extras(&[with_mpf(), vec![0]]), Ok(vec![Extra::ZeroPadding]));
}

#[test]
fn a_further_image_must_be_whole() {
    assert_eq!(extras(&[with_mpf(), plain()[..100].to_vec()]), Err(CUT));
    assert_eq!(extras(&[with_mpf(), b"\xff\xd8\xff".to_vec()]), Err(CUT));
    let broken = with(&[segment(0xdd, &[0])]);
    assert!(matches!(extras(&[with_mpf(), broken]), Err(Error::Malformed { .. })));
    assert_eq!(extras(&[with_mpf(), plain(), b"more".to_vec()]), Err(TRAILING));
}

#[test]
fn there_are_not_too_many_further_images() {
    assert_eq!(extras(&[with_mpf(), plain().repeat(16)]), Ok(vec![Extra::MultiPicture]));
    assert_eq!(extras(&[with_mpf(), plain().repeat(17)]), Err(TRAILING));
}

#[test]
fn a_further_image_declares_nothing_of_the_file() {
    let large = with(&[segment(0xfe, &[0; 1000])]);
    let file = [with_mpf(), large].concat();
    let inspected = inspect_in(&[&file]).unwrap();
    assert_eq!((inspected.header.width, inspected.len), (16, file.len() as u64));
    // The main image and each further one may have ten scans.
    let scans = |count: usize| {
        use crate::image::jpeg::samples::{dht, dqt, jpeg, sof, sos};
        let first = [sos(&[1], [0, 0, 0]), vec![0]].concat();
        let more = [sos(&[1], [1, 5, 0]), vec![0]].concat().repeat(count - 1);
        let mpf = segment(0xe2, b"MPF\0");
        jpeg(&[mpf, dqt(0), dht(0, 0), dht(1, 0), sof(0xc2, (8, 8), &[(1, 0x11)]), first, more])
    };
    assert_eq!(extras(&[scans(10), scans(10)]), Ok(vec![Extra::MultiPicture]));
    assert_eq!(extras(&[scans(10), scans(11)]), Err(Error::TooManyScans { max: 10 }));
}

#[test]
fn a_gain_map_is_noticed_where_it_is() {
    let gain_map = with(&[xmp("<rdf:Description hdrgm:Version='1.0'/>")]);
    let found = Ok(vec![Extra::MultiPicture, Extra::GainMap]);
    assert_eq!(extras(&[with_mpf(), gain_map]), found);
}

#[test]
fn all_of_it_stands_together() {
    let primary = with(&[
        segment(0xe2, b"MPF\0MM\0\x2a\0\0\0\x08"),
        xmp("<rdf:Description GCamera:MotionPhoto='1' hdrgm:Version='1.0'/>"),
    ]);
    let parts = [primary, plain(), film::film(), samsung::trailer(&[samsung::time()])];
    let all = [Extra::MultiPicture, Extra::GainMap, Extra::MotionPhoto, Extra::SamsungTrailer];
    assert_eq!(extras(&parts), Ok(all.to_vec()));
    let mut swapped = parts.clone();
    swapped.swap(1, 2);
    assert_eq!(extras(&swapped), Err(TRAILING));
}

#[test]
fn other_formats_have_zeros_only() {
    let inspect = |bytes: &[u8]| {
        let mut trailer = super::Trailer::default();
        let mut found = super::Found::new(LIMITS);
        trailer.walk(&mut super::Input::new(bytes), &mut found)?;
        trailer.end(&[], &mut found).map(|()| found.extras().iter().next())
    };
    assert_eq!(inspect(&[0; 100]), Ok(Some(Extra::ZeroPadding)));
    assert_eq!(inspect(&[]), Ok(None));
    for trailing in [plain(), film::film(), samsung::trailer(&[samsung::time()])] {
        assert_eq!(inspect(&trailing), Err(super::Fault::TrailingData));
    }
}
