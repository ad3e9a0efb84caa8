//! The vectors, as requests that a host can be sent.

use std::path::Path;

use serde::Deserialize;

use crate::bodies::Body;
use crate::keys;

/// The policy that every vector is judged by.
pub const POLICY: &str = include_str!("../vectors/policy.json");

/// One request and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// A sentence.
    pub name: String,
    #[serde(default = "default_method")]
    method: String,
    #[serde(default = "default_target")]
    target: String,
    #[serde(default = "default_key")]
    key: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default = "default_content_type")]
    content_type: Option<String>,
    #[serde(default = "default_content_length")]
    content_length: String,
    #[serde(default)]
    body: Body,
    keep: Option<usize>,
    /// Whether the host's own HTTP parser may answer in the filter's place.
    #[serde(default)]
    pub parser: bool,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "RawExpect")]
pub enum Expect {
    /// It reaches the upstream unchanged, with a permit.
    Accept,
    /// It is answered, and the upstream sees nothing.
    Reject(Rejection),
}

/// An answer that refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// The status.
    pub status: u16,
    /// The public code.
    pub code: String,
    /// The internal reason, where it is not the code.
    pub reason: Option<String>,
    /// Fields the answer must have.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

impl Rejection {
    /// The internal reason.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or(&self.code)
    }
}

// A word or an object: serde's untagged form would lose the error that names the field.
struct RawExpect(Expect);

impl From<RawExpect> for Expect {
    fn from(raw: RawExpect) -> Self {
        raw.0
    }
}

impl<'de> Deserialize<'de> for RawExpect {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        match serde_json::Value::deserialize(input)? {
            serde_json::Value::String(word) if word == "accept" => Ok(Self(Expect::Accept)),
            object => Rejection::deserialize(object)
                .map(|rejection| Self(Expect::Reject(rejection)))
                .map_err(D::Error::custom),
        }
    }
}

fn default_method() -> String {
    "POST".to_owned()
}

fn default_target() -> String {
    "/v1/background-removal".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn default_key() -> Option<String> {
    Some("good".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn default_content_type() -> Option<String> {
    Some("image/png".to_owned())
}

fn default_content_length() -> String {
    "exact".to_owned()
}

/// A request, ready to be sent to a host.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields, without `Host`.
    pub headers: Vec<(String, String)>,
    /// The bytes that are sent.
    pub body: Vec<u8>,
}

impl Vector {
    /// The request that the vector describes.
    pub fn request(&self) -> Request {
        let whole = self.body.bytes();
        let mut headers = Vec::new();
        if let Some(name) = &self.key {
            headers.push(("Authorization".to_owned(), format!("Bearer {}", keys::text(name))));
        }
        if let Some(content_type) = &self.content_type {
            headers.push(("Content-Type".to_owned(), content_type.clone()));
        }
        let length = match self.content_length.as_str() {
            "exact" => Some(whole.len().to_string()),
            "none" => None,
            text => Some(text.to_owned()),
        };
        headers.extend(length.map(|length| ("Content-Length".to_owned(), length)));
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), fill_in(value))));
        let sent = self.keep.unwrap_or(whole.len());
        Request {
            method: self.method.clone(),
            target: fill_in(&self.target),
            headers,
            body: whole[..sent].to_vec(),
        }
    }
}

/// Replaces `{good}` by the good key, and `{x*3}` by `xxx`.
fn fill_in(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').expect("a brace is closed");
        out.push_str(before);
        match inside.split_once('*') {
            Some((what, times)) => out.push_str(&what.repeat(times.parse().expect("a number"))),
            None => out.push_str(&keys::text(inside)),
        }
        rest = after;
    }
    out + rest
}

/// Every vector of every file, with the file's name.
///
/// # Panics
/// If a file is not what the README says.
pub fn all() -> Vec<(String, Vector)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the vectors' folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| path.file_name().is_some_and(|name| name != "policy.json"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            let json = std::fs::read(path).expect("a readable file");
            let vectors: Vec<Vector> = serde_json::from_slice(&json)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let file = path.file_stem().expect("a name").to_string_lossy().into_owned();
            vectors.into_iter().map(move |vector| (file.clone(), vector))
        })
        .collect()
}
