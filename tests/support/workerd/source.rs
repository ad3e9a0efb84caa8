//! Where a gate gets its snapshot: `GET /gate/snapshot`, as the node gives it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use filter::snapshot::{LIFETIME, SnapshotKey, SnapshotSigner, Statement, write_content};
use filter::{KeyRecord, UnixMillis, hex};
use http::{Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest as _, Sha256};

use super::events::serve;
use crate::vectors::{self, Moment};
use crate::{envoy, keys};

/// The token that the source wants.
pub const GATE_TOKEN: &str = "token-of-edge-1";
/// The seed of the key that signs.
const SEED: [u8; 32] = [0x51; 32];

/// A source, and what it gives.
#[derive(Clone)]
pub struct Source {
    address: SocketAddr,
    given: Arc<Mutex<Given>>,
}

struct Given {
    content: String,
    statement: Statement,
    signer: SnapshotSigner,
    /// For how long it is good, in milliseconds.
    lifetime: u64,
    /// What is given in place of a snapshot.
    instead: Option<String>,
    /// How often it was asked.
    asked: usize,
}

impl Source {
    /// The policy called `policy` and the keys of the vectors, in epoch 1.
    pub async fn of_vectors(policy: &str) -> Self {
        let records = keys::records(Moment::real().0);
        Self::new(&vectors::policy(policy), &records).await
    }

    /// A policy and keys, in epoch 1.
    ///
    /// # Panics
    /// If the policy is no JSON.
    pub async fn new(policy: &str, records: &[KeyRecord]) -> Self {
        let given = Given {
            content: String::new(),
            statement: Statement {
                audience: "tests".to_owned(),
                environment: keys::ENVIRONMENT,
                epoch: 1,
                issued_at: UnixMillis(0),
                expires_at: UnixMillis(0),
                sha256: String::new(),
                length: 0,
            },
            signer: SnapshotSigner::new(&SEED),
            lifetime: LIFETIME,
            instead: None,
            asked: 0,
        };
        let given = Arc::new(Mutex::new(given));
        let answering = Arc::clone(&given);
        let address = serve(move |request| {
            let bearer = request.headers().get("authorization").map(http::HeaderValue::as_bytes);
            let tokens = [GATE_TOKEN, envoy::GATE_TOKEN].map(|token| format!("Bearer {token}"));
            let known = tokens.iter().any(|token| bearer == Some(token.as_bytes()));
            if request.uri().path() == "/readyz" {
                return std::future::ready(Response::new(Full::default()));
            }
            let have = request.uri().query().and_then(|query| query.strip_prefix("have="));
            let answer = answering.lock().expect("a lock").answer(known, have);
            std::future::ready(answer)
        })
        .await;
        let source = Self { address, given };
        source.publish(1, policy, records);
        source
    }

    /// Publishes something else in its place.
    ///
    /// # Panics
    /// If the policy is no JSON.
    pub fn publish(&self, epoch: u64, policy: &str, records: &[KeyRecord]) {
        let tokens = keys::revoked_tokens();
        let content = write_content(policy.as_bytes(), records.iter(), tokens.iter());
        let mut given = self.given.lock().expect("a lock");
        given.content = content.expect("the policy is JSON");
        given.statement.epoch = epoch;
        given.statement.sha256 = hex::encode(&Sha256::digest(&given.content));
        given.statement.length = given.content.len() as u64;
    }

    /// Changes what is said of the content, or gives other text `instead`, until it is called with nothing.
    ///
    /// # Panics
    /// If another test thread panicked while it did.
    pub fn tamper(&self, instead: Option<String>, change: impl FnOnce(&mut Statement)) {
        let mut given = self.given.lock().expect("a lock");
        given.instead = instead;
        change(&mut given.statement);
    }

    /// From now on, a snapshot is good for so many milliseconds.
    ///
    /// # Panics
    /// If another test thread panicked while it did.
    pub fn good_for(&self, millis: u64) {
        self.given.lock().expect("a lock").lifetime = millis;
    }

    /// How often it was asked.
    ///
    /// # Panics
    /// If another test thread panicked while it looked.
    pub fn asked(&self) -> usize {
        self.given.lock().expect("a lock").asked
    }

    /// Where it listens. Whoever asks how it is, is told that it is ready.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/gate/snapshot", self.address)
    }

    /// Who signs.
    pub fn key(&self) -> SnapshotKey {
        SnapshotSigner::new(&SEED).public()
    }
}

impl Given {
    fn answer(&mut self, known: bool, have: Option<&str>) -> Response<Full<Bytes>> {
        self.asked += 1;
        let mut response = Response::new(Full::default());
        if !known {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            return response;
        }
        let Moment(now) = Moment::real();
        self.statement.issued_at = now;
        self.statement.expires_at = now.plus(self.lifetime);
        let content = if have == Some(&self.statement.sha256) { "" } else { &self.content };
        let text = format!("{}\n{content}", self.signer.seal(&self.statement));
        *response.body_mut() = self.instead.clone().unwrap_or(text).into();
        response
    }
}
