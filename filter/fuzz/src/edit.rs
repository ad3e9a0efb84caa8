//! Changes to a request after it was signed.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::word;

/// Pieces that mean something inside the fields of signatures and tokens.
const PIECES: [&str; 31] = [
    "\"@method\"",
    "\"@path\"",
    "\"@query\"",
    "\"@authority\"",
    "\"@target-uri\"",
    "\"@query-param\";name=\"b\"",
    "\"content-type\"",
    "\"content-digest\"",
    "\"content-digest\";key=\"sha-256\"",
    "\"x-nonce\";sf",
    "\"x-nonce\";bs",
    ";req",
    ";tr",
    ";created=1700000000",
    ";expires=1700000001",
    ";alg=\"hmac-sha256\"",
    ";keyid=\"rfc9421000\"",
    ";nonce=\"nonce-number-one\"",
    ";tag=\"lunette\"",
    "lunette=",
    "other=",
    "(",
    ")",
    " ",
    ", ",
    ":AAAA:",
    "?1",
    "sha-512=:AAAA:",
    "\n",
    "\u{e9}",
    "=",
];
const NAMES: [&str; 12] = [
    "signature",
    "signature-input",
    "content-digest",
    "content-type",
    "content-length",
    "host",
    "date",
    "digest",
    "authorization",
    "x-signature",
    "x-nonce",
    "webhook-signature",
];
const METHODS: [&str; 4] = ["POST", "GET", "post", "PO ST"];
const AUTHORITIES: [&str; 5] =
    ["images.example", "IMAGES.example:443", "images.example:8443", "evil.example", ""];
const TARGETS: [&str; 6] = [
    "/v1/cut-out?a=1&b=2",
    "/v1/cut-out?a=1&b=3",
    "/v1/cut-out",
    "/v1/cut-out?",
    "/v1/held?a=1&b=2",
    "*",
];

/// A request in parts that can be changed.
#[derive(Clone, Debug)]
pub struct Parts {
    pub method: String,
    pub authority: String,
    pub target: String,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// One change.
#[derive(Debug)]
pub enum Edit<'a> {
    Method(&'a str),
    Authority(&'a str),
    Target(&'a str),
    /// Cuts bytes out of the target and puts others in.
    InTarget(u8, u8, &'a str),
    Body(&'a [u8]),
    Drop(u8),
    Double(u8),
    Swap(u8, u8),
    Add(&'a str, &'a [u8]),
    /// Cuts bytes out of a field's value and puts others in.
    InField {
        field: u8,
        at: u8,
        cut: u8,
        put: &'a [u8],
    },
}

impl<'a> Arbitrary<'a> for Edit<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(input)? % 16 {
            0 => Self::Method(word::text(input, &METHODS)?),
            1 => Self::Authority(word::text(input, &AUTHORITIES)?),
            2 => Self::Target(word::text(input, &TARGETS)?),
            3 => {
                Self::InTarget(input.arbitrary()?, input.arbitrary()?, word::text(input, &PIECES)?)
            }
            4 => Self::Body(input.arbitrary()?),
            5 => Self::Drop(input.arbitrary()?),
            6 => Self::Double(input.arbitrary()?),
            7 => Self::Swap(input.arbitrary()?, input.arbitrary()?),
            8 => Self::Add(word::text(input, &NAMES)?, word::bytes(input, &PIECES)?),
            _ => {
                let [field, at, cut] = input.arbitrary()?;
                // Most cuts are small, or nothing of a field would be left.
                let cut = if cut < 128 { cut % 8 } else { cut };
                Self::InField { field, at, cut, put: word::bytes(input, &PIECES)? }
            }
        })
    }
}

impl Parts {
    /// Makes one change.
    pub fn edit(&mut self, edit: &Edit<'_>) {
        let Self { method, authority, target, fields, body } = self;
        let pick = |which: u8| usize::from(which).checked_rem(fields.len());
        match *edit {
            Edit::Method(text) => text.clone_into(method),
            Edit::Authority(text) => text.clone_into(authority),
            Edit::Target(text) => text.clone_into(target),
            Edit::InTarget(at, cut, put) => {
                let mut bytes = target.as_bytes().to_vec();
                splice(&mut bytes, at, cut % 4, put.as_bytes());
                *target = String::from_utf8_lossy(&bytes).into_owned();
            }
            Edit::Body(bytes) => bytes.clone_into(body),
            Edit::Add(name, value) => fields.push((name.to_owned(), value.to_vec())),
            Edit::Drop(which) => {
                pick(which).map(|at| fields.remove(at));
            }
            Edit::Double(which) => {
                pick(which).map(|at| fields.push(fields[at].clone()));
            }
            Edit::Swap(one, other) => {
                pick(one).zip(pick(other)).map(|(one, other)| fields.swap(one, other));
            }
            Edit::InField { field, at, cut, put } => {
                pick(field).map(|field| splice(&mut fields[field].1, at, cut, put));
            }
        }
    }
}

fn splice(bytes: &mut Vec<u8>, at: u8, cut: u8, put: &[u8]) {
    let at = usize::from(at).min(bytes.len());
    let end = (at + usize::from(cut)).min(bytes.len());
    bytes.splice(at..end, put.iter().copied());
}
