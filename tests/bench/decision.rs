//! What one decision about a head costs: natively, in the compiled filter under wasmtime, and the
//! hashes alone that it cannot do without.
//!
//! Under wasmtime a decision is timed from the creation of the request's context to the filter's
//! word, with all calls of the host. Natively the head is already in memory. Medians of many,
//! interleaved.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use conformance::gate::{self, Published};
use filter::algorithm::Algorithm;
use filter::key::Signing;
use filter::signature::Scheme;
use filter::signature::client::{self, Statement};
use filter::snapshot::{self, SnapshotKey, SnapshotSigner};
use filter::store::{LocalMemory, PagedStore};
use filter::{
    ApiKey, Clock, Environment, Filter, GateIdentity, Headers, KeyDigest as _, KeyId, KeyRecord,
    Keys, Peer, Pepper, PermitKey, Policy, RealmKey, RejectionCache, RequestHead, Step,
    TokenSecrets, UnixMillis, drive,
};
use filter_wasmtime::{Gate, GateOptions, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::Row;

pub(crate) const AUTHORITY: &str = "lunette.test";
pub(crate) const TARGET: &str = "/v1/background-removal";
const SECRET: &[u8; 32] = b"Bench0Secret0For0Benches0Only0ab";
const PEPPER: [u8; 32] = [0x5a; 32];
const REALM: [u8; 32] = [0x5b; 32];
const PERMIT_KEY: [u8; 32] = [0xa5; 32];
const SNAPSHOT_SEED: [u8; 32] = [0x5c; 32];
/// Keys that sign in turns, so that none reaches its quota however long a bench takes.
const SIGNERS: usize = 8;
/// Decisions that are timed of each kind and in each place.
const TIMES: usize = 4000;
/// Decisions before that, so that caches are warm and code is translated.
const WARM: usize = 500;

/// A kind of request, and what it is aimed at in microseconds.
struct Kind {
    name: &'static str,
    heads: Vec<Vec<(String, String)>>,
    outcome: Outcome,
    /// The hashes and signatures that no implementation can leave out.
    floor: fn() -> Duration,
    native: Option<f64>,
    wasmtime: Option<f64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    GoesOn,
    Refused,
}

/// The table: each kind natively and under wasmtime, beside its floor.
pub(crate) fn rows(places: &Places) -> Vec<Row> {
    let kinds = kinds(&places.signing_key, places.native.now);
    kinds.iter().flat_map(|kind| measure(kind, &places.native, &places.gate)).collect()
}

/// Where decisions are made, all by one policy and one set of keys.
pub(crate) struct Places {
    signing_key: p256::ecdsa::SigningKey,
    pub(crate) native: Native,
    pub(crate) gate: Gate,
}

impl Places {
    pub(crate) fn open() -> std::io::Result<Self> {
        let signing_key =
            p256::ecdsa::SigningKey::from_slice(&[7; 32]).map_err(std::io::Error::other)?;
        let policy = policy(&signing_key);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(std::io::Error::other)?;
        let now = u64::try_from(now.as_millis()).map_err(std::io::Error::other)?;
        let records = records();
        let native = Native::new(&policy, &records, now)?;
        let options = GateOptions { vms: NonZeroUsize::MIN, ..options(&policy, &records) };
        let gate = Gate::load(&gate::module(), options).map_err(std::io::Error::other)?;
        Ok(Self { signing_key, native, gate })
    }
}

fn measure(kind: &Kind, native: &Native, gate: &Gate) -> Vec<Row> {
    let (mut natively, mut in_wasm, mut floor) = (vec![], vec![], vec![]);
    let mut cache = RejectionCache::new([9; 16]);
    // Each place sees every head once: a nonce is good for one use.
    for (turn, head) in kind.heads.iter().enumerate() {
        let (taken, outcome) = native.decide(head, &mut cache, turn);
        assert_eq!(outcome, kind.outcome, "{}", kind.name);
        let wasm = gate.time_head(request(head));
        let hashes = (kind.floor)();
        if turn >= WARM {
            natively.push(taken);
            in_wasm.push(wasm);
            floor.push(hashes);
        }
    }
    let floor = median(floor);
    [("natively", natively, kind.native), ("under wasmtime", in_wasm, kind.wasmtime)]
        .into_iter()
        .filter_map(|(place, taken, aim)| Some((place, median(taken), aim?)))
        .map(|(place, ours, aim)| Row {
            name: format!("{}, {place}", kind.name),
            ours,
            peer: floor,
            peer_name: "its hashes alone, natively".to_owned(),
            unit: "us",
            ratio: ours / floor,
            aim: if aim.is_finite() { format!("at most {aim} us") } else { "no aim".to_owned() },
            better: "lower",
        })
        .collect()
}

fn kinds(signing_key: &p256::ecdsa::SigningKey, now: u64) -> Vec<Kind> {
    let count = TIMES + WARM;
    let bearer = |id: &str| vec![("authorization".to_owned(), format!("Bearer {}", key(id)))];
    let same = |fields: Vec<(String, String)>| vec![with(fields); count];
    let distinct = (0..count).map(|n| with(bearer(&format!("unkn{n:06}")))).collect();
    let signed = (0..count).map(|n| signed(n, now)).collect();
    let token = token(signing_key, now);
    vec![
        Kind {
            name: "bad key (a new one each time)",
            heads: distinct,
            outcome: Outcome::Refused,
            floor: key_hashes,
            native: Some(f64::INFINITY),
            wasmtime: Some(f64::INFINITY),
        },
        Kind {
            name: "bad key (remembered)",
            heads: same(bearer("unknown000")),
            outcome: Outcome::Refused,
            floor: key_hashes,
            native: Some(1.0),
            wasmtime: Some(f64::INFINITY),
        },
        Kind {
            name: "good key",
            heads: same(bearer("good000000")),
            outcome: Outcome::GoesOn,
            floor: key_hashes,
            native: Some(3.0),
            wasmtime: Some(6.0),
        },
        Kind {
            name: "RFC 9421 hmac-sha256, nonce, two quotas",
            heads: signed,
            outcome: Outcome::GoesOn,
            floor: signature_hashes,
            native: Some(10.0),
            wasmtime: Some(20.0),
        },
        Kind {
            name: "JWT ES256",
            heads: same(vec![("authorization".to_owned(), format!("Bearer {token}"))]),
            outcome: Outcome::GoesOn,
            floor: token_verification,
            native: Some(f64::INFINITY),
            wasmtime: Some(f64::INFINITY),
        },
    ]
}

/// The filter natively, with a store and keys in memory.
pub(crate) struct Native {
    filter: Filter,
    keys: Keys,
    store: PagedStore<LocalMemory>,
    now: u64,
}

impl Native {
    fn new(policy: &str, records: &[KeyRecord], now: u64) -> std::io::Result<Self> {
        let gate = GateIdentity {
            gate: gate::NAME.to_owned(),
            audience: "tests".to_owned(),
            environment: Environment::Test,
            pepper: Pepper::new(PEPPER),
            permit_key: PermitKey::new(gate::NAME, 1, PERMIT_KEY),
            realm_keys: vec![RealmKey::new(1, REALM)],
            token_secrets: TokenSecrets::default(),
        };
        let policy = Policy::parse(policy.as_bytes()).map_err(std::io::Error::other)?;
        let (tags, sizes) = (gate.store_tags(), policy.store_sizes());
        let store = PagedStore::open(LocalMemory::new(), tags, sizes, Clock::both(now - 2000))
            .map_err(|_| std::io::Error::other("the store does not open"))?;
        Ok(Self {
            filter: Filter::new(policy, gate, 1),
            keys: records.iter().cloned().collect(),
            store,
            now,
        })
    }

    pub(crate) fn store(&self) -> &PagedStore<LocalMemory> {
        &self.store
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::both(self.now)
    }

    fn decide(
        &self,
        fields: &[(String, String)],
        cache: &mut RejectionCache,
        turn: usize,
    ) -> (Duration, Outcome) {
        let headers = headers(fields);
        let begun = Instant::now();
        let step = self.judge(&headers, cache, turn);
        let taken = begun.elapsed();
        let outcome = match step {
            Step::NeedsPrefix(_) => Outcome::GoesOn,
            Step::Reject(_) | Step::Release(_) | Step::NeedsAnswer(_) => Outcome::Refused,
        };
        (taken, outcome)
    }

    /// Judges a head.
    pub(crate) fn judge(&self, headers: &Headers, cache: &mut RejectionCache, turn: usize) -> Step {
        let head = RequestHead {
            method: "POST",
            authority: AUTHORITY,
            target: TARGET,
            headers,
            peer: Peer::Direct([127, 0, 0, 1].into()),
        };
        let clock = self.clock();
        let seed = (turn as u128).to_be_bytes();
        let step = self.filter.begin(clock, seed).head(&head, &self.keys, cache);
        drive(step, &self.store, clock)
    }
}

/// A policy whose quotas no bench reaches. Failures are counted and never reach their limit, so that
/// every refusal is the one that is named.
fn policy(signing_key: &p256::ecdsa::SigningKey) -> String {
    let point = signing_key.verifying_key().to_sec1_point(false);
    let coordinate = |bytes: Option<&[u8]>| base64(bytes.unwrap_or_default());
    let (x, y) = (point.x().map(|x| &x[..]), point.y().map(|y| &y[..]));
    serde_json::json!({
        "version": 1,
        "authorities": [AUTHORITY],
        "failures": { "limit": 4_000_000_000u32, "window": "60s", "verifications": 1_000_000 },
        "tiers": {
            "plain": { "quotas": [] },
            "signed": { "quotas": [
                { "name": "minute", "subject": "key", "requests": 8000, "window": "60s" },
                { "name": "hour", "subject": "principal", "requests": 480_000, "window": "1h" }
            ] }
        },
        "issuers": [{
            "name": "bench", "issuer": "https://id.example", "audiences": ["lunette"],
            "algorithms": ["ES256"], "max_lifetime": "1h", "tier": "plain",
            "jwks": { "keys": [{
                "kty": "EC", "crv": "P-256", "kid": "1", "x": coordinate(x), "y": coordinate(y)
            }] }
        }],
        "routes": [{
            "name": "background-removal", "method": "POST", "path": TARGET,
            "scopes": ["background-removal"],
            "media_types": ["image/png", "image/jpeg", "image/webp", "image/gif"],
            "max_bytes": "12MiB", "max_width": 8192, "max_height": 8192, "max_pixels": 25_000_000,
            "max_frames": 1, "signature": "optional",
            "form": { "multipart": "file", "json": "image" }
        }]
    })
    .to_string()
}

fn records() -> Vec<KeyRecord> {
    let record = |id: &str, tier: &str, signing: Option<Signing>| {
        let id = KeyId::parse(id).expect("an id");
        let verifier = Pepper::new(PEPPER).verifier(SECRET);
        KeyRecord {
            principal: "acme".to_owned(),
            scopes: vec!["background-removal".to_owned()],
            tier: tier.to_owned(),
            signing,
            ..KeyRecord::new(id, Environment::Test, verifier)
        }
    };
    let signing = Signing {
        scheme: Scheme::Rfc9421,
        algorithm: Algorithm::HmacSha256,
        required: true,
        realm: 1,
        secret: 1,
        public_key: None,
    };
    let signers = (0..SIGNERS).map(|n| record(&signer(n), "signed", Some(signing.clone())));
    [record("good000000", "plain", None)].into_iter().chain(signers).collect()
}

/// The id of the key that signs the request of this number.
fn signer(n: usize) -> String {
    format!("signer{:04}", n % SIGNERS)
}

/// The variables of a gate's environment.
pub(crate) fn secrets() -> Vec<(&'static str, String)> {
    vec![
        ("LUNETTE_PERMIT_KEY", filter::hex::encode(&PERMIT_KEY)),
        ("LUNETTE_PERMIT_KEY_VERSION", "1".to_owned()),
        ("LUNETTE_PEPPER", filter::hex::encode(&PEPPER)),
        ("LUNETTE_REALM_KEYS", format!("1:{}", filter::hex::encode(&REALM))),
        ("LUNETTE_SNAPSHOT_KEY", SnapshotSigner::new(&SNAPSHOT_SEED).public().digits()),
        ("LUNETTE_GATE_TOKEN", filter::hex::encode(&[1; 32])),
    ]
}

fn options(policy: &str, records: &[KeyRecord]) -> GateOptions {
    let secrets = secrets().into_iter();
    GateOptions {
        configuration: configuration(),
        environment: secrets.map(|(name, value)| (name.to_owned(), Secret::from(value))).collect(),
        ..gate::options(Published::new(1, policy, records))
    }
}

/// A gate that tells its host no events, as `lunette serve` has it.
pub(crate) fn configuration() -> Vec<u8> {
    let gate = serde_json::json!({
        "gate": gate::NAME, "audience": "tests", "environment": Environment::Test
    });
    gate.to_string().into_bytes()
}

/// Who signs what a node would tell a gate of the bench.
pub(crate) fn snapshot_key() -> SnapshotKey {
    SnapshotSigner::new(&SNAPSHOT_SEED).public()
}

/// What a node would tell a gate of the bench, signed now.
pub(crate) fn snapshot() -> String {
    let signing_key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
    let (policy, records) = (policy(&signing_key), records());
    let content = snapshot::write_content(policy.as_bytes(), records.iter(), [].iter());
    let content = content.expect("a policy is JSON");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = UnixMillis(u64::try_from(now).unwrap_or_default());
    let statement = snapshot::Statement {
        audience: "tests".to_owned(),
        environment: Environment::Test,
        epoch: 1,
        issued_at: now,
        expires_at: now.plus(snapshot::LIFETIME),
        sha256: filter::hex::encode(&Sha256::digest(&content)),
        length: content.len() as u64,
    };
    format!("{}\n{content}\n", SnapshotSigner::new(&SNAPSHOT_SEED).seal(&statement))
}

fn key(id: &str) -> String {
    let id = KeyId::parse(id).expect("an id");
    ApiKey::compose(Environment::Test, &id, SECRET).expect("base62").to_string()
}

/// The fields of an ordinary upload, and these.
fn with(fields: Vec<(String, String)>) -> Vec<(String, String)> {
    plain("image/png", 100).into_iter().chain(fields).collect()
}

/// Header fields as a host has them in memory when the filter begins.
pub(crate) fn headers(fields: &[(String, String)]) -> Headers {
    Headers::new(fields.iter().map(|(name, value)| (name.clone(), value.clone())))
}

/// The header fields of a request.
pub(crate) type Fields = Vec<(String, String)>;

/// The fields of an upload with a good key.
pub(crate) fn upload(media_type: &str, len: usize) -> Fields {
    let bearer = ("authorization".to_owned(), format!("Bearer {}", key("good000000")));
    plain(media_type, len).into_iter().chain([bearer]).collect()
}

fn plain(media_type: &str, len: usize) -> Vec<(String, String)> {
    let fields = [
        ("user-agent", "curl/8.7.1"),
        ("accept", "*/*"),
        ("content-type", media_type),
        ("content-length", &len.to_string()),
    ];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn signed(n: usize, now: u64) -> Vec<(String, String)> {
    signed_over(with(vec![]), n, now, b"a body")
}

/// The fields of an upload that is signed now.
pub(crate) fn signed_upload(n: usize, body: &[u8]) -> Vec<(String, String)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    signed_over(plain("image/png", body.len()), n, u64::try_from(now).unwrap_or_default(), body)
}

/// The fields of an upload with a key that nobody has.
pub(crate) fn unknown(n: usize, len: usize) -> Vec<(String, String)> {
    let bearer = ("authorization".to_owned(), format!("Bearer {}", key(&format!("unkn{n:06}"))));
    plain("image/png", len).into_iter().chain([bearer]).collect()
}

/// The text of a key that is good.
pub(crate) fn good_key() -> String {
    key("good000000")
}

fn signed_over(
    fields: Vec<(String, String)>,
    n: usize,
    now: u64,
    body: &[u8],
) -> Vec<(String, String)> {
    let id = KeyId::parse(&signer(n)).expect("an id");
    let secret = RealmKey::new(1, REALM).client_secret(&id, 1, Scheme::Rfc9421);
    let headers = headers(&fields);
    let head = RequestHead {
        method: "POST",
        authority: AUTHORITY,
        target: TARGET,
        headers: &headers,
        peer: Peer::Unknown,
    };
    let nonce = format!("bench-{n:020}");
    let signing = client::Signing {
        scheme: Scheme::Rfc9421,
        secret: secret.as_slice(),
        statement: Statement {
            key_id: Some(id.as_str()),
            created: UnixMillis(now),
            expires: None,
            nonce: &nonce,
            body: Some(body),
        },
    };
    let signed = client::sign(&head, &signing).expect("a request that can be signed");
    let more = signed.fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    fields.into_iter().chain(more).collect()
}

fn token(signing_key: &p256::ecdsa::SigningKey, now: u64) -> String {
    let now = now / 1000;
    let header = base64(br#"{"alg":"ES256","kid":"1","typ":"JWT"}"#);
    let claims = serde_json::json!({
        "iss": "https://id.example", "aud": "lunette", "sub": "alice",
        "iat": now, "exp": now + 600, "scope": "background-removal"
    });
    let message = format!("{header}.{}", base64(claims.to_string().as_bytes()));
    let signature: p256::ecdsa::Signature = signing_key.sign(message.as_bytes());
    format!("{message}.{}", base64(&signature.to_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64UrlUnpadded::encode_string(bytes)
}

pub(crate) fn request(fields: &[(String, String)]) -> http::Request<()> {
    let mut request = http::Request::builder().method("POST").uri(TARGET).header("host", AUTHORITY);
    for (name, value) in fields {
        request = request.header(name, value);
    }
    let mut request = request.body(()).expect("a request");
    let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 4711));
    request.extensions_mut().insert(filter_wasmtime::Peer(peer));
    request
}

/// SHA-256 of the secret and an HMAC of that.
fn key_hashes() -> Duration {
    timed(|| hmac(&PEPPER, &Sha256::digest(SECRET)))
}

/// The derivation of the secret, and an HMAC over a signature base of 420 bytes.
fn signature_hashes() -> Duration {
    timed(|| hmac(&hmac(&REALM, &[1; 90]), &[2; 420]))
}

/// A verification with P-256 and the hash of the token.
fn token_verification() -> Duration {
    use p256::ecdsa::signature::Verifier as _;
    use std::sync::OnceLock;
    static MADE: OnceLock<(p256::ecdsa::VerifyingKey, p256::ecdsa::Signature)> = OnceLock::new();
    let (key, signature) = MADE.get_or_init(|| {
        let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
        (*key.verifying_key(), key.sign(&[3; 260]))
    });
    timed(|| key.verify(&[3; 260], signature).is_ok())
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    std::hint::black_box(work());
    begun.elapsed()
}

/// In microseconds.
pub(crate) fn median(mut taken: Vec<Duration>) -> f64 {
    taken.sort_unstable();
    taken.get(taken.len() / 2).map_or(f64::NAN, |median| median.as_secs_f64() * 1e6)
}
