//! The committed lists: which archives, which photos, which differences are known.

use serde::{Deserialize, Serialize};

/// One archive of `sources.txt`.
pub(crate) struct Source {
    pub(crate) name: String,
    /// How many there are in the archive.
    pub(crate) images: usize,
}

/// One line of `photos.txt`.
pub(crate) struct Photo {
    pub(crate) file: String,
    camera: Option<String>,
    pub(crate) editor: Option<String>,
}

/// One entry of `disputed.json`: a file that the inspection and the decoder do not agree on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dispute {
    pub(crate) file: String,
    /// `accept`, or the code of the refusal.
    pub(crate) ours: String,
    /// `ok`, or `error`.
    pub(crate) decoder: String,
    /// Why it is right to differ.
    pub(crate) reason: String,
}

/// The archives.
pub(crate) fn sources() -> Vec<Source> {
    let source = |line: &str| {
        let [name, _registry, _path, _sha256, images, _licence, _taken] =
            line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("sources.txt has seven columns: {line}")
        };
        Source { name: name.to_owned(), images: images.parse().expect("a number of images") }
    };
    lines(include_str!("sources.txt")).map(source).collect()
}

/// The files of cameras and editors.
pub(crate) fn photos() -> Vec<Photo> {
    let photo = |line: &str| {
        let [file, camera, editor] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("photos.txt has three columns: {line}")
        };
        let stated = |text: &str| (text != "-").then(|| text.to_owned());
        Photo { file: file.to_owned(), camera: stated(camera), editor: stated(editor) }
    };
    lines(include_str!("photos.txt")).map(photo).collect()
}

/// The differences that are known.
///
/// # Panics
/// If one has no reason, or is none.
pub(crate) fn disputes() -> Vec<Dispute> {
    let disputes: Vec<Dispute> =
        serde_json::from_str(include_str!("disputed.json")).expect("disputed.json is valid");
    for dispute in &disputes {
        assert!(!dispute.reason.is_empty(), "{} is disputed for no reason", dispute.file);
        let same = (dispute.ours == "accept") == (dispute.decoder == "ok");
        assert!(!same, "{} is not disputed", dispute.file);
    }
    disputes
}

impl Photo {
    /// The first word of the camera's name.
    pub(crate) fn maker(&self) -> Option<String> {
        self.camera.as_ref()?.split_whitespace().next().map(str::to_owned)
    }
}

impl Dispute {
    /// All but the reason.
    pub(crate) fn facts(&self) -> (&str, &str) {
        (&self.ours, &self.decoder)
    }

    /// As it stands in `disputed.json`.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("text")
    }
}

fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}
