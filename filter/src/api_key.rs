//! The text of an API key: `lun_<env>_<id>_<secret><crc>`.
//!
//! The CRC lets a mistyped or invented key be refused without any look-up, and lets secret scanners
//! recognise a leaked one. It protects nothing else.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::key::{Environment, KeyId};

/// The digits of keys, in value order.
pub const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Base62 digits of a key's secret: 190 bits.
pub const SECRET_LEN: usize = 32;
/// Base62 digits of the CRC-32.
const CRC_LEN: usize = 6;
/// What every key starts with.
pub const PREFIX: &str = "lun_";

/// A well-formed API key. It has no `Debug`, `Display` or `Serialize`: it must not reach a log.
pub struct ApiKey {
    environment: Environment,
    id: KeyId,
    secret: Zeroizing<[u8; SECRET_LEN]>,
}

/// Why a text is not an API key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// It does not have the form of a key.
    #[error("the API key does not have the form lun_<env>_<id>_<secret>")]
    Form,
    /// It has the form, but its check digits do not fit: mistyped or invented.
    #[error("the check digits of the API key do not fit")]
    Checksum,
}

impl ApiKey {
    /// Reads a key and checks its CRC.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let rest = text.strip_prefix(PREFIX.as_bytes()).ok_or(Malformed::Form)?;
        let (environment, rest) = split_at_underscore(rest)?;
        let (id, tail) = split_at_underscore(rest)?;
        let environment = match environment {
            b"live" => Environment::Live,
            b"test" => Environment::Test,
            _ => return Err(Malformed::Form),
        };
        let id = std::str::from_utf8(id).ok().and_then(KeyId::parse).ok_or(Malformed::Form)?;
        let (secret, crc) = tail.split_at_checked(SECRET_LEN).ok_or(Malformed::Form)?;
        let secret: [u8; SECRET_LEN] = secret.try_into().map_err(|_| Malformed::Form)?;
        let secret = Zeroizing::new(secret);
        if crc.len() != CRC_LEN || !tail.iter().all(u8::is_ascii_alphanumeric) {
            return Err(Malformed::Form);
        }
        let body = text.len().checked_sub(CRC_LEN).and_then(|end| text.get(..end));
        let expected = checksum(body.ok_or(Malformed::Form)?);
        if !bool::from(expected.ct_eq(crc)) {
            return Err(Malformed::Checksum);
        }
        Ok(Self { environment, id, secret })
    }

    /// Writes the text of a new key. `None` if the secret holds anything but base62 digits.
    pub fn compose(
        environment: Environment,
        id: &KeyId,
        secret: &[u8; SECRET_LEN],
    ) -> Option<Zeroizing<String>> {
        let secret = std::str::from_utf8(secret).ok()?;
        if !secret.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
            return None;
        }
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str(PREFIX);
        text.push_str(environment.as_str());
        text.push('_');
        text.push_str(id.as_str());
        text.push('_');
        text.push_str(secret);
        let crc = checksum(text.as_bytes());
        text.extend(crc.iter().map(|&digit| char::from(digit)));
        Some(text)
    }

    /// The environment the key says it is for.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The public half.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The secret half, to be hashed and compared.
    pub fn secret(&self) -> &[u8] {
        self.secret.as_slice()
    }
}

fn split_at_underscore(text: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let at = text.iter().position(|&byte| byte == b'_').ok_or(Malformed::Form)?;
    let (left, right) = text.split_at_checked(at).ok_or(Malformed::Form)?;
    Ok((left, right.get(1..).unwrap_or_default()))
}

/// CRC-32 (IEEE 802.3) in six base62 digits, most significant first.
fn checksum(text: &[u8]) -> [u8; CRC_LEN] {
    let mut value = crc32fast::hash(text);
    let mut digits = [b'0'; CRC_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get((value % 62) as usize).copied().unwrap_or(b'0');
        value /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8; SECRET_LEN] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";

    fn key() -> Zeroizing<String> {
        ApiKey::compose(Environment::Live, &KeyId::parse("abcDEF1234").unwrap(), SECRET).unwrap()
    }

    #[test]
    fn a_composed_key_parses_to_its_parts() {
        let key = ApiKey::parse(key().as_bytes()).unwrap();
        assert_eq!(key.environment(), Environment::Live);
        assert_eq!(key.id().as_str(), "abcDEF1234");
        assert_eq!(key.secret(), SECRET);
    }

    #[test]
    fn the_check_digits_are_crc32_in_base62() {
        let key = key();
        let (body, digits) = key.as_bytes().split_at(52);
        let crc = crc32fast::hash(body);
        let value = digits.iter().fold(0u64, |value, digit| {
            value * 62 + BASE62.iter().position(|d| d == digit).unwrap() as u64
        });
        assert_eq!(value, u64::from(crc));
    }

    #[test]
    fn every_single_wrong_character_is_noticed() {
        let good = key();
        for at in 0..good.len() {
            let mut bad = good.as_bytes().to_vec();
            bad[at] = if bad[at] == b'x' { b'y' } else { b'x' };
            assert!(ApiKey::parse(&bad).is_err(), "character {at}");
        }
    }

    #[test]
    fn other_lengths_and_alphabets_are_not_keys() {
        let good = key();
        for text in
            ["", "lun_", "lun_live_", "lun_live_abcDEF1234_", "Bearer", &good[1..], &good[..57]]
        {
            assert_eq!(ApiKey::parse(text.as_bytes()).err(), Some(Malformed::Form), "{text}");
        }
        let longer = format!("{}0", good.as_str());
        assert_eq!(ApiKey::parse(longer.as_bytes()).err(), Some(Malformed::Form));
        assert!(ApiKey::parse("lun_live_abcDEF123é_0123".as_bytes()).is_err());
    }
}
