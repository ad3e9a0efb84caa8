//! A trace tells of every check, and ends with the one that refused.

use filter::findings::{CHECKS, Checked};
use filter::store::{LocalMemory, PagedStore, Sizes};
use filter::{
    ApiKey, Clock, Environment, Filter, GateIdentity, Headers, KeyDigest as _, KeyId, KeyRecord,
    Keys, Peer, Pepper, PermitKey, Policy, RejectionCache, RequestHead, Step, drive,
};

const POLICY: &str = r#"{
    "version": 1,
    "tiers": { "free": { "quotas": [
        { "name": "requests", "subject": "key", "requests": 1, "window": "1h" },
        { "name": "megapixels", "subject": "principal", "megapixels": 1, "window": "1h" }
    ] } },
    "routes": [{
        "name": "cut-out", "method": "POST", "path": "/v1/cut-out", "scopes": ["cut"],
        "media_types": ["image/webp"], "max_bytes": "1KiB", "body": "hold",
        "max_width": 4096, "max_height": 4096, "max_pixels": 4000000, "max_frames": 1,
        "clients": { "deny": ["192.0.2.0/24"] }
    }]
}"#;
const SECRET: &[u8; 32] = b"0123456789abcdefghijABCDEFGHIJxy";
const NOW: Clock = Clock::both(1_700_000_000_000);

/// A request that is let go, to be changed.
struct Request {
    method: &'static str,
    target: &'static str,
    client: [u8; 4],
    fields: Vec<(&'static str, String)>,
    scopes: Vec<String>,
    body: Vec<u8>,
    /// How often it is sent.
    times: usize,
}

impl Request {
    fn good() -> Self {
        let id = KeyId::parse("Ab3dE5gH1j").unwrap();
        let key = ApiKey::compose(Environment::Test, &id, SECRET).unwrap();
        let body = image(3, 4);
        let fields = vec![
            ("content-length", body.len().to_string()),
            ("content-type", "image/webp".to_owned()),
            ("x-api-key", key.to_string()),
        ];
        Self {
            method: "POST",
            target: "/v1/cut-out?x=1",
            client: [198, 51, 100, 7],
            fields,
            scopes: vec!["cut".to_owned()],
            body,
            times: 1,
        }
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, value.to_owned()));
    }

    /// The trace of the last time, and the code of the refusal.
    fn trace(&self) -> (Vec<Checked>, Option<&'static str>) {
        let gate = identity();
        let id = KeyId::parse("Ab3dE5gH1j").unwrap();
        let record = KeyRecord {
            principal: "acme".to_owned(),
            scopes: self.scopes.clone(),
            tier: "free".to_owned(),
            ..KeyRecord::new(id, Environment::Test, gate.pepper.verifier(SECRET))
        };
        let keys: Keys = [record].into_iter().collect();
        let mut cache = RejectionCache::new(gate.cache_key());
        let tags = gate.store_tags();
        let store = PagedStore::open(LocalMemory::new(), tags, Sizes::default(), NOW).unwrap();
        let filter = Filter::new(Policy::parse(POLICY.as_bytes()).unwrap(), gate, 1);
        let headers = Headers::new(self.fields.iter().cloned());
        let head = RequestHead {
            method: self.method,
            authority: "images.example",
            target: self.target,
            headers: &headers,
            peer: Peer::Direct(self.client.into()),
        };
        let mut once = || {
            let step = filter.begin(NOW, [0; 16]).traced().head(&head, &keys, &mut cache);
            let mut step = drive(step, &store, NOW);
            for piece in self.body.chunks(7) {
                let Step::NeedsPrefix(waiting) = step else { break };
                step = drive(waiting.chunk(piece), &store, NOW);
            }
            match step {
                Step::Release(release) => (release.tail.findings().trace().to_vec(), None),
                Step::NeedsPrefix(waiting) => {
                    assert!(!waiting.findings().trace().is_empty());
                    let refused = waiting.end();
                    (refused.findings().trace().to_vec(), Some(refused.rejection().code()))
                }
                Step::Reject(refused) => {
                    (refused.findings().trace().to_vec(), Some(refused.rejection().code()))
                }
                Step::NeedsAnswer(_) => unreachable!("answers were driven"),
            }
        };
        (1..self.times).for_each(|_| drop(once()));
        once()
    }
}

fn identity() -> GateIdentity {
    GateIdentity {
        gate: "edge-1".into(),
        audience: "images".into(),
        environment: Environment::Test,
        pepper: Pepper::new([1; 32]),
        permit_key: PermitKey::new("edge-1", 1, [2; 32]),
        realm_keys: vec![],
        token_secrets: filter::TokenSecrets::default(),
    }
}

/// A VP8L image, as far as its header goes (RFC 9649 §3.4).
fn image(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    let riff = [&b"RIFF"[..], &26u32.to_le_bytes(), b"WEBPVP8L", &14u32.to_le_bytes(), &[0x2f]];
    [&riff.concat(), &bits.to_le_bytes()[..], &[0; 9]].concat()
}

#[test]
fn a_request_that_is_let_go_passed_every_check_in_order() {
    let (trace, code) = Request::good().trace();
    assert_eq!(code, None);
    assert!(trace.iter().all(|checked| checked.outcome.is_ok()), "{trace:?}");
    let made: Vec<_> = trace.iter().map(|checked| checked.check).collect();
    assert_eq!(made, CHECKS[..13]);
    assert_eq!(CHECKS[13], "body");
}

#[test]
fn a_refusal_is_the_last_line_of_the_trace_and_names_its_check() {
    type Change = fn(&mut Request);
    let cases: [(&str, &str, Change); 16] = [
        ("framing", "length-malformed", |request| request.set("content-length", "many")),
        ("path", "path-ambiguous", |request| request.target = "/v1//cut-out"),
        ("route", "method-not-allowed", |request| request.method = "GET"),
        ("client", "client-not-allowed", |request| request.client = [192, 0, 2, 1]),
        ("content-encoding", "content-encoding", |request| request.set("content-encoding", "gzip")),
        ("media-type", "media-type-not-accepted", |request| request.set("content-type", "text/x")),
        ("length", "body-too-long", |request| request.set("content-length", "1025")),
        ("credential", "key-malformed", |request| request.set("x-api-key", "hunter2")),
        ("permission", "scope-missing", |request| request.scopes.clear()),
        ("admission", "quota-exceeded", |request| request.times = 2),
        ("image", "image-too-large", |request| request.body = image(5000, 1)),
        ("image", "not-an-image", |request| request.body.fill(b'x')),
        ("image", "image-truncated", |request| {
            request.body.truncate(5);
            request.set("content-length", "5");
        }),
        ("price", "quota-too-small", |request| request.body = image(2000, 1000)),
        ("body", "length-differs", |request| request.body.truncate(20)),
        ("body", "length-differs", |request| request.body.push(0)),
    ];
    for (check, expected, change) in cases {
        let mut request = Request::good();
        change(&mut request);
        let (trace, code) = request.trace();
        assert_eq!(code, Some(expected), "{check}");
        let (last, before) = trace.split_last().unwrap();
        assert_eq!(last.check, check, "{expected}: {trace:?}");
        assert!(last.outcome.is_err(), "{expected}: {trace:?}");
        assert!(before.iter().all(|checked| checked.outcome.is_ok()), "{expected}: {trace:?}");
        assert!(trace.iter().all(|checked| CHECKS.contains(&checked.check)), "{trace:?}");
    }
}
