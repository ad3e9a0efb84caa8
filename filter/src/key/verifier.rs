//! How a presented secret is compared with a record that does not hold it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Turns a presented secret into the value a record can be compared with.
pub trait KeyDigest {
    /// The verifier of `secret`.
    fn verifier(&self, secret: &[u8]) -> [u8; 32];
}

/// The host secret that keeps published key records useless to whoever reads them.
pub struct Pepper(MacKey);

impl Pepper {
    /// Wraps the 32 secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(MacKey::new(bytes))
    }

    /// The verifier of a key whose secret was hashed at rest: HMAC(pepper, hash).
    pub fn verifier_of_hash(&self, hash: &[u8; 32]) -> [u8; 32] {
        self.0.mac(&[hash])
    }

    /// A secret of this gate that is used for `label` and for nothing else.
    pub(crate) fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.mac(&[b"lunette ", label.as_bytes()]))
    }
}

impl KeyDigest for Pepper {
    fn verifier(&self, secret: &[u8]) -> [u8; 32] {
        self.verifier_of_hash(&hash_at_rest(secret))
    }
}

/// What is stored of a key's secret: its SHA-256. The secret has 190 random bits, so no salt or
/// stretching is needed.
pub fn hash_at_rest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// A key that is used again and again, as HMAC keeps it between messages: with both pads hashed, which is
/// half of what a short message costs. It is wiped when dropped.
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(keyed_hmac_sha256(&*Zeroizing::new(key)))
    }

    /// HMAC-SHA256 over the concatenation of `parts`.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// HMAC-SHA256 (RFC 2104) over the concatenation of `parts`, with a key that is used once.
pub(crate) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    MacKey(keyed_hmac_sha256(key)).mac(parts)
}

/// HMAC-SHA256 under a key of any length, to be fed piece by piece.
pub(crate) fn keyed_hmac_sha256(key: &[u8]) -> Hmac<Sha256> {
    // A key longer than the block is hashed; then it is padded with zeros (RFC 2104 §2).
    let mut block = Zeroizing::new([0; 64]);
    let hashed = (key.len() > block.len()).then(|| Zeroizing::new(hash_at_rest(key)));
    for (to, from) in block.iter_mut().zip(hashed.as_ref().map_or(key, |hash| hash.as_slice())) {
        *to = *from;
    }
    Hmac::<Sha256>::new((&*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_is_the_hmac_of_the_hash() {
        // RFC 4231 test case 2 checks the HMAC itself.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            crate::hex::encode(&hmac_sha256(&key, &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        // And test case 6 a key longer than the block.
        let mut mac = keyed_hmac_sha256(&[0xaa; 131]);
        mac.update(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(
            crate::hex::encode(&mac.finalize().into_bytes()),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        let pepper = Pepper::new([7; 32]);
        assert_eq!(pepper.verifier(b"secret"), pepper.verifier_of_hash(&hash_at_rest(b"secret")));
    }
}
