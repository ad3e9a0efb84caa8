//! The permit: what a gate tells the node about one request, sealed with that gate's key.
//!
//! On the wire it is the header `Lunette-Permit: v2.<base64url claims>.<base64url HMAC-SHA256>`, at
//! most [`WIRE_MAX`] bytes; the claims are in [postcard]'s form, which names no fields, and the MAC is
//! over `v2.` and those bytes. It proves that head and image header were judged; the node still
//! inspects the whole body. The node accepts a permit once, and only for the request it describes.
//!
//! Each request pays for every byte of it: to write, to hash, to spell and to send. As JSON it was
//! three times as long. Whoever changes [`Claims`] changes the version.
//!
//! [postcard]: https://postcard.jamesmunns.com/wire-format

use std::net::IpAddr;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::key::{Environment, KeyId, MacKey, TokenId};
use crate::policy::Mode;
use crate::{Format, UnixMillis};

/// The header field that carries a permit.
pub const HEADER: &str = "lunette-permit";
/// The header field in which the node tells a gate what its answer means for it; a gate strips it.
pub const VERDICT_HEADER: &str = "lunette-verdict";
/// Nothing was decoded and the client is not to blame: the pixels that were charged are given back.
pub const VERDICT_REFUND: &str = "refund";
/// The body that the signed digest names is malformed, and will be whenever it comes again; the code
/// of the refusal follows, after a space.
pub const VERDICT_MALFORMED: &str = "malformed";
/// The codes of a body that will be refused again, whenever it comes: not those of a limit, which may
/// change, nor those that depend on what else the request says. Their order is what gates store: new
/// ones go to the end.
pub const MALFORMED_CODES: [&str; 6] = [
    "not-an-image",
    "image-truncated",
    "image-malformed",
    "image-unsupported",
    "image-trailing-data",
    "image-polyglot",
];
/// The most bytes of a permit: the target alone may take 2 KiB.
pub const WIRE_MAX: usize = 6 * 1024;
/// How long a permit is good for, in milliseconds, judged when the head arrives at the node.
pub const LIFETIME: u64 = 30_000;
/// How far the clocks of gate and node may differ, in milliseconds.
pub const CLOCK_TOLERANCE: u64 = 5_000;

const VERSION: &str = "v2";
/// As many bytes as the claims of most requests take.
const CLAIMS_USUAL: usize = 512;

/// 128 random bits that name one request, from the gate and never from the client. Also the
/// request id of answers and logs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PermitId(pub [u8; 16]);

impl TryFrom<String> for PermitId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        crate::hex::decode(&text).map(Self).ok_or("a permit id is 32 hex digits")
    }
}

impl From<PermitId> for String {
    fn from(id: PermitId) -> Self {
        crate::hex::encode(&id.0)
    }
}

/// What a permit binds. The order of the fields is the order on the wire.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The permit's id.
    pub id: PermitId,
    /// The gate that made it.
    pub gate: String,
    /// Which of the gate's keys sealed it.
    pub gate_key: u32,
    /// The deployment it is for.
    pub audience: String,
    /// The environment it is for.
    pub environment: Environment,
    /// What was presented.
    pub credential: Credential,
    /// Whom it acts for.
    pub principal: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Which quotas apply to it.
    pub tier: String,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: String,
    /// The raw path with query.
    pub target: String,
    /// `Content-Type` as received.
    pub content_type: String,
    /// `Content-Length`, in bytes.
    pub content_length: u64,
    /// The digest of the body that a signature covers, if one was verified.
    pub content_digest: Option<String>,
    /// The judged format; none where the route takes no body.
    pub format: Option<Format>,
    /// The judged width in pixels, 0 without an image.
    pub width: u32,
    /// The judged height in pixels, likewise.
    pub height: u32,
    /// The judged number of frames, where the header states it.
    pub frames: Option<u32>,
    /// Pixels that were paid for: width times height times frames, before the route's weight.
    pub cost_pixels: u64,
    /// The nonce that a signature covers, if one was verified.
    pub nonce: Option<Nonce>,
    /// What the request's signature does not cover, where its scheme is a weak one.
    pub weaker: Vec<String>,
    /// Whether the verdict was enforced.
    pub mode: Mode,
    /// The codes of what failed and was only reported.
    pub reported: Vec<String>,
    /// The policy epoch of the verdict.
    pub epoch: u64,
    /// When the permit was made, in Unix milliseconds.
    pub issued_at: u64,
}

impl Nonce {
    /// `nonce`, to be remembered until `until`.
    pub fn of(nonce: &str, until: UnixMillis) -> Self {
        Self {
            sha256: crate::hex::encode(&<[u8; 32]>::from(Sha256::digest(nonce))),
            until: until.0,
        }
    }
}

/// What a permit says was presented.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// An API key, a signature with it, or both.
    Key(KeyId),
    /// A token of an issuer.
    Token(Token),
    /// Nothing that could be verified; the failure was only reported.
    Unverified,
    /// Nothing was asked for: the page is for everybody.
    Anonymous,
}

/// A token, as far as the node needs to know it.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The issuer's name in the policy.
    pub issuer: String,
    /// The token's id; one without a `jti` has none and cannot be revoked singly.
    pub id: Option<TokenId>,
    /// Not valid from this time on, in Unix milliseconds.
    pub expires: u64,
}

/// A nonce, as far as the node needs to know it.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Nonce {
    /// SHA-256 of the nonce, in hex.
    pub sha256: String,
    /// How long it must be remembered, in Unix milliseconds.
    pub until: u64,
}

/// One gate's key for permits. It has no `Debug`, `Display` or `Serialize`.
pub struct PermitKey {
    gate: String,
    version: u32,
    key: MacKey,
}

/// Why a text is not a permit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// It is not of the form of a permit.
    #[error("the permit is malformed")]
    Malformed,
    /// No gate of that name and key version is known here.
    #[error("the permit is from an unknown gate or key version")]
    UnknownGate,
    /// It was altered, or sealed with another key.
    #[error("the permit's seal does not fit")]
    Seal,
    /// It is too old, or from the future.
    #[error("the permit has expired")]
    Expired,
}

impl PermitKey {
    /// Version `version` of the key of gate `gate`.
    pub fn new(gate: impl Into<String>, version: u32, key: [u8; 32]) -> Self {
        Self { gate: gate.into(), version, key: MacKey::new(key) }
    }

    /// The gate's name.
    pub fn gate(&self) -> &str {
        &self.gate
    }

    /// Which of the gate's keys this is.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Seals claims. The claims' gate and key version are set to this key's.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if the sealed permit would not fit into [`WIRE_MAX`] bytes.
    pub fn seal(&self, mut claims: Claims) -> Result<String, Invalid> {
        self.gate.clone_into(&mut claims.gate);
        claims.gate_key = self.version;
        let bytes = postcard::to_extend(&claims, Vec::with_capacity(CLAIMS_USUAL));
        let bytes = bytes.map_err(|_| Invalid::Malformed)?;
        let (payload, seal) = (Base64UrlUnpadded::encode_string(&bytes), self.mac(&bytes));
        let seal = Base64UrlUnpadded::encode_string(&seal);
        let permit = [VERSION, ".", &payload, ".", &seal].concat();
        if permit.len() <= WIRE_MAX { Ok(permit) } else { Err(Invalid::Malformed) }
    }

    fn mac(&self, claims: &[u8]) -> [u8; 32] {
        self.key.mac(&[VERSION.as_bytes(), b".", claims])
    }
}

/// Opens a permit with the key that `keys` gives for its gate and version. Checks the seal and the
/// age; what the claims say about the request is for the caller to compare.
pub fn open(text: &str, keys: &[PermitKey], now: UnixMillis) -> Result<Claims, Invalid> {
    if text.len() > WIRE_MAX {
        return Err(Invalid::Malformed);
    }
    let parts = text.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('.'));
    let (bytes, seal) = parts.and_then(|rest| rest.split_once('.')).ok_or(Invalid::Malformed)?;
    // There is one spelling of some bytes: others are refused.
    let decode = |text| Base64UrlUnpadded::decode_vec(text).map_err(|_| Invalid::Malformed);
    let (bytes, seal) = (decode(bytes)?, decode(seal)?);
    // Read before the seal is checked, only to find the key; nothing else is believed yet.
    let read = postcard::take_from_bytes(&bytes).map_err(|_| Invalid::Malformed)?;
    let (claims, []): (Claims, _) = read else { return Err(Invalid::Malformed) };
    let key = keys
        .iter()
        .find(|key| key.gate == claims.gate && key.version == claims.gate_key)
        .ok_or(Invalid::UnknownGate)?;
    if !bool::from(key.mac(&bytes).as_slice().ct_eq(&seal)) {
        return Err(Invalid::Seal);
    }
    let issued = UnixMillis(claims.issued_at);
    if now > issued.plus(LIFETIME + CLOCK_TOLERANCE) || issued > now.plus(CLOCK_TOLERANCE) {
        return Err(Invalid::Expired);
    }
    Ok(claims)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection;
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    pub(crate) fn claims() -> Claims {
        Claims {
            id: PermitId([9; 16]),
            gate: String::new(),
            gate_key: 0,
            audience: "images".into(),
            environment: Environment::Test,
            credential: Credential::Key(KeyId::parse("0123456789").unwrap()),
            principal: "acme".into(),
            scopes: vec!["cut".into()],
            tier: "free".into(),
            client: Some(IpAddr::from([127, 0, 0, 1])),
            method: "POST".into(),
            target: "/v1/cut?x=1".into(),
            content_type: "image/png".into(),
            content_length: 100,
            content_digest: None,
            format: Some(Format::Png),
            width: 3,
            height: 4,
            frames: Some(1),
            cost_pixels: 12,
            nonce: None,
            weaker: vec![],
            mode: Mode::Enforce,
            reported: vec![],
            epoch: 7,
            issued_at: NOW.0,
        }
    }

    fn keys() -> [PermitKey; 2] {
        [PermitKey::new("edge-1", 1, [1; 32]), PermitKey::new("edge-1", 2, [2; 32])]
    }

    #[test]
    fn a_sealed_permit_opens_with_either_live_key() {
        for (version, key) in (1..).zip(&keys()) {
            let permit = key.seal(claims()).unwrap();
            let opened = open(&permit, &keys(), NOW).unwrap();
            assert_eq!((opened.gate.as_str(), opened.gate_key), ("edge-1", version));
            assert_eq!(
                opened,
                Claims { gate: opened.gate.clone(), gate_key: opened.gate_key, ..claims() }
            );
        }
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let permit = keys()[0].seal(claims()).unwrap();
        for at in 0..permit.len() {
            let mut bytes = permit.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert!(open(&altered, &keys(), NOW).is_err(), "character {at}");
        }
    }

    #[test]
    fn what_follows_the_claims_is_malformed_whoever_sealed_it() {
        let key = &keys()[0];
        let sealed = |bytes: &[u8]| {
            let [bytes, seal] = [bytes, &key.mac(bytes)].map(Base64UrlUnpadded::encode_string);
            [VERSION, &bytes, &seal].join(".")
        };
        let own = Claims { gate: "edge-1".into(), gate_key: 1, ..claims() };
        let mut bytes = postcard::to_extend(&own, Vec::new()).unwrap();
        assert_eq!(open(&sealed(&bytes), &keys(), NOW), Ok(own));
        bytes.push(0);
        assert_eq!(open(&sealed(&bytes), &keys(), NOW), Err(Invalid::Malformed));
    }

    #[test]
    fn foreign_keys_and_gates_are_refused() {
        let other = PermitKey::new("edge-1", 1, [9; 32]).seal(claims()).unwrap();
        assert_eq!(open(&other, &keys(), NOW), Err(Invalid::Seal));
        let stranger = PermitKey::new("edge-9", 1, [1; 32]).seal(claims()).unwrap();
        assert_eq!(open(&stranger, &keys(), NOW), Err(Invalid::UnknownGate));
    }

    #[test]
    fn a_permit_lives_thirty_seconds_and_a_little_tolerance() {
        let permit = keys()[0].seal(claims()).unwrap();
        let at =
            |offset: i64| open(&permit, &keys(), UnixMillis(NOW.0.saturating_add_signed(offset)));
        assert!(at(35_000).is_ok());
        assert_eq!(at(35_001), Err(Invalid::Expired));
        assert!(at(-5_000).is_ok());
        assert_eq!(at(-5_001), Err(Invalid::Expired));
    }

    #[test]
    fn other_texts_are_malformed() {
        for text in [
            "",
            ".",
            "..",
            "v2",
            "v2..",
            "v3.AAAA.AA",
            "v2.AAAA.AA",
            "v2.!.!",
            &"v".repeat(WIRE_MAX + 1),
        ] {
            assert_eq!(open(text, &keys(), NOW), Err(Invalid::Malformed), "{text:.20}");
        }
    }

    proptest! {
        /// Claims are read before their seal is checked, since they name the key.
        #[test]
        fn whatever_a_stranger_writes_is_refused(
            honest in any::<bool>(),
            at in 0..200usize,
            bytes in collection::vec(any::<u8>(), 0..400),
        ) {
            let mut written = bytes.clone();
            if honest {
                // What they know by heart, with something of their own in it.
                let known = Claims { gate: "edge-1".into(), gate_key: 1, ..claims() };
                written = postcard::to_extend(&known, Vec::new()).unwrap();
                written.splice(at.min(written.len()).., bytes);
            }
            let payload = Base64UrlUnpadded::encode_string(&written);
            let seal = Base64UrlUnpadded::encode_string(&[0; 32]);
            let opened = open(&[VERSION, &payload, &seal].join("."), &keys(), NOW);
            prop_assert!(opened.is_err(), "{opened:?}");
        }
    }

    #[test]
    fn a_length_that_lies_is_malformed() {
        // The id, of four thousand million digits.
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 10], &[0x80; 11]] {
            let payload = Base64UrlUnpadded::encode_string(bytes);
            let text = [VERSION, &payload, &Base64UrlUnpadded::encode_string(&[0; 32])].join(".");
            assert_eq!(open(&text, &keys(), NOW), Err(Invalid::Malformed));
        }
    }

    #[test]
    fn the_longest_target_fits() {
        let target = format!("/{}", "a".repeat(crate::checks::framing::TARGET_MAX - 1));
        let scopes = vec!["s".repeat(crate::key::NAME_MAX); crate::key::SCOPES_MAX];
        let long = Claims { scopes, target, ..claims() };
        assert!(keys()[0].seal(long).is_ok());
    }
}
