//! Signing secrets, derived and never stored.
//!
//! The root secret stays in the node. A gate holds the keys of its realm, two at most while one is
//! being exchanged, and derives the secret of whichever key signed a request. Whoever reads a gate's
//! environment learns the secrets of one environment and not of another, and nothing of the root.

use zeroize::Zeroizing;

use super::{KeyId, MacKey};
use crate::signature::Scheme;

/// What a client secret is for: another label gives another secret.
const LABEL: &[u8] = b"lunette-sign-v1";

/// The key of one realm: an environment, and a version of it. It has no `Debug`, `Display` or
/// `Serialize`.
pub struct RealmKey {
    version: u32,
    key: MacKey,
}

impl RealmKey {
    /// Version `version` of a realm's key.
    pub fn new(version: u32, key: [u8; 32]) -> Self {
        Self { version, key: MacKey::new(key) }
    }

    /// Which version this is; a key record names the one that derives its secret.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The secret with which number `secret` of key `id` signs under `scheme`.
    ///
    /// One block of HKDF-Expand (RFC 5869 §2.3): the realm key is uniformly random already. Each
    /// part of the input goes in with its length before it.
    pub fn client_secret(&self, id: &KeyId, secret: u32, scheme: Scheme) -> Zeroizing<[u8; 32]> {
        let (secret, scheme) = (secret.to_be_bytes(), scheme.as_str());
        let mut info = Vec::with_capacity(96);
        for part in [LABEL, id.as_str().as_bytes(), &secret, scheme.as_bytes()] {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part);
        }
        Zeroizing::new(self.key.mac(&[&info, &[1]]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_secrets_are_the_same() {
        let mut seen = BTreeSet::new();
        for key in [[1; 32], [2; 32]].map(|key| RealmKey::new(1, key)) {
            for id in ["0000000000", "0000000001"].map(|id| KeyId::parse(id).unwrap()) {
                for secret in [1, 2] {
                    for scheme in [Scheme::Rfc9421, Scheme::Simple] {
                        assert!(seen.insert(*key.client_secret(&id, secret, scheme)));
                    }
                }
            }
        }
    }
}
