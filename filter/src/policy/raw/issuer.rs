//! Issuers of tokens in the policy file.

use serde::Deserialize;

use super::name::Name;
use crate::algorithm::Algorithm;
use crate::jwt::{self, Issuer, Jwks};
use crate::policy::error::{PolicyError, require};
use crate::policy::units::Duration;

/// The most issuers of tokens a policy may have.
pub(super) const ISSUERS_MAX: usize = 16;
/// The most audiences, and the most types, of one issuer.
const LIST_MAX: usize = 16;
/// The longest text that is compared with a claim, in bytes.
const TEXT_MAX: usize = 256;

/// Whose tokens are taken, and on which terms. Its keys are either public ones or one secret.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Issuer", extend("oneOf" = [
    { "required": ["jwks"] },
    { "required": ["hmac_secret"] },
])))]
#[serde(deny_unknown_fields)]
pub(super) struct RawIssuer {
    /// A short name, which begins the names of its principals.
    name: Name,
    /// The `iss` of its tokens, exactly.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = TEXT_MAX)))]
    issuer: String,
    /// One of these must be in the `aud` of a token.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = LIST_MAX)))]
    audiences: Vec<String>,
    /// The algorithms its tokens may be signed with, by their names in JSON Web Signatures.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), extend("uniqueItems" = true)))]
    algorithms: Vec<JwsAlgorithm>,
    /// Its public keys, a JSON Web Key Set (RFC 7517).
    #[cfg_attr(feature = "schema", schemars(with = "Option<JwksShape>"))]
    jwks: Option<Jwks>,
    /// The name of the host's secret for HS256. The secret itself is never in a policy.
    hmac_secret: Option<Name>,
    /// The `typ` its tokens may have; `JWT` and `at+jwt` if left out.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = LIST_MAX)))]
    types: Option<Vec<String>>,
    /// How long a token may be valid, 1 s to 7 days.
    max_lifetime: Duration,
    /// The claim that holds the scopes.
    #[serde(default = "scope_claim_default")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = TEXT_MAX)))]
    scope_claim: String,
    /// The tier of everyone who comes with its tokens.
    tier: Name,
    /// Whether a token needs an id, by which it can be revoked.
    #[serde(default)]
    require_jti: bool,
}

/// An algorithm by its name in JSON Web Signatures.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct JwsAlgorithm(Algorithm);

pub(super) fn check(raw: Vec<RawIssuer>, skew: u64) -> Result<Vec<Issuer>, PolicyError> {
    require(raw.len() <= ISSUERS_MAX, "issuers", || {
        format!("expected at most {ISSUERS_MAX} issuers")
    })?;
    let mut issuers: Vec<Issuer> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("issuers[{index}]");
        let issuer = check_one(raw, skew, &at)?;
        let taken = |other: &Issuer| other.name == issuer.name || other.issuer == issuer.issuer;
        require(!issuers.iter().any(taken), &at, || {
            "another issuer has this name, or this `iss`".to_owned()
        })?;
        issuers.push(issuer);
    }
    Ok(issuers)
}

fn check_one(raw: RawIssuer, skew: u64, at: &str) -> Result<Issuer, PolicyError> {
    let field = |name: &str| format!("{at}.{name}");
    // One issuer with both could have a token verified in two ways (RFC 8725 §2.1).
    require(raw.jwks.is_some() != raw.hmac_secret.is_some(), at, || {
        "expected either jwks or hmac_secret".to_owned()
    })?;
    let types = raw.types.unwrap_or_else(jwt::default_types);
    for (name, texts) in [("audiences", &raw.audiences), ("types", &types)] {
        require(texts.len() <= LIST_MAX, &field(name), || format!("expected at most {LIST_MAX}"))?;
        for (index, text) in texts.iter().enumerate() {
            is_short(text, &format!("{at}.{name}[{index}]"))?;
        }
    }
    is_short(&raw.issuer, &field("issuer"))?;
    is_short(&raw.scope_claim, &field("scope_claim"))?;
    let issuer = Issuer {
        name: raw.name.0,
        issuer: raw.issuer,
        audiences: raw.audiences,
        algorithms: raw.algorithms.into_iter().map(|algorithm| algorithm.0).collect(),
        keys: raw.jwks.unwrap_or_default(),
        hmac_secret: raw.hmac_secret.map(|name| name.0),
        types,
        max_lifetime: raw.max_lifetime.seconds,
        require_jti: raw.require_jti,
        scope_claim: raw.scope_claim,
        tier: raw.tier.0,
        skew: skew / 1_000,
    };
    issuer.check().map_err(|error| {
        let name = if error.field == "keys" { "jwks" } else { error.field };
        PolicyError::new(field(name), error.expected)
    })?;
    Ok(issuer)
}

fn is_short(text: &str, at: &str) -> Result<(), PolicyError> {
    require(text.len() <= TEXT_MAX, at, || format!("expected at most {TEXT_MAX} bytes"))
}

fn scope_claim_default() -> String {
    "scope".to_owned()
}

impl TryFrom<String> for JwsAlgorithm {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let names = || Algorithm::ALL.map(Algorithm::jwa_name).join(", ");
        Algorithm::from_jwa_name(&name)
            .map(Self)
            .ok_or_else(|| format!("expected one of {}, got {name:?}", names()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for JwsAlgorithm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JwsAlgorithm".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // RFC 9864 §2.2 has a second name for EdDSA.
        let names = Algorithm::ALL.map(Algorithm::jwa_name).into_iter().chain(["Ed25519"]);
        schemars::json_schema!({ "type": "string", "enum": names.collect::<Vec<_>>() })
    }
}

/// What a schema says of a JSON Web Key Set; the rest is said by whoever reads it.
#[cfg(feature = "schema")]
struct JwksShape;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for JwksShape {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Jwks".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Public keys (RFC 7517 §5).",
            "type": "object",
            "required": ["keys"],
            "properties": {
                "keys": {
                    "type": "array",
                    "maxItems": jwt::JWKS_MAX,
                    "items": { "type": "object", "required": ["kty"] },
                },
            },
        })
    }
}
