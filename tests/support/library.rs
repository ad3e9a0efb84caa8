//! The filter as a library: the judgement without Wasm, HTTP or a clock that runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use filter::quota::Charge;
use filter::store::{Answer as StoreAnswer, LocalMemory, Lookup, PagedStore, Store};
use filter::{
    Claims, Clock, Filter, GateIdentity, Headers, Keys, Peer, Policy, Rejection, RejectionCache,
    Reply, RequestHead, Step, UnixMillis, drive,
};

use crate::client::Answer;
use crate::outcome::{Outcome, Received, Upstream};
use crate::run::Host;
use crate::vectors::{self, HOST, Moment, Request, Stage};
use crate::{gate, keys};

/// When the tests begin.
pub const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
/// How long the memory has existed then, in milliseconds.
const AGE: u64 = 3_600_000;

/// Filters by the policies of the vectors, and the keys of the vectors.
pub struct Filters {
    gate: Arc<GateIdentity>,
    keys: Arc<Keys>,
    known: BTreeMap<String, Filter>,
}

impl Default for Filters {
    fn default() -> Self {
        Self::at(NOW)
    }
}

impl Filters {
    /// The keys as they are `now`.
    pub fn at(now: UnixMillis) -> Self {
        let keys: Keys = keys::records(now).into_iter().collect();
        let keys = keys::revoked_tokens().into_iter().fold(keys, Keys::with_revoked);
        let gate = Arc::new(keys::identity(gate::NAME));
        Self { gate, keys: Arc::new(keys), known: BTreeMap::new() }
    }

    /// A library with an empty memory that judges by the policy called `policy`.
    ///
    /// # Panics
    /// If the policy is not right.
    pub fn under(&mut self, policy: &str, cut: Cut) -> Library {
        let filter = self.known.entry(policy.to_owned()).or_insert_with(|| {
            let parsed = Policy::parse(vectors::policy(policy).as_bytes());
            let parsed = parsed.unwrap_or_else(|error| panic!("{policy}.json: {error}"));
            Filter::new(parsed, Arc::clone(&self.gate), 1)
        });
        Library::new(filter.clone(), Arc::clone(&self.keys), cut)
    }
}

/// Where bodies are cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// Nowhere.
    Nowhere,
    /// Once, here.
    At(usize),
    /// Into pieces of this length.
    Every(usize),
}

impl Cut {
    /// So fine that it shows what decides: the beginning of the body, or the rest.
    pub fn finest(length: usize) -> Self {
        Self::Every(if length < 5_000 { 1 } else { 97 })
    }

    /// The pieces of a body.
    pub fn pieces(self, body: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Nowhere => vec![body],
            Self::At(at) => {
                let (left, right) = body.split_at(at.min(body.len()));
                vec![left, right]
            }
            Self::Every(length) => body.chunks(length.max(1)).collect(),
        }
    }
}

/// A filter, its memory and its clocks.
pub struct Library {
    filter: Filter,
    keys: Arc<Keys>,
    store: PagedStore<LocalMemory>,
    store_fails: bool,
    /// What it has refused before.
    pub cache: RejectionCache,
    /// What time it is.
    pub clock: Clock,
    /// How many bytes of the body of its last request it had looked at when it released or refused it.
    pub held: usize,
    cut: Cut,
    requests: u64,
}

/// The keys of the vectors, as they are when the tests begin.
pub fn keys_of_vectors() -> Keys {
    let keys: Keys = keys::records(NOW).into_iter().collect();
    keys::revoked_tokens().into_iter().fold(keys, Keys::with_revoked)
}

impl Library {
    /// A library with an empty memory.
    ///
    /// # Panics
    /// Never: a memory of this process can always be opened.
    pub fn new(filter: Filter, keys: Arc<Keys>, cut: Cut) -> Self {
        let clock = Clock::both(NOW.0 - AGE);
        let (store, cache) = memory(&filter, clock);
        let (clock, store_fails) = (Clock::both(NOW.0), false);
        Self { filter, keys, store, store_fails, cache, clock, held: 0, cut, requests: 0 }
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Judges by other keys and another policy from now on, as after a new epoch was published.
    pub fn publish(&mut self, filter: Filter, keys: Keys) {
        (self.filter, self.keys) = (filter, Arc::new(keys));
    }

    /// Sends a request, and answers for the upstream.
    pub fn inspect(&mut self, request: &Request, verdict: &str) -> Outcome {
        let outcome = self.inspect_pieces(request, &self.cut.pieces(&request.body), verdict);
        let fine = self.cut == Cut::finest(request.body.len());
        Outcome { decided_by: outcome.decided_by.filter(|_| fine), ..outcome }
    }

    /// What the permit of a request claims, made by a gate that sees no more of the body than it must;
    /// nothing if that is enough to refuse it.
    pub fn permit_unseen(&mut self, request: &Request) -> Option<Claims> {
        let mut step = self.begin(request);
        let mut bytes = request.body.chunks(1);
        loop {
            step = match step {
                Step::NeedsPrefix(prefix) => self.drive(prefix.chunk(bytes.next()?)),
                Step::Release(mut release) => {
                    release.tail.skip(bytes.len()).ok()?;
                    release.tail.end().ok()?;
                    return Some(release.permit.claims().clone());
                }
                Step::Reject(_) | Step::NeedsAnswer(_) => return None,
            };
        }
    }

    /// Sends a request whose body comes in these pieces.
    pub fn inspect_pieces(
        &mut self,
        request: &Request,
        pieces: &[&[u8]],
        verdict: &str,
    ) -> Outcome {
        let mut step = self.begin(request);
        let mut pieces = pieces.iter();
        self.held = 0;
        let mut decided_by = Stage::Head;
        loop {
            step = match step {
                Step::NeedsPrefix(prefix) => {
                    decided_by = Stage::Prefix;
                    if let Some(piece) = pieces.next() {
                        self.held += piece.len();
                        self.drive(prefix.chunk(piece))
                    } else {
                        Step::Reject(prefix.end())
                    }
                }
                Step::Release(mut release) => {
                    let event = Some(json(&release.tail.findings().released()));
                    let rest = pieces.try_for_each(|piece| release.tail.chunk(piece));
                    if let Err(late) = rest.and_then(|()| release.tail.end()) {
                        release.tail.remember(&late, &mut self.cache, self.clock);
                        let verdict = Some((late.code().to_owned(), late.reason().to_owned()));
                        let answer = answer(release.tail.reply(&late));
                        let upstream = Upstream::Abort;
                        let decided_by = Some(Stage::Tail);
                        return Outcome { answer, verdict, event, upstream, decided_by };
                    }
                    let claims = release.permit.claims().clone();
                    let received = Received { claims, request: None };
                    release.tail.settle(verdict, &self.store, &mut self.cache, self.clock);
                    let fields = release.fields.of(200);
                    let headers =
                        fields.map(|(name, value)| (name.to_string(), value.clone())).collect();
                    return Outcome {
                        answer: Answer { status: 200, headers, body: b"done".to_vec() },
                        verdict: Some(("released".to_owned(), "released".to_owned())),
                        event,
                        upstream: Upstream::Whole(Box::new(received)),
                        decided_by: None,
                    };
                }
                Step::Reject(refused) => {
                    refused.remember(&mut self.cache, self.clock);
                    let outcome = rejected(refused.rejection(), refused.reply(), &refused.event());
                    return Outcome { decided_by: Some(decided_by), ..outcome };
                }
                Step::NeedsAnswer(_) => unreachable!("every lookup was answered"),
            };
        }
    }

    fn begin(&mut self, request: &Request) -> Step {
        let headers = request.headers.iter();
        // One `Host` is the authority and no field, as every host has it.
        let hosts = request.values("host").count();
        let headers = headers.filter(|(name, _)| hosts != 1 || !name.eq_ignore_ascii_case("host"));
        let headers = Headers::new(headers.map(|(name, value)| (name.clone(), value.trim())));
        let head = RequestHead {
            method: &request.method,
            authority: if hosts == 0 { HOST } else { request.authority() },
            target: &request.target,
            headers: &headers,
            peer: Peer::Direct(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        };
        self.requests += 1;
        let mut seed = [7; 16];
        seed[8..].copy_from_slice(&self.requests.to_be_bytes());
        let step = self.filter.begin(self.clock, seed).head(&head, &self.keys, &mut self.cache);
        self.drive(step)
    }

    fn drive(&self, step: Step) -> Step {
        if self.store_fails {
            drive(step, &Broken, self.clock)
        } else {
            drive(step, &self.store, self.clock)
        }
    }
}

/// A store that cannot answer.
struct Broken;

impl Store for Broken {
    fn resolve(&self, _: &Lookup, _: Clock) -> StoreAnswer {
        StoreAnswer::Unavailable
    }

    fn refund(&self, _: &[Charge], _: Clock) {}
}

fn memory(filter: &Filter, clock: Clock) -> (PagedStore<LocalMemory>, RejectionCache) {
    let tags = filter.gate().store_tags();
    let store = PagedStore::open(LocalMemory::new(), tags, filter.policy().store_sizes(), clock);
    (store.expect("a memory of this process"), RejectionCache::new(filter.gate().cache_key()))
}

fn rejected(rejection: &Rejection, reply: Reply, event: &filter::event::Event) -> Outcome {
    Outcome {
        answer: answer(reply),
        verdict: Some((rejection.code().to_owned(), rejection.reason().to_owned())),
        event: Some(json(event)),
        upstream: Upstream::Nothing,
        decided_by: None,
    }
}

fn answer(reply: Reply) -> Answer {
    let headers = reply.headers.into_iter();
    Answer {
        status: reply.status.as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), value)).collect(),
        body: reply.body,
    }
}

fn json(event: &filter::event::Event) -> serde_json::Value {
    serde_json::from_str(&event.to_json()).expect("an event is JSON")
}

impl Host for Library {
    fn now(&self) -> Moment {
        Moment(self.clock.unix)
    }

    async fn send(&mut self, request: &Request, verdict: &str) -> Outcome {
        self.inspect(request, verdict)
    }

    fn pass(&mut self, seconds: u64, wall: i64) {
        let Clock { unix, steady } = self.clock;
        let unix = (unix.0 + seconds * 1000).saturating_add_signed(wall * 1000);
        self.clock = Clock { unix: UnixMillis(unix), steady: steady + seconds * 1000 };
    }

    fn restart(&mut self) {
        (self.store, self.cache) = memory(&self.filter, self.clock);
    }
    fn fail_store(&mut self, fails: bool) {
        self.store_fails = fails;
    }
}
