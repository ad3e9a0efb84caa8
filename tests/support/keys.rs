//! The keys that vectors name, one of each fate.

use filter::{ApiKey, Environment, KeyDigest as _, KeyId, KeyRecord, Pepper};

/// Every gate of the tests takes keys of this environment.
pub const ENVIRONMENT: Environment = Environment::Test;
/// The pepper of every gate of the tests.
pub const PEPPER: [u8; 32] = [0x5a; 32];
/// The permit key of every gate of the tests.
pub const PERMIT_KEY: [u8; 32] = [0xa5; 32];

const SECRET: &[u8; 32] = b"Test0Secret0For0Vectors0Only0abc";
const OTHER_SECRET: &[u8; 32] = b"Other0Secret0For0Vectors0Only0ab";

/// The text of the key that vectors call `name`.
///
/// # Panics
/// If no key has this name.
pub fn text(name: &str) -> String {
    let compose = |environment, id: &str, secret| {
        let id = KeyId::parse(id).expect("a test id");
        ApiKey::compose(environment, &id, secret).expect("a test secret").to_string()
    };
    match name {
        "malformed" => "lun_test_tooshort".to_owned(),
        "wrong-checksum" => {
            let mut text = compose(ENVIRONMENT, "good000000", SECRET);
            let last = if text.pop() == Some('0') { '1' } else { '0' };
            text.push(last);
            text
        }
        "wrong-secret" => compose(ENVIRONMENT, "good000000", OTHER_SECRET),
        "unknown" => compose(ENVIRONMENT, "unknown000", SECRET),
        "live" => compose(Environment::Live, "good000000", SECRET),
        "no-scope" => compose(ENVIRONMENT, "noscope000", SECRET),
        "good" | "revoked" | "expired" | "early" => {
            compose(ENVIRONMENT, &format!("{name:0<10}"), SECRET)
        }
        _ => panic!("no test key is called {name}"),
    }
}

/// The records of the keys that exist.
pub fn records() -> Vec<KeyRecord> {
    let record = |id: &str| KeyRecord {
        id: KeyId::parse(id).expect("a test id"),
        verifier: Pepper::new(PEPPER).verifier(SECRET),
        principal: "acme".to_owned(),
        scopes: vec!["background-removal".to_owned()],
        tier: "free".to_owned(),
        environment: ENVIRONMENT,
        not_before: None,
        expires: None,
        revoked: false,
        version: 1,
    };
    vec![
        record("good000000"),
        KeyRecord { revoked: true, ..record("revoked000") },
        // 2001, and 2286: these hold whenever the tests run.
        KeyRecord { expires: Some(1_000_000_000_000), ..record("expired000") },
        KeyRecord { not_before: Some(9_999_999_999_000), ..record("early00000") },
        KeyRecord { scopes: vec!["ocr".to_owned()], ..record("noscope000") },
    ]
}
