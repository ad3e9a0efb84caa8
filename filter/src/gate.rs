//! Who a gate is, and the secrets it holds.

use zeroize::Zeroizing;

use crate::jwt::HmacSecrets;
use crate::key::{Environment, Pepper, RealmKey};
use crate::permit::PermitKey;
use crate::store::TagKey;

/// Who a gate is, and the secrets it holds. No `Debug`: it must not reach a log.
pub struct GateIdentity {
    /// The gate's name, as the node knows it.
    pub gate: String,
    /// The deployment it stands in front of.
    pub audience: String,
    /// The environment whose keys it takes.
    pub environment: Environment,
    /// Keys the comparison of presented secrets.
    pub pepper: Pepper,
    /// Seals permits.
    pub permit_key: PermitKey,
    /// Derive the secrets that clients sign with; two while one is being exchanged.
    pub realm_keys: Vec<RealmKey>,
    /// Secrets of issuers that sign tokens with HS256.
    pub token_secrets: TokenSecrets,
}

impl GateIdentity {
    /// Keys the tags under which this gate's store remembers nonces and quotas. Every VM of a host
    /// derives the same one.
    pub fn store_tags(&self) -> TagKey {
        TagKey::derive(&self.pepper.derive("store"))
    }

    /// Keys the tags under which refusals are remembered.
    pub fn cache_key(&self) -> [u8; 16] {
        self.pepper.derive("rejection cache").first_chunk().copied().unwrap_or_default()
    }
}

/// Named secrets of issuers, at least 32 bytes each (RFC 7518 §3.2). No `Debug`.
#[derive(Default)]
pub struct TokenSecrets(Vec<(String, Zeroizing<Vec<u8>>)>);

impl TokenSecrets {
    /// These secrets under these names.
    pub fn new(secrets: impl IntoIterator<Item = (String, Zeroizing<Vec<u8>>)>) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl HmacSecrets for GateIdentity {
    fn find(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let mut secrets = self.token_secrets.0.iter();
        secrets.find(|(known, _)| known == name).map(|(_, secret)| secret.clone())
    }
}
