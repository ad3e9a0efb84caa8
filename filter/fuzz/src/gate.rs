//! One gate: its policy, its secrets, and the keys it knows.

use std::sync::{Arc, LazyLock};

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use filter::algorithm::Algorithm;
use filter::gate::TokenSecrets;
use filter::key::{RealmKey, Signing};
use filter::permit::PermitKey;
use filter::public_key::PublicKey;
use filter::signature::Scheme;
use filter::{
    ApiKey, Environment, GateIdentity, KeyDigest as _, KeyId, KeyRecord, Pepper, Policy, UnixMillis,
};
use zeroize::Zeroizing;

/// When the host starts.
pub const START: UnixMillis = UnixMillis(1_700_000_000_000);

/// The right secret of every key.
pub const SECRET: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
/// A wrong one.
pub const WRONG: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUW";
/// The secret of the issuer that signs with HS256.
pub const TOKEN_SECRET: &[u8; 32] = b"an HS256 secret of 32 characters";

/// A key that signs nothing.
pub const PLAIN: &str = "plain00000";
/// A key that may do nothing.
pub const HUMBLE: &str = "humble0000";
/// The key that signs with Ed25519.
pub const ED25519: &str = "ed25519000";
/// The keys that sign with a shared secret, one for each scheme.
pub const SIGNERS: [(&str, Scheme); 6] = [
    ("rfc9421000", Scheme::Rfc9421),
    ("simple0000", Scheme::Simple),
    ("kong000000", Scheme::KongHmac),
    ("apisix0000", Scheme::ApisixHmac),
    ("webhook000", Scheme::StandardWebhooks),
    ("timed00000", Scheme::CloudflareTimed),
];

/// The policy: routes of all kinds, small quotas, two issuers.
pub static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    Policy::parse(include_bytes!("policy.json")).unwrap_or_else(|error| panic!("{error}"))
});

/// Who the gate is.
pub static GATE: LazyLock<Arc<GateIdentity>> = LazyLock::new(|| {
    let corp = ("corp".to_owned(), Zeroizing::new(TOKEN_SECRET.to_vec()));
    Arc::new(GateIdentity {
        gate: "fuzz".into(),
        audience: "images".into(),
        environment: Environment::Test,
        pepper: pepper(),
        permit_key: PermitKey::new("fuzz", 1, [2; 32]),
        realm_keys: vec![realm()],
        token_secrets: TokenSecrets::new([corp]),
    })
});

/// The private key of [`ED25519`] and of the issuer that signs with EdDSA (RFC 8037, appendix A.1).
pub static PRIVATE: LazyLock<SigningKey> = LazyLock::new(|| {
    let secret = b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\
                   \x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
    SigningKey::from_bytes(secret)
});

/// Every key that there is at first, valid at any time.
pub static RECORDS: LazyLock<Vec<KeyRecord>> = LazyLock::new(|| {
    let hmac = |(name, scheme)| KeyRecord {
        signing: Some(signing(scheme, Algorithm::HmacSha256, None)),
        ..record(name)
    };
    let public = Base64::encode_string(&public_key().to_spki_der());
    let ed25519 = KeyRecord {
        signing: Some(signing(Scheme::Rfc9421, Algorithm::Ed25519, Some(public))),
        ..record(ED25519)
    };
    let humble = KeyRecord { scopes: vec![], ..record(HUMBLE) };
    SIGNERS.map(hmac).into_iter().chain([record(PLAIN), humble, ed25519]).collect()
});

/// The public half of [`PRIVATE`].
pub fn public_key() -> PublicKey {
    let der = PRIVATE.verifying_key().to_public_key_der().expect("a key has a form");
    PublicKey::from_spki_der(der.as_bytes()).expect("a public key")
}

/// The text of an API key.
pub fn key(name: &str, secret: &[u8; 32]) -> String {
    ApiKey::compose(Environment::Test, &id(name), secret).expect("base62 digits").to_string()
}

/// The secret with which a key signs.
pub fn signing_secret(name: &str, scheme: Scheme) -> Zeroizing<[u8; 32]> {
    realm().client_secret(&id(name), 1, scheme)
}

/// The record of a key that may do everything.
pub fn record(name: &str) -> KeyRecord {
    KeyRecord {
        principal: "acme".into(),
        scopes: vec!["cut-out".into()],
        tier: "free".into(),
        ..KeyRecord::new(id(name), Environment::Test, pepper().verifier(SECRET))
    }
}

fn signing(scheme: Scheme, algorithm: Algorithm, public_key: Option<String>) -> Signing {
    Signing { scheme, algorithm, required: false, realm: 1, secret: 1, public_key }
}

fn id(text: &str) -> KeyId {
    KeyId::parse(text).expect("ten digits")
}

fn realm() -> RealmKey {
    RealmKey::new(1, [4; 32])
}

fn pepper() -> Pepper {
    Pepper::new([1; 32])
}
