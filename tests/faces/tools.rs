//! The programs that the faces are tested with, and the photo that they send.

use std::path::{Path, PathBuf};
use std::process::Command;

use image::{Rgb, RgbImage};

/// The folder of the scripts, where npm has installed what they use.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("faces")
}

/// The Python that has the clients of `requirements.txt`.
pub(crate) fn python() -> PathBuf {
    let named = std::env::var_os("LUNETTE_TEST_FACES").map(PathBuf::from);
    named.expect("LUNETTE_TEST_FACES names the Python of `scripts/setup faces FOLDER`")
}

/// Where a program is that the system has.
pub(crate) fn installed(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").expect("PATH");
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("`scripts/setup faces FOLDER` installs {name}"))
}

/// What a command prints; it runs on a thread of its own, so that what serves it goes on.
pub(crate) async fn output(mut command: Command) -> Vec<u8> {
    let run = tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {complaint}");
        output.stdout
    });
    run.await.expect("the command ends well")
}

/// A dark disc on a bright ground, as a JPEG of 300 x 200: something to cut out.
pub(crate) fn photo(folder: &Path) -> PathBuf {
    let disc = RgbImage::from_fn(300, 200, |x, y| {
        let inside = x.abs_diff(150).pow(2) + y.abs_diff(100).pow(2) < 60 * 60;
        Rgb(if inside { [180, 40, 30] } else { [235, 240, 245] })
    });
    let path = folder.join("photo.jpg");
    disc.save(&path).expect("a photo");
    path
}

/// Whether the disc is in a picture of its size, and the ground is not.
pub(crate) fn is_cut_out(picture: &image::DynamicImage) -> bool {
    let picture = picture.to_rgba8();
    let alpha = |x, y| picture.get_pixel(x, y).0[3];
    picture.dimensions() == (300, 200) && alpha(150, 100) > 200 && alpha(4, 4) < 50
}
