//! The files on this machine.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The folder that `scripts/setup corpora` filled.
pub(crate) struct Corpus(PathBuf);

impl Corpus {
    /// Opens it.
    ///
    /// # Panics
    /// If it was not fetched: a test without its files has tested nothing.
    pub(crate) fn open() -> Self {
        let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/corpora");
        let folder = env::var_os("LUNETTE_TEST_CORPORA").map_or(usual, PathBuf::from);
        let place = folder.display();
        assert!(folder.is_dir(), "{place} is missing: run `scripts/setup corpora target/corpora`");
        Self(folder)
    }

    /// Where it is.
    pub(crate) fn place(&self) -> String {
        self.0.display().to_string()
    }

    /// The files of one archive, sorted, as `archive/path/of/file`.
    pub(crate) fn files(&self, source: &str) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![source.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(self.0.join(&folder))
                .unwrap_or_else(|error| panic!("{folder}: {error}: is its archive fetched?"));
            for entry in entries {
                let entry = entry.expect("a readable folder");
                let path = format!("{folder}/{}", entry.file_name().to_str().expect("UTF-8"));
                let is_folder = entry.file_type().expect("a file's type").is_dir();
                if is_folder { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}
