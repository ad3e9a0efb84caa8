//! The images of other projects' tests, photos of many cameras, and thousands of generated ones: what
//! the inspection accepts, the node's decoder decodes.
//!
//! `scripts/setup corpora target/corpora` fetches them; README.md beside this file says what they are.
//! Each file is judged as one request would be, by the format that it starts with. Where the two
//! differ, `disputed.json` says why; a difference that is not there fails the test, and so does one
//! that is there and no longer exists.

mod corpus;
mod endpoint;
mod judge;
mod lists;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use conformance::photos::photos;
use filter::Format;

use corpus::Corpus;
use judge::judge;
use lists::{Dispute, Photo};
use table::Table;

#[test]
fn each_file_is_accepted_or_refused_as_the_decoder_would() {
    let corpus = Corpus::open();
    let mut disputes: BTreeMap<_, _> =
        lists::disputes().into_iter().map(|dispute| (dispute.file.clone(), dispute)).collect();
    let mut table = Table::default();
    let mut wrong = Vec::new();
    for source in lists::sources() {
        let files = corpus.files(&source.name);
        assert_eq!(files.len(), source.images, "images of {} in {}", source.name, corpus.place());
        for file in files {
            let bytes = corpus.read(&file);
            let judged = judge(&bytes, format_of(&file));
            let listed = disputes.remove(&file);
            table.count(&source.name, &judged, listed.is_some());
            let found = (!judged.agree()).then(|| judged.dispute(&file));
            if found.as_ref().map(Dispute::facts) != listed.as_ref().map(Dispute::facts) {
                wrong.push(match (found, listed) {
                    (Some(found), _) => format!("not listed: {} // {judged}", found.line()),
                    (None, _) => format!("no longer differs: {file} // {judged}"),
                });
            }
        }
    }
    table.print();
    wrong.extend(disputes.into_keys().map(|file| format!("listed, but in no corpus: {file}")));
    assert!(wrong.is_empty(), "{} of disputed.json:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_photo_is_refused() {
    let corpus = Corpus::open();
    let listed: BTreeSet<_> = lists::disputes().into_iter().map(|dispute| dispute.file).collect();
    let photos = lists::photos();
    let cameras: BTreeSet<_> = photos.iter().filter_map(Photo::maker).collect();
    let editors: BTreeSet<_> = photos.iter().filter_map(|photo| photo.editor.as_ref()).collect();
    assert!(cameras.len() >= 12 && editors.len() >= 12, "a dozen each: {cameras:?}, {editors:?}");
    for photo in photos {
        let judged = judge(&corpus.read(&photo.file), format_of(&photo.file));
        let fine = judged.accepted() || listed.contains(&photo.file);
        assert!(fine, "{}: {judged}", photo.file);
    }
}

#[test]
fn two_thousand_generated_photos_are_accepted_and_decode() {
    for photo in photos(1, 2000) {
        let judged = judge(&photo.bytes, None);
        assert!(judged.accepted() && judged.agree(), "{}: {judged}", photo.name);
    }
}

/// The format that a file's name promises.
fn format_of(file: &str) -> Option<Format> {
    let (_, extension) = file.rsplit_once('.')?;
    match extension.to_lowercase().as_str() {
        "png" => Some(Format::Png),
        "jpg" | "jpeg" | "jpe" | "mpo" => Some(Format::Jpeg),
        "webp" => Some(Format::Webp),
        "gif" => Some(Format::Gif),
        _ => None,
    }
}
