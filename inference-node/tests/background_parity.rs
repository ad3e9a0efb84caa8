//! Our cut-outs against those of rembg 2.0.86, on the same weights and the same five photos.
//!
//! The reference is made afresh by rembg itself, in a Python environment with `tests/reference/requirements.txt`
//! installed, whose interpreter `LUNETTE_TEST_PYTHON` names. The weights are those that `lunette models fetch u2netp`
//! brought to the cache; rembg gets the ONNX file that they were converted from.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use candle_core::Device;
use image::{ImageFormat, RgbaImage};
use inference_node::{
    image::decode::{Expected, Limits, decode},
    models::{Model, background::BackgroundRemoval, cache::Cache, weights::card},
};

/// The greatest difference of alpha that is allowed at any pixel.
const MAX_DIFFERENCE: u8 = 3;

/// The greatest mean difference of alpha that is allowed.
const MAX_MEAN: f64 = 0.3;

/// Name, format, width and height in the file.
const PHOTOS: [(&str, ImageFormat, u32, u32); 5] = [
    ("astronaut.png", ImageFormat::Png, 512, 512),
    ("chelsea.png", ImageFormat::Png, 451, 300),
    ("rocket.jpg", ImageFormat::Jpeg, 640, 427),
    ("camera.png", ImageFormat::Png, 512, 512),  // grey
    ("coffee.jpg", ImageFormat::Jpeg, 400, 600), // turned by its EXIF orientation: 600x400 upright
];

const LIMITS: Limits = Limits { max_width: 4096, max_height: 4096, max_alloc: 64 << 20 };

#[test]
fn cut_outs_agree_with_those_of_rembg() {
    let cache = Cache::of_user(|name| env::var_os(name)).expect("HOME or LUNETTE_MODELS is set");
    let card = card("u2netp").expect("the catalogue has it");
    let model = BackgroundRemoval::load(card, &cache.safetensors(card), Device::Cpu)
        .unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    run_rembg(&cache.onnx(card), folder.path());

    for (name, format, width, height) in PHOTOS {
        let path = folder.path().join(name);
        let image =
            decode(&fs::read(&path).unwrap(), Expected { format, width, height }, LIMITS).unwrap();
        let ours = model.run(&[image]).unwrap().remove(0);
        let theirs = image::open(path.with_extension("rembg.png")).unwrap().to_rgba8();
        assert_eq!(ours.dimensions(), theirs.dimensions(), "{name}");

        let alpha = Difference::between(&ours, &theirs, 3..4);
        let colour = Difference::between(&ours, &theirs, 0..3);
        println!("{name:14} alpha {alpha}   colour {colour}");
        assert!(alpha.max <= MAX_DIFFERENCE, "{name}: alpha differs by up to {}", alpha.max);
        assert!(alpha.mean <= MAX_MEAN, "{name}: alpha differs by {} on average", alpha.mean);
    }
}

struct Difference {
    max: u8,
    mean: f64,
}

impl Difference {
    fn between(ours: &RgbaImage, theirs: &RgbaImage, channels: std::ops::Range<usize>) -> Self {
        let differences: Vec<u8> = ours
            .pixels()
            .zip(theirs.pixels())
            .flat_map(|(ours, theirs)| {
                channels.clone().map(move |channel| ours.0[channel].abs_diff(theirs.0[channel]))
            })
            .collect();
        let sum: u64 = differences.iter().copied().map(u64::from).sum();
        #[expect(clippy::cast_precision_loss, reason = "a mean of millions of small numbers")]
        let mean = sum as f64 / differences.len() as f64;
        Self { max: differences.into_iter().max().unwrap_or(0), mean }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "max {:3} mean {:.4}", self.max, self.mean)
    }
}

/// Writes the photos and rembg's cut-outs of them into `folder`.
fn run_rembg(onnx: &Path, folder: &Path) {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    assert!(
        onnx.is_file(),
        "{} is not there: rembg needs the ONNX file; `lunette models fetch u2netp` keeps it (remove the safetensors file \
         beside it first)",
        onnx.display()
    );
    let python = env::var_os("LUNETTE_TEST_PYTHON").map(PathBuf::from).unwrap_or_else(|| {
        panic!(
            "LUNETTE_TEST_PYTHON is not set: make a Python environment with `python3 -m venv VENV && VENV/bin/pip \
             install -r {}` and set LUNETTE_TEST_PYTHON=VENV/bin/python",
            reference.join("requirements.txt").display()
        )
    });
    let output = Command::new(&python)
        .arg(reference.join("rembg_reference.py"))
        .arg(onnx.parent().expect("a file lies in a folder"))
        .arg(folder)
        .output()
        .unwrap_or_else(|error| panic!("LUNETTE_TEST_PYTHON={}: {error}", python.display()));
    assert!(output.status.success(), "rembg failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
