//! How a key signs: with a secret that is derived, or with a key of its owner's.

use filter::algorithm::Algorithm;
use filter::key::Signing;
use filter::public_key::PublicKey;
use filter::signature::Scheme;

/// The number of a key's first signing secret.
const FIRST_SECRET: u32 = 1;

/// Why a public key cannot be used as was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SigningError {
    /// It signs in several ways.
    #[error("this key signs in more than one way: choose {}", names(.0).join(" or "))]
    Ambiguous(Vec<Algorithm>),
    /// It does not sign in this way.
    #[error("this key does not sign with {}: expected {}", name(*.algorithm), names(.possible).join(" or "))]
    OtherAlgorithm {
        /// What was asked for.
        algorithm: Algorithm,
        /// What the key can do.
        possible: Vec<Algorithm>,
    },
}

/// Signing under `scheme` with a secret that version `realm` of the realm key derives.
pub fn with_secret(scheme: Scheme, realm: u32, required: bool) -> Signing {
    Signing {
        scheme,
        algorithm: Algorithm::HmacSha256,
        required,
        realm,
        secret: FIRST_SECRET,
        public_key: None,
    }
}

/// Signing by RFC 9421 with the private half of `key`, which only the client has.
pub fn with_public_key(
    key: &PublicKey,
    algorithm: Option<Algorithm>,
    required: bool,
) -> Result<Signing, SigningError> {
    let possible: Vec<_> =
        key.algorithms().iter().copied().filter(|one| one.http_name().is_some()).collect();
    let algorithm = match (algorithm, possible.as_slice()) {
        (Some(wanted), possible) if possible.contains(&wanted) => wanted,
        (Some(algorithm), _) => return Err(SigningError::OtherAlgorithm { algorithm, possible }),
        (None, &[only]) => only,
        (None, _) => return Err(SigningError::Ambiguous(possible)),
    };
    Ok(Signing {
        scheme: Scheme::Rfc9421,
        algorithm,
        required,
        realm: 0,
        secret: 0,
        public_key: Some(key.clone().into()),
    })
}

/// The same in the successor of a key: its secret comes from version `realm` of the realm key.
pub fn succeeding(signing: &Signing, realm: u32) -> Signing {
    match signing.public_key {
        Some(_) => signing.clone(),
        None => with_secret(signing.scheme, realm, signing.required),
    }
}

/// Whether the key itself is of no use to its client: a private key signs every request.
pub fn replaces_key(signing: &Signing) -> bool {
    signing.required && signing.public_key.is_some()
}

/// Whether its parts fit each other, as [`with_secret`] and [`with_public_key`] leave them.
pub(super) fn fits(signing: &Signing) -> bool {
    match &signing.public_key {
        None => signing.algorithm == Algorithm::HmacSha256,
        Some(text) => PublicKey::try_from(text.clone())
            .is_ok_and(|key| key.algorithms().contains(&signing.algorithm)),
    }
}

fn names(algorithms: &[Algorithm]) -> Vec<&'static str> {
    algorithms.iter().copied().map(name).collect()
}

fn name(algorithm: Algorithm) -> &'static str {
    algorithm.http_name().unwrap_or_else(|| algorithm.jwa_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with OpenSSL 3.0: `openssl genpkey`, `openssl pkey -pubout`.
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";
    const RSA: &str = include_str!("../../tests/data/rsa.pub.pem");

    fn pem(text: &str) -> PublicKey {
        PublicKey::from_spki_pem(text).unwrap()
    }

    #[test]
    fn a_key_with_one_algorithm_needs_no_choice() {
        let signing = with_public_key(&pem(ED25519), None, true).unwrap();
        assert_eq!(signing.algorithm, Algorithm::Ed25519);
        assert!(signing.required && fits(&signing));
        let wrong = with_public_key(&pem(ED25519), Some(Algorithm::HmacSha256), true);
        let problem = wrong.unwrap_err().to_string();
        assert!(problem.contains("hmac-sha256: expected ed25519"), "{problem}");
    }

    #[test]
    fn an_rsa_key_needs_a_choice_among_what_http_signatures_have_names_for() {
        let problem = with_public_key(&pem(RSA), None, false).unwrap_err().to_string();
        assert!(problem.ends_with("choose rsa-v1_5-sha256 or rsa-pss-sha512"), "{problem}");
        for algorithm in [Algorithm::RsaV15Sha256, Algorithm::RsaPssSha512] {
            let signing = with_public_key(&pem(RSA), Some(algorithm), false).unwrap();
            assert!(signing.algorithm == algorithm && fits(&signing));
        }
        // HTTP Message Signatures have no name for it.
        assert!(with_public_key(&pem(RSA), Some(Algorithm::RsaPssSha256), false).is_err());
    }

    #[test]
    fn what_was_put_together_wrongly_does_not_fit() {
        let public = with_public_key(&pem(ED25519), None, true).unwrap();
        let shared = with_secret(Scheme::Simple, 1, false);
        assert!(fits(&public) && fits(&shared));
        assert!(!fits(&Signing { public_key: None, ..public.clone() }));
        assert!(!fits(&Signing { algorithm: Algorithm::HmacSha256, ..public.clone() }));
        assert!(!fits(&Signing { public_key: Some("AAAA".into()), ..public }));
        assert!(!fits(&Signing { algorithm: Algorithm::Ed25519, ..shared }));
    }

    #[test]
    fn a_successor_takes_the_secret_of_the_newest_realm_and_keeps_a_public_key() {
        let shared = with_secret(Scheme::Simple, 1, true);
        assert_eq!(succeeding(&shared, 2), with_secret(Scheme::Simple, 2, true));
        let public = with_public_key(&pem(ED25519), None, true).unwrap();
        assert_eq!(succeeding(&public, 2), public);
    }
}
