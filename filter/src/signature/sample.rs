//! A request to try signatures on.

use zeroize::Zeroizing;

use super::client::{Signing, Statement, sign};
use super::{Error, Scheme, Schemes, Terms, VerificationKey, Verified, presented};
use crate::algorithm::Algorithm;
use crate::request::{Headers, Peer};
use crate::{RequestHead, UnixMillis};

pub(super) const SECRET: &[u8] = b"a secret of forty bytes, as long as that";
pub(super) const KEY_ID: &str = "abcDEF1234";
pub(super) const NONCE: &str = "0123456789abcdef-_XY";
/// 2021-04-20T02:07:53Z.
pub(super) const NOW: UnixMillis = UnixMillis(1_618_884_473_000);
pub(super) const SKEW: u64 = 300_000;

/// A request, easy to change.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) method: String,
    pub(super) authority: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
}

impl Sample {
    /// An upload of an image, unsigned.
    pub(super) fn upload() -> Self {
        Self {
            method: "POST".into(),
            authority: "images.example".into(),
            target: "/v1/background-removal?format=png".into(),
            fields: vec![("content-type".into(), b"image/png".to_vec())],
            body: Some(b"not really an image".to_vec()),
        }
    }

    /// A request without a body, a media type or a query, unsigned.
    pub(super) fn download() -> Self {
        let target = "/v1/models".into();
        Self { method: "GET".into(), target, fields: vec![], body: None, ..Self::upload() }
    }

    /// With a field more.
    pub(super) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self
    }

    /// Without the field.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    /// With another value in the field that is there.
    pub(super) fn replacing(mut self, name: &str, from: &str, to: &str) -> Self {
        let text = self.field(name);
        assert!(text.contains(from), "{name} holds {text}, not {from}");
        let (_, value) = self.fields.iter_mut().find(|(field, _)| field == name).unwrap();
        *value = text.replace(from, to).into_bytes();
        self
    }

    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> String {
        let (_, value) = self.fields.iter().find(|(field, _)| field == name).unwrap();
        String::from_utf8(value.clone()).unwrap()
    }

    /// Signed at [`NOW`].
    pub(super) fn signed(self, scheme: Scheme) -> Self {
        self.signed_at(scheme, NOW)
    }

    /// Signed at `created`.
    pub(super) fn signed_at(mut self, scheme: Scheme, created: UnixMillis) -> Self {
        let headers = Headers::new(self.fields.clone());
        let body = self.body.as_deref();
        let statement =
            Statement { key_id: Some(KEY_ID), created, expires: None, nonce: NONCE, body };
        let signing = Signing { scheme, secret: SECRET, statement };
        let signed = sign(&self.head(&headers), &signing).unwrap();
        self.fields.retain(|(name, _)| !signed.fields.iter().any(|(n, _)| n == name));
        for (name, value) in signed.fields {
            self = self.with(name, value);
        }
        self.target = signed.target;
        self
    }

    pub(super) fn head<'a>(&'a self, headers: &'a Headers) -> RequestHead<'a> {
        RequestHead {
            method: &self.method,
            authority: &self.authority,
            target: &self.target,
            headers,
            peer: Peer::Unknown,
        }
    }

    /// Verified with the secret at [`NOW`], where every scheme is accepted.
    pub(super) fn outcome(&self) -> Result<Verified, Error> {
        self.outcome_with(VerificationKey::Secret(secret()), Algorithm::HmacSha256, NOW)
    }

    /// Verified with the secret at `now`.
    pub(super) fn outcome_at(&self, now: UnixMillis) -> Result<Verified, Error> {
        self.outcome_with(VerificationKey::Secret(secret()), Algorithm::HmacSha256, now)
    }

    /// Verified with any key.
    pub(super) fn outcome_with(
        &self,
        key: VerificationKey,
        algorithm: Algorithm,
        now: UnixMillis,
    ) -> Result<Verified, Error> {
        let headers = Headers::new(self.fields.clone());
        let head = self.head(&headers);
        let authorities = ["images.example".to_owned()];
        let has_body = self.body.is_some();
        let terms = Terms { authorities: &authorities, skew: SKEW, has_body, algorithm };
        let presented = presented(&head, Scheme::ALL.into_iter().collect::<Schemes>())?
            .ok_or(Error::ParameterMissing("signature"))?;
        let mut verified = presented.prepare(&head, &terms, key, now)?.verify()?;
        if let Some(mut mac) = verified.body_mac.take() {
            mac.update(self.body.as_deref().unwrap_or_default());
            mac.finish()?;
        }
        if let Some(digest) = verified.digest {
            let mut digester = digest.digester();
            digester.update(self.body.as_deref().unwrap_or_default());
            digester.finish().map_err(|_| Error::Invalid)?;
        }
        Ok(verified)
    }
}

pub(super) fn secret() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(SECRET.to_vec())
}
