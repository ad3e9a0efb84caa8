//! The photo that is sent: Eileen Collins, from scikit-image, as a JPEG of 1024 x 768.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use tempfile::TempDir;

use super::server;

/// A file in a folder of its own.
pub(super) struct Photo {
    pub(super) path: PathBuf,
    _folder: TempDir,
}

impl Photo {
    pub(super) fn make() -> io::Result<Self> {
        let find = "import pathlib, skimage; print(pathlib.Path(skimage.__file__).parent / 'data/astronaut.png')";
        let found = Command::new(server::python()?).args(["-c", find]).output()?;
        let file = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        let photo = image::open(file).map_err(io::Error::other)?;
        let photo = photo.crop_imm(0, 0, 512, 384).resize_exact(1024, 768, FilterType::Lanczos3);
        let folder = TempDir::new()?;
        let path = folder.path().join("photo.jpg");
        let encoder = JpegEncoder::new_with_quality(std::fs::File::create(&path)?, 90);
        photo.into_rgb8().write_with_encoder(encoder).map_err(io::Error::other)?;
        Ok(Self { path, _folder: folder })
    }
}
