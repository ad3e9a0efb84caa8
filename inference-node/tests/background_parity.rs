//! Our cut-outs against those of rembg 2.0.86, on the same weights and the same photos.
//!
//! The reference is made afresh by rembg itself, in a Python environment with `tests/reference/requirements.txt`
//! installed, whose interpreter `LUNETTE_TEST_PYTHON` names. The weights are those that `lunette models fetch u2netp`
//! brought to the cache; rembg gets the ONNX file that they were converted from.
//!
//! The network magnifies: a photo whose values differ by one here and there can change alpha by ten in places. Files
//! without loss decode to the same pixels everywhere, so they are compared from end to end. JPEG does not say how
//! chroma is scaled up, and lets decoders round differently; so for JPEG rembg also gets the pixels that our decoder
//! saw, and the bound on single pixels holds for those.

#![expect(
    clippy::print_stdout,
    reason = "how close the two are is worth seeing, also when it is close enough"
)]

use std::{
    env, fmt, fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use image::{DynamicImage, ImageFormat, RgbaImage};
use inference_node::{
    image::decode::{Expected, Limits, decode},
    models::{
        Model,
        background::{Backdrop, BackgroundRemoval, Photo, Shape, Wanted},
        cache::Cache,
        layers::{Compute, Workplace},
        weights::card,
    },
};

/// The greatest difference of alpha that is allowed at any pixel.
const MAX_DIFFERENCE: u8 = 3;

/// The greatest mean difference of alpha that is allowed.
const MAX_MEAN: f64 = 0.3;

/// Name, width and height in the file.
const LOSSLESS: [(&str, u32, u32); 5] = [
    ("astronaut.png", 512, 512),
    ("chelsea.png", 451, 300),
    ("camera.png", 512, 512),       // grey
    ("clock_motion.png", 400, 300), // grey, blurred
    ("coffee.png", 400, 600),       // turned by its EXIF orientation: 600x400 upright
];
const JPEG: [(&str, u32, u32); 2] = [("rocket.jpg", 640, 427), ("coffee.jpg", 400, 600)];

#[test]
fn cut_outs_agree_with_those_of_rembg() {
    let cache = Cache::of_user(|name| env::var_os(name)).expect("HOME or LUNETTE_MODELS is set");
    let card = card("u2netp").expect("the catalogue has it");
    let model =
        BackgroundRemoval::load(card, &cache.safetensors(card), &Workplace::new(&Compute::cpu()))
            .unwrap_or_else(|error| panic!("{error}"));
    let onnx = cache.onnx(card);
    assert!(
        onnx.is_file(),
        "{} is not there: rembg needs the file that the weights were converted from; remove the safetensors file \
         beside it, then `lunette models fetch u2netp` brings both",
        onnx.display()
    );

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference(["photos".as_ref(), folder]);
    let lossless = LOSSLESS.map(|photo| (photo.0, read(folder, photo, ImageFormat::Png)));
    let jpeg = JPEG.map(|photo| (photo.0, read(folder, photo, ImageFormat::Jpeg)));
    for (name, image) in &jpeg {
        image.save(folder.join(format!("{name}.pixels.png"))).unwrap();
    }
    reference(["cut-outs".as_ref(), onnx.parent().expect("a file lies in a folder"), folder]);

    for (name, image) in lossless {
        let difference = Difference::between(&cut_out(&model, image), &theirs(folder, name));
        println!("{name:20} {difference}");
        difference.assert_max(name);
        difference.assert_mean(name);
    }
    for (name, image) in jpeg {
        let ours = cut_out(&model, image);
        let end_to_end = Difference::between(&ours, &theirs(folder, name));
        let same_pixels =
            Difference::between(&ours, &theirs(folder, &format!("{name}.pixels.png")));
        println!("{name:20} {same_pixels}   with its own decoder: {end_to_end}");
        same_pixels.assert_max(name);
        same_pixels.assert_mean(name);
        end_to_end.assert_mean(name);
    }
}

/// What rembg's server is asked for, by the name of the reference; what is wanted of our model for it, and
/// how many pixels of a thousand may differ by more than a cut-out may.
///
/// A smooth mask is 0 or 255: a difference of 1 before the threshold is one of 255 after it. Over a colour
/// that is nearly clear, colours are divided by a small alpha.
const OPTIONS: [(&str, Wanted, usize); 6] = [
    ("om", Wanted { shape: Shape::Mask, smooth: false, backdrop: Backdrop::Nothing }, 0),
    ("ppm", Wanted { shape: Shape::Cutout, smooth: true, backdrop: Backdrop::Nothing }, 1),
    ("om-ppm", Wanted { shape: Shape::Mask, smooth: true, backdrop: Backdrop::Nothing }, 1),
    ("bgc", cutout(false, [10, 200, 90, 255]), 0),
    ("bgc-clear", cutout(false, [10, 200, 90, 100]), 1),
    ("ppm-bgc", cutout(true, [255, 255, 255, 255]), 1),
];

const fn cutout(smooth: bool, colour: [u8; 4]) -> Wanted {
    Wanted { shape: Shape::Cutout, smooth, backdrop: Backdrop::Faded(colour) }
}

#[test]
fn the_options_of_rembg_do_what_they_do_there() {
    let cache = Cache::of_user(|name| env::var_os(name)).expect("HOME or LUNETTE_MODELS is set");
    let card = card("u2netp").expect("the catalogue has it");
    let model =
        BackgroundRemoval::load(card, &cache.safetensors(card), &Workplace::new(&Compute::cpu()))
            .unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference(["photos".as_ref(), folder]);
    for (name, ..) in JPEG {
        fs::remove_file(folder.join(name)).unwrap();
    }
    let onnx = cache.onnx(card);
    reference(["options".as_ref(), onnx.parent().expect("a file lies in a folder"), folder]);
    for photo in LOSSLESS {
        let image = read(folder, photo, ImageFormat::Png);
        for (option, wanted, per_mille) in OPTIONS {
            let what = format!("{} {option}", photo.0);
            let ours = model.run(&[Photo { image: image.clone(), wanted }]).unwrap().remove(0);
            let theirs = image::open(folder.join(format!("{}.{option}.png", photo.0))).unwrap();
            assert_eq!(ours.color(), theirs.color(), "{what}");
            let (ours, theirs) = (ours.to_rgba8(), theirs.to_rgba8());
            assert_eq!(ours.dimensions(), theirs.dimensions(), "{what}");
            let differs = |(ours, theirs): &(&image::Rgba<u8>, &image::Rgba<u8>)| {
                let mut channels = ours.0.iter().zip(theirs.0);
                channels.any(|(ours, theirs)| ours.abs_diff(theirs) > MAX_DIFFERENCE)
            };
            let differing = ours.pixels().zip(theirs.pixels()).filter(differs).count();
            println!("{what:28} {differing} pixels differ by more than {MAX_DIFFERENCE}");
            let allowed = ours.pixels().len() * per_mille / 1000;
            assert!(differing <= allowed, "{what}: {differing} pixels differ");
        }
    }
}

fn read(
    folder: &Path,
    (name, width, height): (&str, u32, u32),
    format: ImageFormat,
) -> DynamicImage {
    let limits = Limits { max_width: 4096, max_height: 4096, max_alloc: 64 << 20 };
    decode(&fs::read(folder.join(name)).unwrap(), Expected { format, width, height }, limits)
        .unwrap()
}

fn cut_out(model: &BackgroundRemoval, image: DynamicImage) -> RgbaImage {
    let photo = Photo { image, wanted: Wanted::default() };
    model.run(&[photo]).unwrap().remove(0).into_rgba8()
}

fn theirs(folder: &Path, name: &str) -> RgbaImage {
    image::open(folder.join(format!("{name}.rembg.png"))).unwrap().to_rgba8()
}

/// Runs the script, which says what it takes.
fn reference<const N: usize>(arguments: [&Path; N]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let Some(python) = env::var_os("LUNETTE_TEST_PYTHON").map(PathBuf::from) else {
        panic!(
            "LUNETTE_TEST_PYTHON is not set: make a Python (3.11 or newer) environment with `python3 -m venv VENV && VENV/bin/pip \
             install -r {}` and set LUNETTE_TEST_PYTHON=VENV/bin/python",
            folder.join("requirements.txt").display()
        )
    };
    let output = Command::new(&python)
        .arg(folder.join("rembg_reference.py"))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("LUNETTE_TEST_PYTHON={}: {error}", python.display()));
    assert!(output.status.success(), "rembg failed:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// How far two cut-outs differ, of 255.
struct Difference {
    alpha: (u8, f64),
    colour: (u8, f64),
}

impl Difference {
    fn between(ours: &RgbaImage, theirs: &RgbaImage) -> Self {
        assert_eq!(ours.dimensions(), theirs.dimensions());
        let max_and_mean = |channels: Range<usize>| {
            let (mut max, mut sum, mut count) = (0, 0_u32, 0_u32);
            for (ours, theirs) in ours.pixels().zip(theirs.pixels()) {
                for channel in channels.clone() {
                    let difference = ours.0[channel].abs_diff(theirs.0[channel]);
                    max = max.max(difference);
                    sum += u32::from(difference);
                    count += 1;
                }
            }
            (max, f64::from(sum) / f64::from(count))
        };
        Self { alpha: max_and_mean(3..4), colour: max_and_mean(0..3) }
    }

    fn assert_max(&self, name: &str) {
        assert!(self.alpha.0 <= MAX_DIFFERENCE, "{name}: alpha differs by up to {}", self.alpha.0);
    }

    fn assert_mean(&self, name: &str) {
        assert!(self.alpha.1 <= MAX_MEAN, "{name}: alpha differs by {} on average", self.alpha.1);
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, colour) = (self.alpha, self.colour);
        write!(
            f,
            "alpha max {:2} mean {:.4}, colour max {:2} mean {:.4}",
            alpha.0, alpha.1, colour.0, colour.1
        )
    }
}
