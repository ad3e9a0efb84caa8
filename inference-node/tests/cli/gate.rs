//! A gate elsewhere, which knows what the commands print for it and nothing else.

use std::time::{SystemTime, UNIX_EPOCH};

use filter::permit::Claims;
use filter::store::{LocalMemory, PagedStore, Sizes, TagKey};
use filter::{
    Clock, Environment, Filter, GateIdentity, Headers, KeyRecord, Keys, Peer, Pepper, PermitKey,
    Policy, RealmKey, RejectionCache, RequestHead, Step, drive,
};
use serde_json::Value;

use crate::machine::Machine;

/// A gate with the secrets and the snapshot of a machine.
pub(crate) struct Gate {
    filter: Filter,
    keys: Keys,
    store: PagedStore<LocalMemory>,
}

/// A request as it arrives.
pub(crate) struct Arriving {
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) client: Peer,
}

impl Gate {
    /// A gate as it would be started now.
    pub(crate) fn of(machine: &Machine) -> Self {
        let secrets = machine.json(&["gates", "secrets", "--gate", "edge-1", "--json"]);
        let text = |name: &str| secrets[name].as_str().unwrap().to_owned();
        let secret = |name| filter::hex::decode(&text(name)).unwrap();
        let realm_key = |entry: &str| {
            let (version, key) = entry.split_once(':').unwrap();
            RealmKey::new(version.parse().unwrap(), filter::hex::decode(key).unwrap())
        };
        let identity = GateIdentity {
            gate: "edge-1".into(),
            audience: "lunette".into(),
            environment: Environment::Test,
            pepper: Pepper::new(secret("LUNETTE_PEPPER")),
            permit_key: PermitKey::new("edge-1", 1, secret("LUNETTE_PERMIT_KEY")),
            realm_keys: text("LUNETTE_REALM_KEYS").split(',').map(realm_key).collect(),
            token_secrets: filter::TokenSecrets::default(),
        };
        let snapshot = machine.json(&["policy", "snapshot", "--json"]);
        let policy = Policy::parse(snapshot["policy"].to_string().as_bytes()).unwrap();
        let records: Vec<KeyRecord> = serde_json::from_value(snapshot["keys"].clone()).unwrap();
        // It has run for a day, so that no signature is older than its memory.
        let began = Clock::both(now() - 86_400_000);
        let tags = TagKey::derive(&[1; 32]);
        let store = PagedStore::open(LocalMemory::new(), tags, Sizes::default(), began);
        Self {
            filter: Filter::new(policy, identity, snapshot["epoch"].as_u64().unwrap()),
            keys: records.into_iter().collect(),
            store: store.unwrap(),
        }
    }

    /// The claims of the permit that a request gets, or the internal reason for its refusal.
    pub(crate) fn judge(&self, request: &Arriving) -> Result<Claims, &'static str> {
        let headers = Headers::new(
            request.headers.iter().map(|(name, value)| (name.as_str(), value.clone().into_bytes())),
        );
        let head = RequestHead {
            method: &request.method,
            authority: &request.authority,
            target: &request.target,
            headers: &headers,
            peer: request.client,
        };
        let clock = Clock::both(now());
        let mut cache = RejectionCache::new(self.filter.gate().cache_key());
        let step = self.filter.begin(clock, [7; 16]).head(&head, &self.keys, &mut cache);
        let step = match drive(step, &self.store, clock) {
            Step::NeedsPrefix(prefix) => drive(prefix.chunk(&request.body), &self.store, clock),
            step => step,
        };
        match step {
            Step::Release(release) => Ok(release.permit.claims().clone()),
            Step::Reject(refused) => Err(refused.rejection().reason()),
            Step::NeedsPrefix(_) | Step::NeedsAnswer(_) => panic!("the whole image was shown"),
        }
    }
}

impl Arriving {
    /// The request that `lunette sign --json` printed, with this body.
    pub(crate) fn signed(printed: &Value, body: &[u8]) -> Self {
        let (_, rest) = printed["url"].as_str().unwrap().split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let headers = printed["headers"].as_object().unwrap();
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().into()));
        let length = ("Content-Length".to_owned(), body.len().to_string());
        Self {
            method: printed["method"].as_str().unwrap().into(),
            authority: authority.into(),
            target: format!("/{path}"),
            headers: headers.chain([length]).collect(),
            body: body.to_vec(),
            client: Peer::Direct([127, 0, 0, 1].into()),
        }
    }

    /// A request with nothing but a key.
    pub(crate) fn with_key(key: &str) -> Self {
        let headers = [("X-API-Key", key), ("Content-Type", "image/png")];
        let length = ("Content-Length".to_owned(), png().len().to_string());
        Self {
            method: "POST".into(),
            authority: "127.0.0.1:8080".into(),
            target: "/v1/background-removal".into(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .chain([length])
                .collect(),
            body: png(),
            client: Peer::Direct([127, 0, 0, 1].into()),
        }
    }
}

/// A small image.
pub(crate) fn png() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(4, 3).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
