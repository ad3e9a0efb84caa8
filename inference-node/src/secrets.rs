//! The root secret, and everything that is derived from it.
//!
//! One 32-byte secret per deployment; nothing derived is stored. Each derivation is HKDF-SHA256
//! (RFC 5869) with a label of its own, so that no value can serve in the place of another.

use std::env;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use filter::key::RealmKey;
use filter::snapshot::SnapshotSigner;
use filter::{Environment, Pepper, PermitKey, hex};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::private_file;

mod gate;
mod tokens;

pub use gate::{GateSecrets, VERSION as PERMIT_KEY_VERSION};
pub use tokens::{SECRET_BYTES_MAX, SECRET_BYTES_MIN, TokenSecrets};

/// The environment variable that may hold the root secret, as 64 hex digits.
pub const VARIABLE: &str = "LUNETTE_ROOT_SECRET";
/// The file of the root secret that development makes, in the data folder.
const DEVELOPMENT_FILE: &str = "root.secret";
/// Far more than 64 digits and a line end, far less than a file named by mistake.
const FILE_MAX: u64 = 1024;

/// The secret that every other secret comes from. It has no `Debug`, `Display` or `Serialize`.
pub struct RootSecret(Zeroizing<[u8; 32]>);

/// Why there is no usable root secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no secret. What it was is not repeated.
    #[error("{origin}: expected 64 random hex digits; make some with `openssl rand -hex 32`")]
    Malformed {
        /// The variable or file that holds it.
        origin: String,
    },
    /// The variable is not text.
    #[error("{VARIABLE}: expected 64 hex digits")]
    NotText,
    /// The secret of an issuer's tokens is none. What it was is not repeated.
    #[error("{}: expected {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes as hex digits", path.display())]
    MalformedToken {
        /// The file that holds it.
        path: PathBuf,
    },
    /// The file of an issuer's secret cannot be used.
    #[error("token secret: {0}")]
    TokenFile(#[source] private_file::Error),
    /// The file cannot be used.
    #[error("root secret: {0}")]
    File(#[from] private_file::Error),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

impl RootSecret {
    /// Wraps the 32 secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret of the variable [`VARIABLE`], or else of `file`; `None` if neither is set.
    pub fn load(file: Option<&Path>) -> Result<Option<Self>, Error> {
        match env::var(VARIABLE).map(Zeroizing::new) {
            Ok(text) => Self::parse(&text, VARIABLE).map(Some),
            Err(env::VarError::NotUnicode(_)) => Err(Error::NotText),
            Err(env::VarError::NotPresent) => file.map(Self::read).transpose(),
        }
    }

    /// The secret of a development machine: made at random on first use, in the data folder.
    pub fn development(data: &Path) -> Result<Self, Error> {
        let path = data.join(DEVELOPMENT_FILE);
        match Self::read(&path) {
            Err(Error::File(error)) if error.is_not_found() => {}
            result => return result,
        }
        private_file::ensure_folder(data)?;
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(Error::Random)?;
        let text = Zeroizing::new(hex::encode(&*bytes) + "\n");
        // Where another process was faster, its secret is the one.
        private_file::create(&path, text.as_bytes())?;
        Self::read(&path)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let io = |source| private_file::Error::Io { path: PathBuf::from(path), source };
        let mut text = Zeroizing::new(String::with_capacity(128));
        private_file::open(path)?.take(FILE_MAX).read_to_string(&mut text).map_err(io)?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        let malformed = || Error::Malformed { origin: origin.to_owned() };
        let secret = Self(Zeroizing::new(hex::decode(text.trim()).ok_or_else(malformed)?));
        // A placeholder such as 64 zeros is no secret.
        let placeholder = secret.0.iter().all(|&byte| byte == secret.0[0]);
        if placeholder { Err(malformed()) } else { Ok(secret) }
    }

    /// The pepper of an environment's published key records.
    pub fn pepper(&self, environment: Environment) -> Pepper {
        Pepper::new(*self.pepper_bytes(environment))
    }

    /// The bytes of [`pepper`](Self::pepper), for a gate elsewhere.
    pub fn pepper_bytes(&self, environment: Environment) -> Zeroizing<[u8; 32]> {
        self.derive(&[b"pepper", environment.as_str().as_bytes()])
    }

    /// Version `version` of the key that gate `gate` seals permits with.
    pub fn permit_key(&self, gate: &str, version: u32) -> PermitKey {
        PermitKey::new(gate, version, *self.permit_key_bytes(gate, version))
    }

    /// The bytes of [`permit_key`](Self::permit_key), for a gate elsewhere.
    pub fn permit_key_bytes(&self, gate: &str, version: u32) -> Zeroizing<[u8; 32]> {
        self.derive(&[b"permit", gate.as_bytes(), &version.to_be_bytes()])
    }

    /// The key that signs what gates of an environment are told.
    pub fn snapshot_signer(&self, environment: Environment) -> SnapshotSigner {
        SnapshotSigner::new(&self.derive(&[b"snapshot", environment.as_str().as_bytes()]))
    }

    /// What gate `gate` shows to be told, as 64 hex digits; it changes with the gate's permit key.
    pub fn gate_token(&self, gate: &str, version: u32) -> Zeroizing<String> {
        let token = self.derive(&[b"gate token", gate.as_bytes(), &version.to_be_bytes()]);
        Zeroizing::new(hex::encode(&*token))
    }

    /// Version `version` of the key that derives the signing secrets of an environment.
    pub fn realm_key(&self, environment: Environment, version: u32) -> RealmKey {
        RealmKey::new(version, *self.realm_key_bytes(environment, version))
    }

    /// The bytes of [`realm_key`](Self::realm_key), for a gate.
    pub fn realm_key_bytes(&self, environment: Environment, version: u32) -> Zeroizing<[u8; 32]> {
        self.derive(&[b"realm", environment.as_str().as_bytes(), &version.to_be_bytes()])
    }

    /// Each part goes in with its length before it, so that no two lists of parts read the same.
    fn derive(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut info = Vec::new();
        for part in parts {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part);
        }
        let mut derived = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(b"lunette v1"), self.0.as_slice())
            .expand(&info, derived.as_mut_slice())
            .expect("HKDF-SHA256 gives up to 8160 bytes");
        derived
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn no_two_derived_secrets_are_the_same() {
        let [one, two] = [RootSecret::new([1; 32]), RootSecret::new([2; 32])];
        let mut seen = BTreeSet::new();
        for root in [&one, &two] {
            for environment in [Environment::Live, Environment::Test] {
                assert!(seen.insert(*root.pepper_bytes(environment)));
                for version in [1, 2] {
                    assert!(seen.insert(*root.realm_key_bytes(environment, version)));
                }
            }
            for (gate, version) in [("a", 1), ("a", 2), ("b", 1), ("", 1), ("live", 1)] {
                assert!(seen.insert(*root.permit_key_bytes(gate, version)));
                let token = hex::decode(&root.gate_token(gate, version)).unwrap();
                assert!(seen.insert(token));
            }
        }
        assert_eq!(one.permit_key_bytes("a", 1), RootSecret::new([1; 32]).permit_key_bytes("a", 1));
    }

    #[test]
    fn parts_cannot_flow_into_each_other() {
        let root = RootSecret::new([1; 32]);
        assert_ne!(root.derive(&[b"ab", b"c"]), root.derive(&[b"a", b"bc"]));
        assert_ne!(root.derive(&[b"ab"]), root.derive(&[b"ab", b""]));
    }

    #[test]
    fn the_derivation_is_hkdf_of_the_written_down_input() {
        // HKDF by its definition (RFC 5869 §2): extract, then the first block of expand.
        let hmac = |key: [u8; 32], text: &[u8; 32]| Pepper::new(key).verifier_of_hash(text);
        let mut salt = [0; 32];
        salt[..10].copy_from_slice(b"lunette v1");
        let extracted = hmac(salt, &[7; 32]);
        // A part of 23 bytes, its length and the block counter fill exactly 32 bytes.
        let part = b"twenty-three bytes long";
        let mut input = [1; 32];
        input[..8].copy_from_slice(&23u64.to_be_bytes());
        input[8..31].copy_from_slice(part);
        assert_eq!(*RootSecret::new([7; 32]).derive(&[part]), hmac(extracted, &input));
    }

    #[test]
    fn a_root_secret_is_64_hex_digits_that_are_not_all_alike() {
        let good = "00112233445566778899aabbccddeeff".repeat(2);
        assert!(RootSecret::parse(&format!("{good}\n"), "x").is_ok());
        for bad in ["", "1234", &good[1..], &format!("{good}00"), &"0".repeat(64), &"ab".repeat(32)]
        {
            let error = RootSecret::parse(bad, "the-file").err().unwrap().to_string();
            assert!(error.starts_with("the-file: expected 64"), "{error}");
            assert!(bad.is_empty() || !error.contains(bad), "the secret is in the message");
        }
    }

    #[test]
    fn development_draws_a_secret_once_and_keeps_it_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = RootSecret::development(&data).unwrap();
        let again = RootSecret::development(&data).unwrap();
        assert_eq!(first.0, again.0);
        let path = data.join(DEVELOPMENT_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = RootSecret::development(&data).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
