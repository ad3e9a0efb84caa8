//! Where fetched weights lie: one folder, a file or two per model.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::models::weights::{ModelCard, Original};

/// The folder that weights are fetched to and loaded from.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The user's cache: `$LUNETTE_MODELS`, else `$XDG_CACHE_HOME/lunette/models`, else `~/.cache/lunette/models`.
    ///
    /// `variable` reads the environment. `None` if no variable says where the user's files are. As the XDG base
    /// directory specification asks, a relative `XDG_CACHE_HOME` is ignored.
    pub fn of_user(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let folder = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(chosen) = folder("LUNETTE_MODELS") {
            return Some(Self::new(chosen));
        }
        folder("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| folder("HOME").map(|home| home.join(".cache")))
            .map(|caches| Self::new(caches.join("lunette").join("models")))
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the weights of `card` lie once they are fetched.
    pub fn safetensors(&self, card: &ModelCard) -> PathBuf {
        self.folder.join(format!("{}.safetensors", card.name))
    }

    /// Where a file that they were converted from is kept, so that other runtimes can be compared on the very same
    /// weights. Absent when the weights came as safetensors.
    pub fn original(&self, original: &Original) -> PathBuf {
        self.folder.join(original.file)
    }

    /// Where the ONNX file of a model that is one network is kept.
    pub fn onnx(&self, card: &ModelCard) -> PathBuf {
        self.folder.join(format!("{}.onnx", card.name))
    }

    /// Makes the folder, and everything above it.
    pub(crate) fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value))
        };
        Cache::of_user(variable).map(|cache| cache.folder().display().to_string())
    }

    #[test]
    fn the_most_specific_variable_wins() {
        let all =
            [("LUNETTE_MODELS", "/models"), ("XDG_CACHE_HOME", "/caches"), ("HOME", "/home/ada")];
        assert_eq!(folder(&all).unwrap(), "/models");
        assert_eq!(folder(&all[1..]).unwrap(), "/caches/lunette/models");
        assert_eq!(folder(&all[2..]).unwrap(), "/home/ada/.cache/lunette/models");
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn an_empty_or_relative_variable_counts_as_unset() {
        let variables =
            [("LUNETTE_MODELS", ""), ("XDG_CACHE_HOME", "caches"), ("HOME", "/home/ada")];
        assert_eq!(folder(&variables).unwrap(), "/home/ada/.cache/lunette/models");
    }
}
