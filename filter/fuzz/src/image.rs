//! An image for its walker, and what must hold of any.

use filter::image::{Error, Expected, Inspected, Inspector, Limits};
use filter::policy::ImageLimits;
use filter::{Format, Frames, ImageHeader};

use crate::pieces::{Cut, pieces};

/// Bits of the first byte of an input.
const REPAIR: u8 = 1;
const SMALL: u8 = 2;

const LARGE_LIMITS: Limits = limits(1_000, 1_000, 1 << 20);
/// Limits that a tiny image reaches.
const SMALL_LIMITS: Limits = limits(3, 5, 2048);

/// What a file proved to be, and the header it had shown by then.
type Outcome = (Option<ImageHeader>, Result<Inspected, Error>);

/// Has an image judged: the first three bytes of `input` say how, the others are the file. `repair`
/// makes right what mutations break everywhere, such as checksums.
///
/// # Panics
/// If something does not hold.
pub fn judge(format: Format, input: &[u8], repair: fn(&mut [u8])) {
    let Some((&[mode, one, other], file)) = input.split_first_chunk() else { return };
    let mut file = file.to_vec();
    if mode & REPAIR != 0 {
        repair(&mut file);
    }
    let limits = if mode & SMALL == 0 { LARGE_LIMITS } else { SMALL_LIMITS };
    let expected = Expected::Declared(format);
    let whole = inspect(expected, limits, [&*file]);
    let cut = inspect(expected, limits, pieces(&file, Cut(one, other)));
    assert_eq!(cut, whole, "another outcome where it is cut");
    let (header, Ok(inspected)) = whole else { return };

    assert_eq!((header, inspected.header.format), (Some(inspected.header), format));
    assert!(inspected.header.width > 0 && inspected.header.height > 0 && inspected.frames > 0);
    assert_eq!(inspected.len, file.len() as u64);
    match inspected.header.frames {
        // Whoever asks for the header judges those.
        Frames::Known(frames) => assert_eq!(frames, inspected.frames),
        Frames::Unstated | Frames::Several => {
            assert!(inspected.frames <= limits.image.max_frames, "more frames than are taken");
        }
    }
    let undeclared = inspect(Expected::OneOf(&Format::ALL), limits, [&*file]);
    assert_eq!(undeclared, whole, "another image where no format is declared");
    // Cameras write behind a JPEG; nobody writes behind the others.
    if format != Format::Jpeg {
        file.push(one | 1);
        let longer = inspect(expected, limits, [&*file]);
        assert!(longer.1.is_err(), "something follows the end");
    }
}

fn inspect<'a>(
    expected: Expected<'_>,
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut inspector = Inspector::new(expected, limits);
    let pushed = pieces.into_iter().try_for_each(|piece| inspector.push(piece));
    let outcome = pushed.and_then(|()| inspector.finish());
    (inspector.header(), outcome)
}

const fn limits(max_frames: u32, max_scans: u32, header_bytes: u64) -> Limits {
    let image = ImageLimits {
        max_width: 16_384,
        max_height: 16_384,
        max_pixels: 1 << 28,
        max_frames,
        max_scans,
    };
    Limits { image, header_bytes }
}
