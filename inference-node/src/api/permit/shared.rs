//! The record that several nodes share: Redis, in which permit and nonce are written in one step.
//!
//! Keys are digests below `lunette:<audience>:<environment>:`, so that gates' own nonces, and other
//! deployments, never meet them. They expire by Redis's own clock. What Redis cannot answer in time
//! is refused. A Redis that began empty refuses what was issued before, for it may have been used.

mod link;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use filter::checks::admission;
use filter::{Environment, PermitId, UnixMillis, hex};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, Script};
use sha2::{Digest as _, Sha256};

use super::PermitError;
use super::used::{DAY, Use, retention};
use crate::clock::millis;
use crate::config;
use crate::metrics::Watched;
use crate::private_file;
use link::Link;

/// How long a record may take.
const DEADLINE: Duration = Duration::from_millis(250);
/// More than a URL and a line end.
const URL_MAX: u64 = 4096;
/// The step that records.
const RECORD: &str = include_str!("shared/record.lua");

/// Why the shared record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The file of the URL cannot be used.
    #[error("shared.redis_file: {0}")]
    File(#[from] private_file::Error),
    /// The URL is none. What it was is not repeated: there may be a password in it.
    #[error(
        "{origin}: expected a URL such as redis://127.0.0.1:6379 or rediss://redis.internal:6380"
    )]
    Url {
        /// The setting or file that holds it.
        origin: String,
    },
    /// The certificates that are trusted cannot be read.
    #[error("shared.ca: {}: {source}", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Redis would forget permits that were used.
    #[error(
        "shared.redis: maxmemory-policy is {0:?}, so permits that were used could be forgotten: \
         expected noeviction"
    )]
    Evicts(String),
    /// Redis cannot be used.
    #[error("shared.redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// Redis does not answer.
    #[error("shared.redis: no answer within {} ms", .0.as_millis())]
    Slow(Duration),
}

impl SharedError {
    /// Whether a setting is wrong, rather than Redis out of reach.
    pub fn is_a_mistake(&self) -> bool {
        !matches!(self, Self::Redis(_) | Self::Slow(_))
    }
}

/// The shared record. Cheap to clone.
#[derive(Clone)]
pub struct SharedRecord {
    link: Arc<Link>,
    script: Arc<Script>,
    namespace: Arc<str>,
    retention: Duration,
}

impl SharedRecord {
    /// Connects to the Redis of a deployment, for requests that take as long as `longest_wait` to
    /// be recorded.
    ///
    /// # Errors
    /// If Redis cannot be reached, or would forget.
    pub async fn connect(
        shared: &config::Shared,
        audience: &str,
        environment: Environment,
        longest_wait: Duration,
    ) -> Result<Self, SharedError> {
        let namespace: Arc<str> = format!("lunette:{audience}:{}:", environment.as_str()).into();
        let link = Link::connect(client(shared)?, format!("{namespace}began")).await?;
        let script = Arc::new(Script::new(RECORD));
        Ok(Self { link, script, namespace, retention: retention(longest_wait) })
    }

    /// Records a use: permit and nonce, both or neither.
    pub(super) async fn record(&self, used: &Use, now: UnixMillis) -> Result<(), PermitError> {
        let unavailable = || PermitError::at_the_gate(admission::Error::Unavailable);
        let (mut connection, generation) = self.link.connection().ok_or_else(unavailable)?;
        let permit = digest(used.permit);
        let mut call = self.script.key(format!("{}began", self.namespace));
        call.key(format!("{}permit:{permit}", self.namespace))
            .arg(now.0)
            .arg(used.issued_at.0)
            .arg(permit)
            .arg(millis(self.retention));
        if let Some((name, until)) = used.nonce {
            let left = Duration::from_millis(until.0.saturating_sub(now.0).min(DAY));
            call.key(format!("{}nonce:{}", self.namespace, hex::encode(name.bytes())))
                .arg(millis(left + self.retention));
        }
        let problem = match tokio::time::timeout(
            DEADLINE,
            call.invoke_async::<String>(&mut connection),
        )
        .await
        {
            Ok(Ok(answer)) => match answer.as_str() {
                "recorded" => return Ok(()),
                "used" => return Err(PermitError::Used),
                "replayed" => return Err(PermitError::at_the_gate(admission::Error::Replayed)),
                // Issued when another memory may have known it: the next one will do.
                _ => return Err(unavailable()),
            },
            Ok(Err(error)) => SharedError::Redis(error),
            Err(_) => SharedError::Slow(DEADLINE),
        };
        self.link.lost(generation, &problem);
        Err(unavailable())
    }

    /// What is read of it when someone asks for the metrics.
    pub fn watched(&self) -> [Watched; 2] {
        let (up, failures) = (Arc::clone(&self.link), Arc::clone(&self.link));
        [
            Watched {
                name: "shared_store_up",
                help: "Whether the shared record of used permits can be asked",
                grows: false,
                read: Box::new(move || u64::from(up.connection().is_some())),
            },
            Watched {
                name: "shared_store_losses",
                help: "How often the shared record of used permits was lost",
                grows: true,
                read: Box::new(move || failures.losses()),
            },
        ]
    }
}

/// Permit ids are no secrets, but none of them needs to be in Redis.
fn digest(id: PermitId) -> String {
    let digest: [u8; 32] = Sha256::digest(id.0).into();
    hex::encode(digest.get(..16).unwrap_or_default())
}

/// Where to connect to.
fn client(shared: &config::Shared) -> Result<Client, SharedError> {
    let info = match &shared.redis {
        config::RedisUrl::Plain(url) => parse(url, "shared.redis".to_owned())?,
        config::RedisUrl::File(path) => {
            let text = private_file::read(path, URL_MAX)?;
            parse(text.trim(), path.display().to_string())?
        }
    };
    match info.addr() {
        ConnectionAddr::Tcp(host, _) if !is_loopback(host) => {
            tracing::warn!(
                "shared.redis is reached without TLS: use rediss:// outside one machine"
            );
        }
        _ => {}
    }
    let Some(path) = &shared.ca else { return Ok(Client::open(info)?) };
    let ca =
        std::fs::read(path).map_err(|source| SharedError::Ca { path: path.clone(), source })?;
    let trusted = redis::TlsCertificates { client_tls: None, root_cert: Some(ca) };
    Ok(Client::build_with_tls(info, trusted)?)
}

fn parse(url: &str, origin: String) -> Result<ConnectionInfo, SharedError> {
    match url.into_connection_info() {
        Ok(info) if !is_insecure(info.addr()) => Ok(info),
        _ => Err(SharedError::Url { origin }),
    }
}

/// Whether it would take any certificate.
fn is_insecure(address: &ConnectionAddr) -> bool {
    matches!(address, ConnectionAddr::TcpTls { insecure: true, .. })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
