//! Files built by hand from RFC 9649, whole and broken, cut everywhere.

use proptest::prelude::*;

use super::super::{Error, Expected, Extra, Foreign, Inspected, Inspector, Limits};
use super::*;
use crate::policy::ImageLimits;

mod refused;

const LIMITS: Limits = Limits {
    image: ImageLimits {
        max_width: 16_384,
        max_height: 16_384,
        max_pixels: 1 << 28,
        max_frames: 5,
        max_scans: 16,
    },
    header_bytes: 1 << 19,
};

/// What a file in pieces proves to be.
fn inspect_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Inspected, Error> {
    let mut inspector = Inspector::new(Expected::Declared(Format::Webp), LIMITS);
    pieces.into_iter().try_for_each(|piece| inspector.push(piece))?;
    inspector.finish()
}

fn inspect(file: &[u8]) -> Result<Inspected, Error> {
    inspect_pieces([file])
}

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let padding = vec![0; data.len() & 1];
    [name, &len.to_le_bytes(), data, &padding].concat()
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let chunks = chunks.concat();
    let size = u32::try_from(chunks.len() + 4).unwrap();
    [b"RIFF", &size.to_le_bytes()[..], b"WEBP", &chunks].concat()
}

/// The data of a VP8 key frame of version `version`, with a first partition of four bytes.
fn lossy_data(width: u16, height: u16, version: u8) -> Vec<u8> {
    let tag = [0x90 | version << 1, 0, 0];
    let (width, height) = (width.to_le_bytes(), height.to_le_bytes());
    [&tag[..], &[0x9d, 0x01, 0x2a], &width, &height, &[0x02, 0, 0, 0, 7, 7]].concat()
}

fn lossy(width: u16, height: u16) -> Vec<u8> {
    chunk(b"VP8 ", &lossy_data(width, height, 0))
}

fn lossless(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14 | 1 << 28;
    chunk(b"VP8L", &[&[0x2f][..], &bits.to_le_bytes(), &[0x88; 4]].concat())
}

const ANIMATION: u8 = 0x02;
const XMP: u8 = 0x04;
const EXIF: u8 = 0x08;
const ALPHA: u8 = 0x10;
const PROFILE: u8 = 0x20;

/// Three bytes, least significant first.
fn le3(value: u32) -> [u8; 3] {
    let [b0, b1, b2, _] = value.to_le_bytes();
    [b0, b1, b2]
}

fn extended(flags: u8, width: u32, height: u32) -> Vec<u8> {
    chunk(b"VP8X", &[&[flags, 0, 0, 0][..], &le3(width - 1), &le3(height - 1)].concat())
}

/// Alpha that is not compressed.
fn alpha(pixels: usize) -> Vec<u8> {
    chunk(b"ALPH", &vec![0; pixels + 1])
}

fn animation() -> Vec<u8> {
    chunk(b"ANIM", &[0; 6])
}

/// A frame at twice `x` and `y`.
fn frame([x, y, width, height]: [u32; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    let rectangle = [le3(x), le3(y), le3(width - 1), le3(height - 1), le3(100)].concat();
    chunk(b"ANMF", &[&rectangle[..], &[0], &chunks.concat()].concat())
}

/// A colour profile that states a length.
fn profile(stated: u32) -> Vec<u8> {
    chunk(b"ICCP", &[&stated.to_be_bytes()[..], &[0; 128]].concat())
}

fn still(flags: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    riff(&[vec![extended(flags, 6, 4)], chunks.to_vec()].concat())
}

fn animated(chunks: &[Vec<u8>]) -> Vec<u8> {
    still(ANIMATION | ALPHA, chunks)
}

/// Files that are right, with their sides and frames.
fn whole_files() -> Vec<(&'static str, Vec<u8>, [u32; 3])> {
    let exif = || chunk(b"EXIF", b"II*\0\x08\0\0\0\0");
    let xmp = || chunk(b"XMP ", b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>");
    let other = || chunk(b"FRGM", b"whatever");
    let whole = [0, 0, 6, 4];
    let no_padding = {
        let mut file = riff(&[chunk(b"VP8 ", &[&lossy_data(6, 4, 0)[..], &[7]].concat())]);
        file.pop();
        file[4] -= 1;
        file
    };
    // Ten bytes of header, five of the first partition, one of the second.
    let full = {
        let mut data = lossy_data(6, 4, 0);
        data[0] = 0xb0;
        chunk(b"VP8 ", &data)
    };
    let scaled = lossy(6 | 1 << 14, 4 | 3 << 14);
    vec![
        ("lossy", riff(&[lossy(6, 4)]), [6, 4, 1]),
        ("the largest lossy", riff(&[lossy(16_383, 1)]), [16_383, 1, 1]),
        ("lossy that fills its chunk", riff(&[full]), [6, 4, 1]),
        ("lossy, to be scaled", riff(&[scaled]), [6, 4, 1]),
        ("lossy of version 3", riff(&[chunk(b"VP8 ", &lossy_data(6, 4, 3))]), [6, 4, 1]),
        ("lossy without padding", no_padding, [6, 4, 1]),
        ("lossless", riff(&[lossless(6, 4)]), [6, 4, 1]),
        ("other chunks after the image", riff(&[lossy(6, 4), exif(), other(), other()]), [6, 4, 1]),
        ("extended lossy", still(0, &[lossy(6, 4)]), [6, 4, 1]),
        ("extended lossless", still(ALPHA, &[lossless(6, 4)]), [6, 4, 1]),
        (
            "the largest lossless",
            riff(&[extended(0, 16_384, 16_384), lossless(16_384, 16_384)]),
            [16_384, 16_384, 1],
        ),
        ("alpha", still(ALPHA, &[alpha(24), lossy(6, 4)]), [6, 4, 1]),
        (
            "alpha, compressed and filtered",
            still(ALPHA, &[chunk(b"ALPH", &[0x1d, 0, 0, 0]), lossy(6, 4)]),
            [6, 4, 1],
        ),
        (
            "all there is",
            still(
                ALPHA | PROFILE | EXIF | XMP,
                &[profile(132), other(), alpha(24), lossy(6, 4), exif(), xmp(), other()],
            ),
            [6, 4, 1],
        ),
        ("metadata first, not announced", still(0, &[xmp(), exif(), lossy(6, 4)]), [6, 4, 1]),
        ("a profile announced and not there", still(PROFILE, &[lossy(6, 4)]), [6, 4, 1]),
        ("ANIM, and no animation", still(0, &[animation(), lossy(6, 4)]), [6, 4, 1]),
        ("reserved bits", still(0xc1, &[lossy(6, 4)]), [6, 4, 1]),
        (
            "an animation",
            animated(&[
                animation(),
                frame(whole, &[lossy(6, 4)]),
                frame([1, 1, 4, 2], &[alpha(8), lossy(4, 2), other()]),
                other(),
                frame([2, 1, 2, 2], &[lossless(2, 2)]),
                xmp(),
            ]),
            [6, 4, 3],
        ),
        (
            "five frames",
            animated(&[vec![animation()], vec![frame(whole, &[lossy(6, 4)]); 5]].concat()),
            [6, 4, 5],
        ),
    ]
}

#[test]
fn what_encoders_write_is_read() {
    for (what, file, [width, height, frames]) in whole_files() {
        let inspected = inspect(&file).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((inspected.header.width, inspected.header.height), (width, height), "{what}");
        assert_eq!(inspected.frames, frames, "{what}");
        assert_eq!(inspected.len, file.len() as u64, "{what}");
        let several = what.contains("animation") && !what.contains("no animation");
        if several {
            assert_eq!(inspected.header.frames, Frames::Several, "{what}");
        }
    }
}

#[test]
fn a_file_shorter_than_it_says_is_truncated_wherever_it_ends() {
    for (what, file, _) in whole_files() {
        for len in 4..file.len() {
            let outcome = inspect(&file[..len]);
            let truncated =
                matches!(outcome, Err(Error::Truncated { .. } | Error::TailMissing { .. }));
            // Up to twelve bytes, it is not known to be a WebP file.
            assert!(truncated || len < 12, "{what} cut to {len}: {outcome:?}");
        }
    }
}

#[test]
fn the_image_ends_where_the_riff_does() {
    for (what, file, _) in whole_files() {
        let padded = inspect(&[&file[..], &[0; 3]].concat()).unwrap();
        assert!(padded.extras.contains(Extra::ZeroPadding), "{what}");
        let followed = inspect(&[&file[..], b"VP8X"].concat());
        assert_eq!(followed, Err(Error::TrailingData { format: Format::Webp }), "{what}");
    }
}

#[test]
fn the_header_is_known_as_soon_as_it_was_read() {
    for (file, len) in
        [(riff(&[lossy(6, 4)]), 31), (riff(&[lossless(6, 4)]), 25), (still(0, &[lossy(6, 4)]), 30)]
    {
        let mut inspector = Inspector::new(Expected::Declared(Format::Webp), LIMITS);
        inspector.push(&file[..len - 1]).unwrap();
        assert_eq!(inspector.header(), None);
        inspector.push(&file[len - 1..len]).unwrap();
        let header = inspector.header().unwrap();
        assert_eq!((header.width, header.height, header.frames), (6, 4, Frames::Known(1)));
    }
}

/// Right files, most of them damaged.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let wholes: Vec<Vec<u8>> = whole_files().into_iter().map(|(_, file, _)| file).collect();
    let broken = refused::broken_files().into_iter().map(|(_, file)| file).collect();
    let file = prop::sample::select([wholes, broken].concat());
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (file, damage, any::<prop::sample::Index>()).prop_map(|(mut file, damage, keep)| {
        for (at, value) in damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        file.truncate(keep.index(file.len() * 2).min(file.len()));
        file
    })
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
        let whole = inspect(&file);
        let pieces = ends.windows(2).map(|pair| &file[pair[0]..pair[1]]);
        prop_assert_eq!(inspect_pieces(pieces), whole);
        prop_assert_eq!(inspect_pieces(file.chunks(1)), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(
        size in any::<[u8; 4]>(),
        body in prop::collection::vec(any::<u8>(), 0..200),
        names in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..9), 0..6),
    ) {
        let mut body = [&b"RIFF"[..], &size, b"WEBP", &body].concat();
        for (at, name) in names {
            let name: &[u8; 4] = [
                b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF", b"EXIF", b"XMP ",
            ][name];
            let at = at.index(body.len()).max(12);
            let end = (at + 4).min(body.len());
            body[at.min(end)..end].copy_from_slice(&name[..end - at.min(end)]);
        }
        let _ = inspect(&body);
    }
}
