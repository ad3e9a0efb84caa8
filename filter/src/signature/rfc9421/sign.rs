//! The signer's side: a request with everything but the signature.

use base64ct::{Base64, Encoding as _};
use sfv::{DictSerializer, KeyRef, StringRef};

use super::super::client::{Signed, Statement, with_fields};
use super::super::{Error, authority};
use super::{TAG, base, input, required};
use crate::RequestHead;
use crate::digest::ContentDigest;

/// A request that lacks only its signature.
#[derive(Clone, Debug)]
pub struct Unsigned {
    base: String,
    fields: Vec<(&'static str, String)>,
    target: String,
}

impl Unsigned {
    /// What must be signed: the signature base.
    pub fn message(&self) -> &[u8] {
        self.base.as_bytes()
    }

    /// Adds the signature over [`message`](Self::message).
    pub fn signed(mut self, signature: &[u8]) -> Signed {
        let signature = format!("{TAG}=:{}:", Base64::encode_string(signature));
        self.fields.push(("Signature", signature));
        Signed { fields: self.fields, target: self.target }
    }
}

/// Writes the fields and the signature base.
pub(in super::super) fn unsigned(
    head: &RequestHead<'_>,
    statement: &Statement<'_>,
) -> Result<Unsigned, Error> {
    let digest = statement.body.map(|body| ContentDigest::of(body).to_string());
    let mut fields: Vec<_> = digest.map(|digest| ("Content-Digest", digest)).into_iter().collect();
    fields.push(("Signature-Input", signature_input(statement)?));
    let headers = with_fields(head, &fields);
    let head = RequestHead { headers: &headers, ..*head };
    // Read again rather than remembered: so the signer signs what the verifier will see.
    let inputs = input::parse(&headers)?;
    let input = inputs.first().ok_or(Error::ParameterMissing("Signature-Input"))?;
    let base = base::build(&head, &authority::check(&head, &[])?, input)?;
    Ok(Unsigned { base, fields, target: head.target.to_owned() })
}

fn signature_input(statement: &Statement<'_>) -> Result<String, Error> {
    let Statement { key_id, created, expires, nonce, body } = statement;
    let mut dictionary = DictSerializer::new();
    let mut list = dictionary.inner_list(key(TAG)?);
    for name in required(body.is_some()) {
        let _ = list.bare_item(string(name, "component")?);
    }
    let mut parameters = list.finish().parameter(key("created")?, seconds(created.0, "created")?);
    if let Some(expires) = expires {
        parameters = parameters.parameter(key("expires")?, seconds(expires.0, "expires")?);
    }
    let key_id = key_id.ok_or(Error::ParameterMissing("keyid"))?;
    let _ = parameters
        .parameter(key("nonce")?, string(nonce, "nonce")?)
        .parameter(key("keyid")?, string(key_id, "keyid")?)
        .parameter(key("tag")?, string(TAG, "tag")?)
        .finish();
    dictionary.finish().ok_or(Error::ParameterMissing("Signature-Input"))
}

fn key(name: &'static str) -> Result<&'static KeyRef, Error> {
    KeyRef::from_str(name).map_err(|_| Error::Malformed { what: name, expected: "a key" })
}

fn string<'t>(text: &'t str, what: &'static str) -> Result<&'t StringRef, Error> {
    StringRef::from_str(text).map_err(|_| Error::Malformed { what, expected: "ASCII text" })
}

fn seconds(millis: u64, what: &'static str) -> Result<sfv::Integer, Error> {
    let seconds = i64::try_from(millis / 1000).ok().and_then(|seconds| seconds.try_into().ok());
    seconds.ok_or(Error::Malformed { what, expected: "Unix seconds" })
}
