//! Asking late comes to the same as asking at once, and asks less often.

use super::*;
use crate::store::{LocalMemory, PagedStore, Sizes, Store as _};
use crate::{
    ApiKey, Clock, Environment, Filter, GateIdentity, Headers, KeyDigest as _, KeyId, KeyRecord,
    Keys, Peer, Pepper, PermitKey, Policy, RejectionCache, RequestHead, Step, drive,
};

/// Three requests, and a million pixels.
const POLICY: &str = r#"{
    "version": 1,
    "tiers": { "free": { "quotas": [
        { "name": "requests", "subject": "key", "requests": 3, "window": "1h" },
        { "name": "megapixels", "subject": "principal", "megapixels": 1, "window": "1h" }
    ] } },
    "routes": [{
        "name": "cut-out", "method": "POST", "path": "/v1/cut-out", "scopes": [],
        "media_types": ["image/png"], "max_bytes": "1KiB",
        "max_width": 4096, "max_height": 4096, "max_pixels": 4000000, "max_frames": 1
    }]
}"#;
const NOW: Clock = Clock::both(1_700_000_000_000);
const SECRET: &[u8; 32] = b"0123456789abcdefghijABCDEFGHIJxy";

/// A gate whose store is asked.
struct Gate {
    filter: Filter,
    keys: Keys,
    store: PagedStore<LocalMemory>,
    text: String,
    /// How many questions came, each time that the store was asked.
    asked: Vec<usize>,
}

/// How a request ended, and what its answer says of the quotas.
type Ended = (String, Vec<String>);

impl Gate {
    fn new() -> Self {
        let gate = GateIdentity {
            gate: "edge-1".into(),
            audience: "images".into(),
            environment: Environment::Test,
            pepper: Pepper::new([1; 32]),
            permit_key: PermitKey::new("edge-1", 1, [2; 32]),
            realm_keys: vec![],
            token_secrets: crate::TokenSecrets::default(),
        };
        let id = KeyId::parse("Ab3dE5gH1j").unwrap();
        let text = ApiKey::compose(Environment::Test, &id, SECRET).unwrap().to_string();
        let verifier = gate.pepper.verifier(SECRET);
        let record = KeyRecord {
            principal: "acme".to_owned(),
            tier: "free".to_owned(),
            ..KeyRecord::new(id, Environment::Test, verifier)
        };
        let tags = gate.store_tags();
        let store = PagedStore::open(LocalMemory::new(), tags, Sizes::default(), NOW).unwrap();
        let filter = Filter::new(Policy::parse(POLICY.as_bytes()).unwrap(), gate, 1);
        Self { filter, keys: [record].into_iter().collect(), store, text, asked: vec![] }
    }

    fn begin(&self, length: usize) -> Step {
        let length = length.to_string();
        let fields = [
            ("content-length", length.as_str()),
            ("content-type", "image/png"),
            ("x-api-key", &self.text),
        ];
        let head = RequestHead {
            method: "POST",
            authority: "images.example",
            target: "/v1/cut-out",
            headers: &Headers::new(fields),
            peer: Peer::Unknown,
        };
        let mut cache = RejectionCache::new([0; 16]);
        self.filter.begin(NOW, [0; 16]).head(&head, &self.keys, &mut cache)
    }

    fn at_once(&self, body: &[u8], length: usize) -> Ended {
        let mut step = drive(self.begin(length), &self.store, NOW);
        for piece in body.chunks(7) {
            let Step::NeedsPrefix(prefix) = step else { break };
            step = drive(prefix.chunk(piece), &self.store, NOW);
        }
        match step {
            Step::NeedsPrefix(prefix) => refused(&prefix.end()),
            Step::Reject(why) => refused(&why),
            Step::Release(release) => released(&release),
            Step::NeedsAnswer(_) => unreachable!(),
        }
    }

    fn late(&mut self, body: &[u8], length: usize, hurry: bool) -> Ended {
        let mut pieces = body.chunks(7);
        let mut next = Deferred::begin(self.begin(length));
        loop {
            next = match next {
                Next::Body(deferred) if hurry && deferred.has_a_question() => deferred.ask_now(),
                Next::Body(deferred) => match pieces.next() {
                    Some(piece) => deferred.chunk(piece),
                    None => deferred.end(),
                },
                Next::Ask(asking) => {
                    let answers = self.ask(asking.lookups());
                    asking.answer(answers)
                }
                Next::Release(release, held) => {
                    let shown = held.len() + pieces.len();
                    assert_eq!(
                        shown,
                        body.chunks(7).len(),
                        "every piece is held, or not yet shown"
                    );
                    return released(&release);
                }
                Next::Reject(why) => return refused(&why),
            }
        }
    }

    fn ask(&mut self, lookups: &[Lookup]) -> Vec<Answer> {
        self.asked.push(lookups.len());
        let mut answers = Vec::new();
        for lookup in lookups {
            answers.push(self.store.resolve(lookup, NOW));
            if !matches!(answers.last(), Some(Answer::Granted(_))) {
                break;
            }
        }
        answers
    }
}

fn refused(refused: &Refused) -> Ended {
    (refused.event().to_json(), vec![format!("{:?}", refused.reply())])
}

fn released(release: &Release) -> Ended {
    let fields = release.fields.of(200).map(|(name, value)| format!("{name}: {value}"));
    (release.tail.findings().released().to_json(), fields.collect())
}

/// The head of a PNG of this size; what is behind it does not come.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let crc = crc32fast::hash(&chunk).to_be_bytes();
    [b"\x89PNG\r\n\x1a\n\0\0\0\r".as_slice(), &chunk, &crc, b"\0\0\0\x05IDAT"].concat()
}

/// What is sent one after the other to a gate that asks late, and to another that asks at once.
fn check(bodies: &[Vec<u8>], hurry: bool, asked: &[usize]) {
    let (mut late, at_once) = (Gate::new(), Gate::new());
    for (n, body) in bodies.iter().enumerate() {
        let length = 200;
        assert_eq!(late.late(body, length, hurry), at_once.at_once(body, length), "request {n}");
    }
    assert_eq!(late.asked, asked);
}

#[test]
fn an_image_is_asked_about_once() {
    check(&[png(4, 5)], false, &[2]);
}

#[test]
fn requests_over_a_quota_are_refused_and_take_nothing() {
    let small = || png(4, 5);
    check(&[small(), small(), small(), small(), small()], false, &[2, 2, 2, 2, 2]);
    // The pixels of the second do not suffice, and its request is charged all the same.
    let large = || png(1000, 800);
    check(&[large(), large(), small(), small()], false, &[2, 2, 2, 2]);
}

#[test]
fn a_bad_prefix_is_asked_about_no_further_than_its_head() {
    let bad = || b"this is no image at all, though it says so".to_vec();
    // The fourth is over its quota, and that hides what is wrong with its prefix.
    check(&[bad(), png(9000, 9), bad(), bad(), png(4, 5)], false, &[1, 1, 1, 1, 2]);
}

#[test]
fn a_body_that_ends_too_soon_is_charged_for_its_head() {
    let cut = || png(4, 5)[..20].to_vec();
    check(&[cut(), cut(), cut(), cut()], false, &[1, 1, 1, 1]);
}

#[test]
fn whoever_is_slow_is_asked_about_at_once() {
    check(&[png(4, 5), png(4, 5), png(4, 5), png(4, 5)], true, &[1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_store_that_does_not_answer_is_unavailable() {
    let gate = Gate::new();
    let mut next = Deferred::begin(gate.begin(200));
    let mut pieces = [png(4, 5)].into_iter();
    loop {
        next = match next {
            Next::Body(deferred) => deferred.chunk(pieces.next().unwrap()),
            Next::Ask(asking) => asking.answer(vec![]),
            Next::Reject(refused) => {
                assert_eq!(refused.rejection().code(), "store-unavailable");
                break;
            }
            Next::Release(..) => panic!("released without an answer"),
        }
    }
}
