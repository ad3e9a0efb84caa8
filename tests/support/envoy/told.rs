//! How the gate learns policy and keys, and the secrets that it is started with.

use filter::snapshot::{LIFETIME, SnapshotSigner, Statement, write_content};
use filter::{KeyRecord, TokenId, UnixMillis, hex};
use sha2::{Digest as _, Sha256};

use crate::keys;
use crate::vectors::Moment;

/// The audience of the gates of the tests.
pub const AUDIENCE: &str = "tests";
/// What the gate shows to the node to be told.
pub const GATE_TOKEN: &str = "6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e6a7e";

/// How the gate learns policy and keys.
pub enum Told {
    /// By a snapshot in its configuration.
    Fixed(String),
    /// By a snapshot in a file that Envoy watches; [`push`](super::Envoy::push) changes it.
    Pushed(String),
    /// By asking the operator's listener of the nodes. Envoy is ready before it has heard.
    Pull,
}

impl From<String> for Told {
    fn from(snapshot: String) -> Self {
        Self::Fixed(snapshot)
    }
}

/// Who signs the snapshots of the tests.
pub fn signer() -> SnapshotSigner {
    SnapshotSigner::new(&[0x51; 32])
}

/// A snapshot of this policy with the keys of the vectors, signed now.
///
/// # Panics
/// If the policy is no JSON.
pub fn snapshot(epoch: u64, policy: &str) -> String {
    let now = Moment::real().0;
    snapshot_of(epoch, policy, &keys::records(now), &keys::revoked_tokens(), now)
}

/// A snapshot, signed at `now`.
///
/// # Panics
/// If the policy is no JSON.
pub fn snapshot_of(
    epoch: u64,
    policy: &str,
    keys: &[KeyRecord],
    revoked: &[TokenId],
    now: UnixMillis,
) -> String {
    let content = write_content(policy.as_bytes(), keys.iter(), revoked.iter()).expect("a policy");
    let statement = Statement {
        audience: AUDIENCE.to_owned(),
        environment: keys::ENVIRONMENT,
        epoch,
        issued_at: now,
        expires_at: UnixMillis(now.0 + LIFETIME),
        sha256: hex::encode(&<[u8; 32]>::from(Sha256::digest(&content))),
        length: content.len() as u64,
    };
    format!("{}\n{content}\n", signer().seal(&statement))
}

/// What the gate's VM reads from its environment.
pub fn secrets() -> Vec<(String, String)> {
    let named = |name: &str, secret: &[u8]| format!("{name}:{}", hex::encode(secret));
    let realms = keys::REALM_KEYS.map(|(version, key)| named(&version.to_string(), &key));
    let (token_secret, bytes) = keys::TOKEN_SECRET;
    let secrets = [
        ("LUNETTE_PERMIT_KEY", hex::encode(&keys::PERMIT_KEY)),
        ("LUNETTE_PERMIT_KEY_VERSION", "1".to_owned()),
        ("LUNETTE_PEPPER", hex::encode(&keys::PEPPER)),
        ("LUNETTE_REALM_KEYS", realms.join(",")),
        ("LUNETTE_TOKEN_SECRETS", named(token_secret, &bytes)),
        ("LUNETTE_SNAPSHOT_KEY", signer().public().digits()),
        ("LUNETTE_GATE_TOKEN", GATE_TOKEN.to_owned()),
    ];
    secrets.map(|(name, value)| (name.to_owned(), value)).into()
}
