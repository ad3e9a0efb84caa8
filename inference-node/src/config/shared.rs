//! What several nodes share, and how listeners speak TLS.

use std::path::PathBuf;

use redis::IntoConnectionInfo as _;

use super::check::require;
use super::{ConfigError, ServeFlags, file};

/// The most nodes: more is a slip of the finger.
const NODES_MAX: u16 = 1024;

/// Where several nodes write down what was used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shared {
    /// The URL of Redis.
    pub redis: RedisUrl,
    /// The certificates that sign that of Redis, if not the system's.
    pub ca: Option<PathBuf>,
}

/// A URL of Redis.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RedisUrl {
    /// One without a password.
    Plain(String),
    /// A private file that holds it, since a configuration holds no secret.
    File(PathBuf),
}

/// What a listener proves who it is with. The files may be missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// Certificates in PEM, the listener's own first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// The authorities in PEM of which one must have signed a client's certificate; without it
    /// clients need none.
    pub client_ca: Option<PathBuf>,
}

/// How many nodes serve, and what they share.
pub(super) fn nodes(
    serve: &ServeFlags,
    file: &file::Settings,
) -> Result<(usize, Option<Shared>), ConfigError> {
    let nodes = serve.nodes.or(file.nodes).unwrap_or(1);
    require((1..=NODES_MAX).contains(&nodes), "nodes", || {
        format!("{nodes}: expected 1 to {NODES_MAX}")
    })?;
    let shared = shared(serve, &file.shared)?;
    require(nodes == 1 || shared.is_some(), "nodes", || {
        format!(
            "{nodes} nodes must share what they remember of used permits: name a Redis with \
             shared.redis or shared.redis_file"
        )
    })?;
    Ok((nodes.into(), shared))
}

fn shared(serve: &ServeFlags, file: &file::Shared) -> Result<Option<Shared>, ConfigError> {
    // A flag outranks either line of the file.
    let given = match (&serve.shared_redis, &serve.shared_redis_file) {
        (None, None) => (&file.redis, &file.redis_file),
        flags => flags,
    };
    let redis = match given {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let problem = "shared.redis_file is set too: expected one of them";
            return Err(ConfigError::setting("shared.redis", problem));
        }
        (Some(url), None) => {
            let info = url.as_str().into_connection_info().ok();
            let password =
                info.as_ref().is_some_and(|info| info.redis_settings().password().is_some());
            require(!password, "shared.redis", || {
                "the URL has a password: put it in a file that only its owner can read, and name \
                 that with shared.redis_file"
            })?;
            require(
                info.is_some(),
                "shared.redis",
                || "expected a URL such as redis://127.0.0.1:6379 or rediss://redis.internal:6380",
            )?;
            RedisUrl::Plain(url.clone())
        }
        (None, Some(path)) => RedisUrl::File(path.clone()),
    };
    let ca = serve.shared_ca.clone().or_else(|| file.ca.clone());
    Ok(Some(Shared { redis, ca }))
}

/// The names of the settings of a listener's TLS, for messages.
pub(super) struct TlsSettings {
    /// The table.
    pub(super) table: &'static str,
    /// What is missing where only the key is named.
    pub(super) certificate: &'static str,
    /// What is missing where only the certificate is named.
    pub(super) key: &'static str,
}

/// The TLS of one listener, if any of it is set.
pub(super) fn tls(
    settings: &TlsSettings,
    [certificate, key, client_ca]: [Option<PathBuf>; 3],
) -> Result<Option<Tls>, ConfigError> {
    let missing = |setting, other| {
        Err(ConfigError::setting(setting, format!("expected a file, since {other} is set")))
    };
    match (certificate, key, client_ca) {
        (None, None, None) => Ok(None),
        (Some(certificate), Some(key), client_ca) => Ok(Some(Tls { certificate, key, client_ca })),
        (None, Some(_), _) => missing(settings.certificate, settings.key),
        (Some(_), None, _) => missing(settings.key, settings.certificate),
        (None, None, Some(_)) => {
            missing(settings.certificate, &format!("{}.client_ca", settings.table))
        }
    }
}
