//! The digest of a body, stated in the head (RFC 9530).
//!
//! Only SHA-256 and SHA-512 count. The other registered algorithms are ignored beside one of these,
//! and alone they are no digest: a body can be made to fit them (RFC 9530 §5, §6.1).

use std::fmt;

use base64ct::{Base64, Encoding as _};
use sfv::GenericBareItem::ByteSequence;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq as _};

use crate::structured::{self, Item, Limits, Member};

/// The most algorithms one field may name.
const ALGORITHMS_MAX: usize = 8;

/// What `Content-Digest` says the body is: one digest or two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContentDigest {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

/// Why a field states no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// It is not a short dictionary of byte sequences, each name once.
    #[error("it must be a dictionary of digests, each algorithm once, as sha-256=:<base64>:")]
    Form,
    /// A digest has another length than its algorithm's.
    #[error("the digest {0} has the wrong length")]
    Length(&'static str),
    /// It names no algorithm that can be relied on.
    #[error("it must hold a digest by sha-256 or sha-512")]
    NoneSecure,
}

/// The body is not the one that was announced.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the body does not have the digest that its head states")]
pub struct Mismatch;

impl ContentDigest {
    /// Reads the values of all `Content-Digest` fields.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Malformed> {
        let limits = Limits { members: ALGORITHMS_MAX, items: 0 };
        let members = structured::parse(values, limits).map_err(|_| Malformed::Form)?;
        let mut digest = Self { sha256: None, sha512: None };
        for (algorithm, member) in members.into_members() {
            let Member::Item(Item { value: ByteSequence(bytes), .. }) = member else {
                return Err(Malformed::Form);
            };
            match algorithm {
                "sha-256" => digest.sha256 = Some(exact(&bytes, "sha-256")?),
                "sha-512" => digest.sha512 = Some(exact(&bytes, "sha-512")?),
                _ => {}
            }
        }
        let none = digest.sha256.is_none() && digest.sha512.is_none();
        if none { Err(Malformed::NoneSecure) } else { Ok(digest) }
    }

    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_sha256(Sha256::digest(bytes).into())
    }

    /// A digest by SHA-256 that is already known.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self { sha256: Some(digest), sha512: None }
    }

    /// The digest by SHA-256, if it is stated.
    pub const fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }

    /// Starts comparing a body with this digest.
    pub fn digester(self) -> Digester {
        Digester {
            sha256: self.sha256.map(|expected| (expected, Sha256::new())),
            sha512: self.sha512.map(|expected| (expected, Sha512::new())),
        }
    }
}

/// The field's value; SHA-256 comes first.
impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.sha256.is_some() && self.sha512.is_some() { ", " } else { "" };
        if let Some(digest) = &self.sha256 {
            write!(f, "sha-256=:{}:{separator}", Base64::encode_string(digest))?;
        }
        if let Some(digest) = &self.sha512 {
            write!(f, "sha-512=:{}:", Base64::encode_string(digest))?;
        }
        Ok(())
    }
}

fn exact<const N: usize>(bytes: &[u8], algorithm: &'static str) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed::Length(algorithm))
}

/// Compares a body that arrives in pieces with its [`ContentDigest`]. Where it is cut makes no
/// difference.
#[derive(Clone, Debug)]
pub struct Digester {
    sha256: Option<([u8; 32], Sha256)>,
    sha512: Option<([u8; 64], Sha512)>,
}

impl Digester {
    /// Takes the next piece of the body.
    pub fn update(&mut self, chunk: &[u8]) {
        if let Some((_, hash)) = &mut self.sha256 {
            hash.update(chunk);
        }
        if let Some((_, hash)) = &mut self.sha512 {
            hash.update(chunk);
        }
    }

    /// The body ended: every digest that was stated must be its digest.
    pub fn finish(self) -> Result<(), Mismatch> {
        let mut equal = Choice::from(1);
        if let Some((expected, hash)) = self.sha256 {
            equal &= hash.finalize().as_slice().ct_eq(&expected);
        }
        if let Some((expected, hash)) = self.sha512 {
            equal &= hash.finalize().as_slice().ct_eq(&expected);
        }
        if bool::from(equal) { Ok(()) } else { Err(Mismatch) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 9530 Appendix B.1 and B.2: the digests of `{"hello": "world"}` and a line feed.
    const BODY: &[u8] = b"{\"hello\": \"world\"}\n";
    const SHA_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    const SHA_512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCs\
                           yRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
    const OF_NOTHING: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    fn parse(text: &str) -> Result<ContentDigest, Malformed> {
        ContentDigest::parse([text.as_bytes()])
    }

    fn fits(field: &str, body: &[u8]) -> bool {
        let mut digester = parse(field).unwrap().digester();
        digester.update(body);
        digester.finish().is_ok()
    }

    #[test]
    fn the_examples_of_the_rfc_fit_their_body() {
        assert!(fits(SHA_256, BODY));
        assert!(fits(SHA_512, BODY));
        assert_eq!(ContentDigest::of(BODY).to_string(), SHA_256);
        assert!(fits(OF_NOTHING, b""));
    }

    #[test]
    fn every_stated_digest_must_fit() {
        assert!(fits(&format!("{SHA_512}, {SHA_256}"), BODY));
        assert!(!fits(&format!("{SHA_512}, {OF_NOTHING}"), BODY));
        assert!(!fits(&format!("{SHA_512}, {OF_NOTHING}"), b""));
        assert!(!fits(SHA_256, b"{\"hello\": \"world\"}"));
    }

    #[test]
    fn two_fields_are_one_dictionary() {
        let both = ContentDigest::parse([SHA_256.as_bytes(), SHA_512.as_bytes()]).unwrap();
        assert_eq!(both, parse(&format!("{SHA_256}, {SHA_512}")).unwrap());
        assert_eq!(both.to_string(), format!("{SHA_256}, {SHA_512}"));
    }

    #[test]
    fn weak_algorithms_are_ignored_beside_a_good_one_and_nothing_alone() {
        let weak = "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, crc32c=:AAAAAA==:";
        assert_eq!(parse(weak), Err(Malformed::NoneSecure));
        assert_eq!(parse(&format!("{weak}, {SHA_256}")), parse(SHA_256));
        assert_eq!(parse("sha=:AAAA:"), Err(Malformed::NoneSecure));
        assert_eq!(parse(""), Err(Malformed::NoneSecure));
    }

    #[test]
    fn what_is_not_a_digest_is_refused() {
        assert_eq!(parse("sha-256=:AAAA:"), Err(Malformed::Length("sha-256")));
        assert_eq!(parse(&SHA_256.replace("256", "512")), Err(Malformed::Length("sha-512")));
        assert_eq!(parse(&format!("{SHA_256}, {OF_NOTHING}")), Err(Malformed::Form));
        for text in ["sha-256", "sha-256=x", "sha-256=\"x\"", "SHA-256=:AAAA:", "sha-256=:A", "é"]
        {
            assert_eq!(parse(text), Err(Malformed::Form), "{text}");
        }
    }

    proptest! {
        #[test]
        fn where_the_body_is_cut_makes_no_difference(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..4),
            changed in proptest::option::of(0usize..200),
        ) {
            let mut digester = ContentDigest::of(&body).digester();
            let mut sent = body.clone();
            let changed = changed.and_then(|at| sent.get_mut(at));
            let differs = changed.map(|byte| *byte ^= 1).is_some();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.sort_unstable();
            let mut from = 0;
            for cut in cuts {
                digester.update(&sent[from..cut]);
                from = cut;
            }
            digester.update(&sent[from..]);
            prop_assert_eq!(digester.finish().is_err(), differs);
        }

        #[test]
        fn no_field_makes_the_parser_panic(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = ContentDigest::parse([&value[..]]);
        }

        #[test]
        fn what_is_written_can_be_read(body in proptest::collection::vec(any::<u8>(), 0..40)) {
            let digest = ContentDigest::of(&body);
            prop_assert_eq!(parse(&digest.to_string()), Ok(digest));
        }
    }
}
