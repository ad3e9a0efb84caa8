//! Our alpha matting against that of `PyMatting` 1.1.16, from the same masks of real photos, within rembg's band.
//!
//! The reference is made afresh, as for `background_parity.rs`.

#![expect(
    clippy::print_stdout,
    reason = "how close the two are is worth seeing, also when it is close enough"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use image::RgbaImage;
use inference_node::models::{
    background::matting::{Thresholds, cut_out},
    cache::Cache,
    weights::card,
};

/// The greatest mean difference of alpha in the band, of 255.
const MAX_MEAN: f64 = 0.5;
/// Photos with something of a band, none of them grey: those rembg does not refine.
const PHOTOS: [&str; 3] = ["astronaut.png", "chelsea.png", "rocket.jpg"];

#[test]
fn mattes_agree_with_those_of_pymatting() {
    let cache = Cache::of_user(|name| env::var_os(name)).expect("HOME or LUNETTE_MODELS is set");
    let onnx = cache.onnx(card("u2netp").expect("the catalogue has it"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference(["photos".as_ref(), folder]);
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if !PHOTOS.iter().any(|photo| file.file_name() == *photo) {
            fs::remove_file(file.path()).unwrap();
        }
    }
    // Decoders may round a JPEG differently; both get the same pixels.
    let rocket = image::open(folder.join("rocket.jpg")).unwrap();
    fs::remove_file(folder.join("rocket.jpg")).unwrap();
    rocket.save(folder.join("rocket.png")).unwrap();
    reference(["matting".as_ref(), onnx.parent().expect("a file lies in a folder"), folder]);

    for photo in PHOTOS.map(|photo| photo.replace(".jpg", ".png")) {
        let open = |name: String| image::open(folder.join(name)).unwrap();
        let (image, mask) = (open(photo.clone()), open(format!("{photo}.mask.png")));
        let theirs = open(format!("{photo}.matted.png")).into_rgba8();
        let ours = cut_out(&image.to_rgb8(), &mask.to_luma8(), Thresholds::default());
        let ours = ours.unwrap().expect("it has two sides");
        let (band, alpha, colour) = differences(&ours, &theirs);
        println!("{photo:16} band of {band}: alpha differs by {alpha:.4}, colour by {colour:.4}");
        assert!(band > 5000, "{photo}: a band of {band} pixels");
        assert!(alpha <= MAX_MEAN, "{photo}: alpha differs by {alpha} on average");
        assert!(colour <= MAX_MEAN, "{photo}: colours differ by {colour} on average");
    }
}

/// How many pixels are half transparent in either, and the mean differences of their alpha and of their colours.
fn differences(ours: &RgbaImage, theirs: &RgbaImage) -> (u32, f64, f64) {
    assert_eq!(ours.dimensions(), theirs.dimensions());
    let (mut band, mut alpha, mut colour) = (0_u32, 0_u32, 0_u32);
    for (ours, theirs) in ours.pixels().zip(theirs.pixels()) {
        let is_between = |pixel: &image::Rgba<u8>| (1..255).contains(&pixel.0[3]);
        if !is_between(ours) && !is_between(theirs) {
            assert_eq!(ours.0[3], theirs.0[3], "what is clear to both is the same to both");
            continue;
        }
        band += 1;
        alpha += u32::from(ours.0[3].abs_diff(theirs.0[3]));
        let channels = ours.0.iter().zip(theirs.0).take(3);
        colour += channels.map(|(ours, theirs)| u32::from(ours.abs_diff(theirs))).sum::<u32>();
    }
    (band, f64::from(alpha) / f64::from(band), f64::from(colour) / f64::from(3 * band))
}

/// Runs the script, which says what it takes.
fn reference<const N: usize>(arguments: [&Path; N]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/rembg_reference.py");
    let python = env::var_os("LUNETTE_TEST_PYTHON").map(PathBuf::from);
    let python = python.expect("LUNETTE_TEST_PYTHON names the Python of `scripts/setup reference`");
    let output = Command::new(&python).arg(script).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    assert!(output.status.success(), "rembg failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
