//! The inspection event: what an audit learns of one inspection, once and masked.
//!
//! It holds no credential, no header value, no query, no image and no whole address. Every text in
//! it is bounded, so an event is at most [`BYTES_MAX`] bytes of JSON. The shape is published as
//! `filter/event.schema.json`; a field that is added, dropped or changes its meaning changes
//! [`VERSION`].

mod facts;
mod network;
mod text;

#[cfg(test)]
mod tests;

use serde::Serialize;

use self::text::Text;
use crate::key::NAME_MAX;
use crate::policy::Mode;
use crate::quota::{Remaining, Unit};
use crate::signature::Scheme;
use crate::{Environment, Format, api_key};

pub use self::facts::{Credential, Facts, Identity, Outcome};

/// The version of the event's shape.
pub const VERSION: u32 = 1;
/// The most bytes of an event as JSON.
pub const BYTES_MAX: usize = 8 * 1024;
/// How much of a path is kept, in characters.
pub const PATH_MAX: usize = 256;
/// How much of an id that a client chose is kept, in characters.
pub const ID_MAX: usize = 128;
/// The most failed checks of one event.
pub const FAILED_MAX: usize = 16;
/// The most quotas of one event.
pub const QUOTAS_MAX: usize = 16;

/// How much of a method is kept, in characters.
const METHOD_MAX: usize = 16;

/// One inspection, as the audit sees it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "Lunette inspection event"))]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of this shape.
    #[cfg_attr(feature = "schema", schemars(extend("const" = VERSION)))]
    version: u32,
    /// The id of the request: 32 hex digits.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{32}$")))]
    request_id: Text<32>,
    /// When the inspection began, in Unix milliseconds.
    time: u64,
    /// The gate's name.
    gate: Text<NAME_MAX>,
    /// The gate's environment.
    environment: Environment,
    /// The policy's epoch.
    epoch: u64,
    /// The route's name, if the request named one.
    route: Option<Text<NAME_MAX>>,
    /// The method.
    method: Text<METHOD_MAX>,
    /// The path; null if the target is not a path.
    path: Option<Text<PATH_MAX>>,
    /// The length of the query, which is not shown, in bytes.
    query_bytes: u64,
    /// The network of the client: /24 of IPv4, /48 of IPv6.
    client_network: Option<Text<NAME_MAX>>,
    /// What kind of credential was presented.
    credential: Kind,
    /// The scheme of the signature.
    scheme: Option<Scheme>,
    /// The policy's name for the token's issuer.
    issuer: Option<Text<NAME_MAX>>,
    /// Whom the request says it is from; nothing proves it.
    claimed: Option<Text<ID_MAX>>,
    /// Whom the credential proved the request to be from.
    verified: Option<Verified>,
    /// Whether failed checks were enforced.
    mode: Mode,
    /// How the inspection ended.
    verdict: Verdict,
    /// The public code of a refusal.
    code: Option<Text<NAME_MAX>>,
    /// The internal reason of a refusal.
    reason: Option<Text<NAME_MAX>>,
    /// The status of a refusal.
    status: Option<u16>,
    /// The codes of the checks that failed and were only reported, or passed over by the policy's leave.
    #[cfg_attr(feature = "schema", schemars(length(max = FAILED_MAX)))]
    failed: Vec<Text<NAME_MAX>>,
    /// What the signature leaves uncovered.
    #[cfg_attr(feature = "schema", schemars(length(max = crate::signature::Part::ALL.len())))]
    weaker: Vec<Text<NAME_MAX>>,
    /// What the image header declares.
    image: Option<Image>,
    /// The declared length of the body in bytes.
    content_length: Option<u64>,
    /// What is left of the quotas that apply.
    #[cfg_attr(feature = "schema", schemars(length(max = QUOTAS_MAX)))]
    quotas: Vec<Left>,
    /// SHA-256 of the signature's nonce, in hex.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{64}$")))]
    nonce: Option<Text<64>>,
    /// Whether the answer came from the rejection cache.
    cached: bool,
}

/// What an image header declares, and what that costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The format.
    pub format: Format,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The number of frames, where the header states it.
    pub frames: Option<u32>,
    /// The pixels that are charged.
    pub cost_pixels: u64,
}

/// The kind of a credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum Kind {
    None,
    Key,
    Imported,
    Signature,
    KeyAndSignature,
    Token,
}

/// Whom a credential proved a request to be from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Verified {
    /// The key's id.
    key: Option<Text<ID_MAX>>,
    /// The token's id.
    jti: Option<Text<ID_MAX>>,
    /// Whom the credential acts for.
    principal: Text<NAME_MAX>,
    /// The tier whose quotas apply.
    tier: Text<NAME_MAX>,
}

/// How an inspection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Released,
    Reported,
    Rejected,
}

/// What is left of a quota.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Left {
    /// The quota's name.
    name: Text<NAME_MAX>,
    /// What it counts.
    unit: LeftUnit,
    /// How much may be used at once now.
    remaining: u64,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Unit"))]
#[serde(rename_all = "lowercase")]
enum LeftUnit {
    Requests,
    Pixels,
}

impl Event {
    /// Masks and bounds the facts of one inspection.
    pub fn new(facts: &Facts<'_>) -> Self {
        let (path, query) = split(facts.target);
        // A key that was written into the path by mistake.
        let path = path.split_once(api_key::PREFIX).map_or(path, |(before, _)| before);
        let (credential, scheme, issuer) = match facts.credential {
            Credential::None => (Kind::None, None, None),
            Credential::Key => (Kind::Key, None, None),
            Credential::Imported => (Kind::Imported, None, None),
            Credential::Signature(scheme) => (Kind::Signature, Some(scheme), None),
            Credential::KeyAndSignature(scheme) => (Kind::KeyAndSignature, Some(scheme), None),
            Credential::Token(issuer) => (Kind::Token, None, issuer),
        };
        let (verdict, code, reason, status) = match facts.outcome {
            Outcome::Released => (Verdict::Released, None, None, None),
            Outcome::Reported => (Verdict::Reported, None, None, None),
            Outcome::Rejected { code, reason, status } => {
                (Verdict::Rejected, Some(code), Some(reason), Some(status))
            }
        };
        Self {
            version: VERSION,
            request_id: Text::new(&crate::hex::encode(&facts.request_id.0)),
            time: facts.time.0,
            gate: Text::new(facts.gate),
            environment: facts.environment,
            epoch: facts.epoch,
            route: facts.route.map(Text::new),
            method: Text::new(facts.method),
            // An absolute target may hold a password (RFC 3986 §3.2.1).
            path: path.starts_with('/').then(|| Text::new(path)),
            query_bytes: u64::try_from(query.len()).unwrap_or(u64::MAX),
            client_network: facts.client.map(|client| Text::new(&network::masked(client))),
            credential,
            scheme,
            issuer: issuer.map(Text::new),
            claimed: facts.claimed.map(Text::new),
            verified: facts.verified.map(|identity| Verified {
                key: identity.key.map(Text::new),
                jti: identity.jti.map(Text::new),
                principal: Text::new(identity.principal),
                tier: Text::new(identity.tier),
            }),
            mode: facts.mode,
            verdict,
            code: code.map(Text::new),
            reason: reason.map(Text::new),
            status,
            failed: facts.failed.iter().take(FAILED_MAX).map(|code| Text::new(code)).collect(),
            weaker: facts.weaker.iter().map(Text::new).collect(),
            image: facts.image,
            content_length: facts.content_length,
            quotas: facts.quotas.iter().take(QUOTAS_MAX).map(Left::new).collect(),
            nonce: facts.nonce.map(|digest| Text::new(&crate::hex::encode(&digest))),
            cached: facts.cached,
        }
    }

    /// The event as one line of JSON, without a line end.
    pub fn to_json(&self) -> String {
        // Texts, numbers and lists of them always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Path and query of a target. What some other reader may take for the query is no path either.
fn split(target: &str) -> (&str, &str) {
    let marks = ["?", "#", "%3f", "%3F"];
    let first = marks.iter().filter_map(|mark| Some((target.find(mark)?, mark.len()))).min();
    let parts = first.and_then(|(at, len)| Some((target.get(..at)?, target.get(at + len..)?)));
    parts.unwrap_or((target, ""))
}

impl Left {
    fn new(quota: &Remaining) -> Self {
        let unit = match quota.unit {
            Unit::Requests => LeftUnit::Requests,
            Unit::Pixels => LeftUnit::Pixels,
        };
        Self { name: Text::new(&quota.name), unit, remaining: quota.remaining }
    }
}

/// The JSON Schema (2020-12) of an event.
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Event>()
        .to_value()
}
