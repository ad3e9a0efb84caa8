//! Standard Webhooks: the body itself is signed, with an id and a time, and nothing else.
//!
//! ```text
//! webhook-signature: v1,base64(HMAC-SHA256(secret, id.timestamp.body)) …
//! ```
//!
//! The secret is what follows `whsec_`, decoded. The id is the nonce: its sender repeats it when it tries
//! again, and a second delivery is a second use.

use base64ct::{Base64, Encoding as _};

use super::super::client::{self, Statement};
use super::super::prepared::{Claim, Draft, Facts};
use super::super::{Error, Part, Terms, Weaker, fields, freshness};
use crate::{RequestHead, UnixMillis};

/// The field that says a request is signed in this way.
pub(in super::super) const SIGNATURE: &str = "webhook-signature";
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";

/// The most signatures in one list: a sender lists several while it changes its secret.
const SIGNATURES_MAX: usize = 8;
/// The longest id.
const ID_MAX: usize = 128;

/// The fields of one signature.
pub(in super::super) struct Presented<'a> {
    id: &'a str,
    timestamp: &'a str,
    macs: Vec<[u8; 32]>,
}

/// Reads the fields.
pub(in super::super) fn presented<'a>(head: &RequestHead<'a>) -> Result<Presented<'a>, Error> {
    let id = fields::required(head, ID)?;
    // A dot would let one message be cut into id, time and body in two ways.
    if !fields::is_visible(id, ID_MAX) || id.contains('.') {
        let expected = "1 to 128 visible characters without a dot";
        return Err(Error::Malformed { what: ID, expected });
    }
    let timestamp = fields::required(head, TIMESTAMP)?;
    let macs = macs(fields::required(head, SIGNATURE)?)?;
    Ok(Presented { id, timestamp, macs })
}

/// Reads the list; signatures of other versions are other people's business.
fn macs(text: &str) -> Result<Vec<[u8; 32]>, Error> {
    let malformed = || Error::Malformed { what: SIGNATURE, expected: "v1,<32 bytes in base64>" };
    let mut macs = Vec::new();
    for (at, member) in text.split_ascii_whitespace().enumerate() {
        if at == SIGNATURES_MAX {
            return Err(Error::TooLarge { what: "signatures", most: SIGNATURES_MAX });
        }
        let (version, text) = member.split_once(',').ok_or_else(malformed)?;
        if version == "v1" {
            let mut mac = [0; 32];
            match Base64::decode(text, &mut mac).map(<[u8]>::len) {
                Ok(32) => macs.push(mac),
                _ => return Err(malformed()),
            }
        }
    }
    if macs.is_empty() { Err(malformed()) } else { Ok(macs) }
}

impl Presented<'_> {
    pub(in super::super) fn prepare(
        self,
        terms: &Terms<'_>,
        now: UnixMillis,
    ) -> Result<Draft, Error> {
        let created = freshness::seconds(self.timestamp)
            .ok_or(Error::Malformed { what: TIMESTAMP, expected: "Unix seconds" })?;
        freshness::check(created, now, terms.skew)?;
        let weaker = Weaker::NOTHING
            .with(Part::Method, true)
            .with(Part::Authority, true)
            .with(Part::Path, true)
            .with(Part::Query, true)
            .with(Part::ContentType, terms.has_body);
        Ok(Draft {
            message: [self.id, ".", self.timestamp, "."].concat().into_bytes(),
            claim: Claim::MessageAndBody { macs: self.macs, has_body: terms.has_body },
            facts: Facts {
                created,
                expires: None,
                nonce: Some(self.id.to_owned()),
                digest: None,
                weaker,
            },
        })
    }
}

/// The fields of a signed request.
pub(in super::super) fn sign(
    secret: &[u8],
    statement: &Statement<'_>,
) -> Vec<(&'static str, String)> {
    let timestamp = (statement.created.0 / 1000).to_string();
    let head = [statement.nonce, ".", &timestamp, "."].concat();
    let mac = client::mac(secret, &[head.as_bytes(), statement.body.unwrap_or_default()]);
    vec![
        ("webhook-id", statement.nonce.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", format!("v1,{}", Base64::encode_string(&mac))),
    ]
}

#[cfg(test)]
mod tests;
