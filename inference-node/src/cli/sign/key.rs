//! Who signs, how, and with which secret.

use std::env;
use std::io::Read as _;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use filter::signature::Scheme;
use filter::{ApiKey, KeyId};
use zeroize::Zeroizing;

use super::super::{Error, keys};
use crate::config::Config;
use crate::keys::{Store, StoreError};
use crate::private_file;

/// The variable that may hold the secret, in base64.
const VARIABLE: &str = "LUNETTE_SIGNING_SECRET";
/// Far more than a key or a secret.
const FILE_MAX: u64 = 1024;
/// The shortest secret: what is derived has 32 bytes.
const SECRET_MIN: usize = 16;

/// Who signs. It has no `Debug`: it holds secrets.
pub(super) struct Key {
    pub(super) id: KeyId,
    pub(super) scheme: Scheme,
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// The key itself, where it is to be sent along.
    pub(super) text: Option<Zeroizing<String>>,
}

impl Key {
    /// Finds the secret: in a file, in the environment, or by the key database and the root secret of
    /// this machine.
    pub(super) fn find(
        config: &Config,
        id: Option<&str>,
        key_file: Option<&Path>,
        secret_file: Option<&Path>,
        scheme: Option<Scheme>,
    ) -> Result<Self, Error> {
        let (id, text) = match (key_file, id) {
            (Some(path), _) => {
                let (id, text) = read_key(path)?;
                (id, Some(text))
            }
            (None, Some(id)) => (keys::parse_id(id)?, None),
            (None, None) => {
                return Err(Error::Argument(
                    "--key-id: expected the id of the key that signs, or --key-file".to_owned(),
                ));
            }
        };
        let given = match secret_file {
            Some(path) => Some((read(path)?, path.display().to_string())),
            None => env::var(VARIABLE).ok().map(|text| (Zeroizing::new(text), VARIABLE.to_owned())),
        };
        if let Some((secret, origin)) = given {
            let secret = decode(&secret, &origin)?;
            return Ok(Self { id, scheme: scheme.unwrap_or(Scheme::Rfc9421), secret, text });
        }
        let (scheme, secret) = stored(config, &id, scheme)?;
        Ok(Self { id, scheme, secret, text })
    }
}

/// Scheme and secret of a key of this machine.
fn stored(
    config: &Config,
    id: &KeyId,
    scheme: Option<Scheme>,
) -> Result<(Scheme, Zeroizing<Vec<u8>>), Error> {
    let problem = |problem: String| Err(Error::Argument(problem));
    if !Store::path(&config.data).exists() {
        return problem(format!(
            "there is no key database here: give the secret by --secret-file or {VARIABLE}"
        ));
    }
    let key = match Store::open(&config.data)?.find(id) {
        Err(StoreError::Unknown(id)) => {
            return problem(format!(
                "key {id} is not one of this machine: give its secret by --secret-file or {VARIABLE}"
            ));
        }
        found => found?,
    };
    let record = key.signing.as_ref().map(|signing| signing.scheme);
    if let (Some(wanted), Some(record)) = (scheme, record)
        && wanted != record
    {
        return problem(format!(
            "--scheme {}: key {id} signs with {} and nothing else",
            wanted.as_str(),
            record.as_str()
        ));
    }
    let secret = keys::stored_secret(&key, config)?;
    Ok((record.unwrap_or(Scheme::Rfc9421), decode(&secret, "the derived secret")?))
}

fn read_key(path: &Path) -> Result<(KeyId, Zeroizing<String>), Error> {
    let text = read(path)?;
    let text = Zeroizing::new(text.trim().to_owned());
    match ApiKey::parse(text.as_bytes()) {
        Ok(key) => Ok((key.id().clone(), text)),
        Err(error) => Err(Error::Argument(format!("{}: {error}", path.display()))),
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let file = private_file::open(path).map_err(Error::File)?;
    let mut text = Zeroizing::new(String::with_capacity(2048));
    file.take(FILE_MAX)
        .read_to_string(&mut text)
        .map_err(|source| Error::File(private_file::Error::Io { path: path.to_owned(), source }))?;
    Ok(text)
}

/// The bytes of a secret. What it was is not repeated where it is none.
fn decode(text: &str, origin: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    Base64::decode_vec(text.trim())
        .ok()
        .map(Zeroizing::new)
        .filter(|secret| secret.len() >= SECRET_MIN)
        .ok_or_else(|| {
            Error::Argument(format!(
                "{origin}: expected a signing secret in base64, as `lunette keys secret` prints it"
            ))
        })
}
