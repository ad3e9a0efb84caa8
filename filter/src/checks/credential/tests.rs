use std::cell::RefCell;

use super::*;
use crate::gate::GateIdentity;
use crate::key::{
    Environment, KeyDigest as _, KeyId, KeyRecord, KeyRing, Keys, Pepper, RealmKey, Signing,
    TokenId, Unavailable,
};
use crate::policy::{Route, SignatureRule};
use crate::signature::{Scheme, Schemes};
use crate::{ApiKey, Headers, Peer, PermitKey, Policy, RequestHead, UnixMillis};

const SECRET: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
const WRONG: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUW";
const IMPORTED: &str = "sk_live_0123456789abcdefghijklmnop";
const NOW: UnixMillis = UnixMillis(1_000_000);

fn gate() -> GateIdentity {
    GateIdentity {
        gate: "g".into(),
        audience: "a".into(),
        environment: Environment::Test,
        pepper: Pepper::new([3; 32]),
        permit_key: PermitKey::new("g", 1, [2; 32]),
        realm_keys: vec![RealmKey::new(1, [4; 32])],
        token_secrets: crate::TokenSecrets::default(),
    }
}

fn record(id: &str) -> KeyRecord {
    let id = KeyId::parse(id).unwrap();
    KeyRecord::new(id, Environment::Test, gate().pepper.verifier(SECRET))
}

fn key(id: &str, secret: &[u8; 32]) -> String {
    let id = KeyId::parse(id).unwrap();
    ApiKey::compose(Environment::Test, &id, secret).unwrap().to_string()
}

/// Counts what a request made the gate look up.
#[derive(Default)]
struct Counting {
    calls: RefCell<u32>,
    keys: Keys,
}

impl Counting {
    fn count(&self) {
        *self.calls.borrow_mut() += 1;
    }
}

impl KeyRing for Counting {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        self.count();
        self.keys.find(id)
    }

    fn find_imported(&self, verifier: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable> {
        self.count();
        self.keys.find_imported(verifier)
    }

    fn is_revoked(&self, token: &TokenId) -> Result<bool, Unavailable> {
        self.count();
        self.keys.is_revoked(token)
    }
}

fn policy() -> Policy {
    Policy::parse(include_bytes!("../../../policy.json")).unwrap()
}

/// What comes of the fields of a request on a route with this rule for signatures.
fn outcome(
    fields: &[(&str, &str)],
    rule: SignatureRule,
    keys: &impl KeyRing,
) -> Result<Authenticated, Error> {
    let (policy, gate) = (policy(), gate());
    let route = Route { signature: rule, ..Route::clone(&policy.routes[0]) };
    let headers = Headers::new(fields.iter().copied());
    let head = RequestHead {
        method: "POST",
        authority: "localhost:8080",
        target: &route.path,
        headers: &headers,
        peer: Peer::Unknown,
    };
    let by = By { policy: &policy, route: &route, gate: &gate, now: NOW };
    let presented = presented(&head, rule, Schemes::STANDARD)?;
    claim(presented, &head, keys, by)?.settle(by)
}

fn refusal(fields: &[(&str, &str)], rule: SignatureRule, keys: &impl KeyRing) -> Option<Error> {
    outcome(fields, rule, keys).err()
}

#[test]
fn unknown_wrong_revoked_and_expired_keys_cost_the_same_look_up_as_a_good_one() {
    let keys = [
        record("good000000"),
        KeyRecord { revoked: true, ..record("revoked000") },
        KeyRecord { expires: Some(NOW.0), ..record("expired000") },
        KeyRecord { not_before: Some(NOW.0 + 1), ..record("early00000") },
        KeyRecord { environment: Environment::Live, ..record("live000000") },
    ];
    for (id, secret, expected) in [
        ("good000000", SECRET, None),
        ("good000000", WRONG, Some(Fault::WrongSecret)),
        ("unknown000", SECRET, Some(Fault::Unknown)),
        ("revoked000", SECRET, Some(Fault::Revoked)),
        ("revoked000", WRONG, Some(Fault::WrongSecret)),
        ("expired000", SECRET, Some(Fault::Expired)),
        ("early00000", SECRET, Some(Fault::NotYetValid)),
        ("live000000", SECRET, Some(Fault::OtherEnvironment)),
    ] {
        let host = Counting { keys: keys.iter().cloned().collect(), ..Counting::default() };
        let got = refusal(&[("x-api-key", &key(id, secret))], SignatureRule::None, &host);
        assert_eq!(got, expected.map(Error::Key), "{id}");
        assert_eq!(*host.calls.borrow(), 1, "{id}");
    }
}

#[test]
fn a_key_that_was_made_elsewhere_is_found_by_its_verifier() {
    let verifier = gate().pepper.verifier(IMPORTED.as_bytes());
    let id = KeyId::parse("imported00").unwrap();
    let imported = KeyRecord { imported: true, ..KeyRecord::new(id, Environment::Test, verifier) };
    let keys: Keys = [imported].into_iter().collect();
    let good = outcome(&[("x-api-key", IMPORTED)], SignatureRule::None, &keys).unwrap();
    assert_eq!(good.subject(), "imported00");
    let other = format!("{IMPORTED}q");
    let unknown = refusal(&[("x-api-key", &other)], SignatureRule::None, &keys);
    assert_eq!(unknown, Some(Error::Key(Fault::Unknown)));
    // Its id is no way in: there is no text with a secret that belongs to it.
    let by_id = refusal(&[("x-api-key", &key("imported00", SECRET))], SignatureRule::None, &keys);
    assert_eq!(by_id, Some(Error::Key(Fault::WrongSecret)));
}

#[test]
fn records_that_cannot_be_read_refuse() {
    struct Down;
    impl KeyRing for Down {
        fn find(&self, _: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
            Err(Unavailable)
        }
        fn find_imported(&self, _: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable> {
            Err(Unavailable)
        }
        fn is_revoked(&self, _: &TokenId) -> Result<bool, Unavailable> {
            Err(Unavailable)
        }
    }
    for text in [&key("good000000", SECRET), IMPORTED] {
        let got = refusal(&[("x-api-key", text)], SignatureRule::None, &Down);
        assert_eq!(got, Some(Error::Unavailable));
    }
}

#[test]
fn one_credential_in_one_of_two_fields() {
    let keys: Keys = [record("good000000")].into_iter().collect();
    let text = key("good000000", SECRET);
    let bearer = format!("bearer {text}");
    let outcome = |fields: &[(&str, &str)]| refusal(fields, SignatureRule::None, &keys);
    assert_eq!(outcome(&[("Authorization", &bearer)]), None);
    assert_eq!(outcome(&[("X-API-Key", &text)]), None);
    assert_eq!(outcome(&[]), Some(Error::Missing { signed: false }));
    let both = [("authorization", bearer.as_str()), ("x-api-key", &text)];
    assert_eq!(outcome(&both), Some(Error::Ambiguous));
    let form = Some(Error::Malformed(Malformed::Form));
    assert_eq!(outcome(&[("authorization", &text)]), form);
    assert_eq!(outcome(&[("authorization", "Basic YTpi")]), form);
    assert_eq!(outcome(&[("x-api-key", "short")]), form);
}

#[test]
fn a_token_is_no_signature() {
    let token = "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJ4In0.AAAA";
    let outcome = |rule| refusal(&[("authorization", token)], rule, &Keys::default());
    for rule in [SignatureRule::Required, SignatureRule::WithKey] {
        assert_eq!(outcome(rule), Some(Error::SignatureRequired), "{rule:?}");
    }
    assert!(matches!(outcome(SignatureRule::Optional), Some(Error::Token(_))));
}

#[test]
fn a_key_that_must_sign_is_not_enough_alone() {
    let signing = Signing {
        scheme: Scheme::Rfc9421,
        algorithm: crate::algorithm::Algorithm::HmacSha256,
        required: true,
        realm: 1,
        secret: 1,
        public_key: None,
    };
    let must = KeyRecord { signing: Some(signing), ..record("signer0000") };
    let keys: Keys = [must, record("good000000")].into_iter().collect();
    let alone = |id: &str, rule| refusal(&[("x-api-key", &key(id, SECRET))], rule, &keys);
    assert_eq!(alone("signer0000", SignatureRule::Optional), Some(Error::SignatureRequired));
    assert_eq!(alone("good000000", SignatureRule::Optional), None);
    assert_eq!(alone("good000000", SignatureRule::Required), Some(Error::SignatureRequired));
    assert_eq!(alone("good000000", SignatureRule::WithKey), Some(Error::SignatureRequired));
}
