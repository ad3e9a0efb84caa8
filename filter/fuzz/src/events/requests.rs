//! Requests in flight, each compared with the same request in one piece at a gate without memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use filter::key::{KeyRing as _, Standing};
use filter::permit::{self, Claims, Credential};
use filter::policy::{BodyRule, ImageLimits, Mode, Route};
use filter::quota::Charge;
use filter::store::{Answer, Lookup, Store};
use filter::{
    Clock, Filter, KeyRecord, Keys, NeedsPrefix, Rejection, RejectionCache, Step, Tail, drive,
};

use super::Verdict;
use super::store::Host;
use crate::AnyHead;
use crate::gate::{GATE, POLICY};

const IN_FLIGHT: usize = 4;
const SEED: [u8; 16] = [9; 16];

/// The gate as it is now.
pub(super) struct Gate {
    pub(super) records: Vec<KeyRecord>,
    keys: Arc<Keys>,
    filter: Filter,
    epoch: u64,
    cache: RejectionCache,
    /// Whether the node has called a body malformed in this epoch.
    told: bool,
}

impl Gate {
    pub(super) fn new(records: Vec<KeyRecord>) -> Self {
        let cache = RejectionCache::with_slots(GATE.cache_key(), 16);
        let keys = Arc::new(records.iter().cloned().collect());
        Self { records, keys, filter: filter(1), epoch: 1, cache, told: false }
    }

    pub(super) fn publish(&mut self, records: Vec<KeyRecord>) {
        self.keys = Arc::new(records.iter().cloned().collect());
        self.records = records;
        self.epoch += 1;
        self.filter = filter(self.epoch);
        self.told = false;
    }
}

fn filter(epoch: u64) -> Filter {
    Filter::new(POLICY.clone(), GATE.clone(), epoch)
}

#[derive(Default)]
pub(super) struct Requests<'a> {
    running: [Option<Running<'a>>; IN_FLIGHT],
    next: usize,
    newest: Option<(Box<AnyHead<'a>>, Vec<u8>)>,
}

/// A request, and what it takes to judge it again.
struct Request<'a> {
    head: Box<AnyHead<'a>>,
    body: Vec<u8>,
    filter: Filter,
    keys: Arc<Keys>,
    clock: Clock,
    /// What the store was asked and said.
    answers: VecDeque<(Lookup, Answer)>,
}

/// A request whose head passed.
struct Running<'a> {
    request: Request<'a>,
    arrived: usize,
    state: State,
}

enum State {
    Prefix(Box<NeedsPrefix>),
    Tail(Box<Claims>, Box<Tail>),
}

/// How a request ended.
#[derive(Debug, PartialEq)]
enum Outcome {
    Passed(Box<Claims>),
    Refused(&'static str),
}

impl From<&Rejection> for Outcome {
    fn from(rejection: &Rejection) -> Self {
        Self::Refused(rejection.reason())
    }
}

impl<'a> Requests<'a> {
    /// A head arrives; it takes the place of the oldest request.
    pub(super) fn begin(
        &mut self,
        head: AnyHead<'a>,
        body: Vec<u8>,
        gate: &mut Gate,
        host: &Host,
        clock: Clock,
    ) {
        self.newest = Some((Box::new(head), body));
        self.resend(gate, host, clock);
    }

    /// The newest head arrives, perhaps once more.
    pub(super) fn resend(&mut self, gate: &mut Gate, host: &Host, clock: Clock) {
        let Some((head, body)) = self.newest.clone() else { return };
        let (filter, keys) = (gate.filter.clone(), gate.keys.clone());
        host.take_log();
        let step = filter.begin(clock, SEED).head(&head.as_head(), &keys, &mut gate.cache);
        let step = drive(step, host, clock);
        let answers = host.take_log();
        let request = Request { head, body, filter, keys, clock, answers };
        match step {
            Step::NeedsPrefix(prefix) => {
                let state = State::Prefix(Box::new(prefix));
                self.running[self.next % IN_FLIGHT] = Some(Running { request, arrived: 0, state });
                self.next += 1;
            }
            Step::Reject(refused) => match refused.rejection() {
                Rejection::Remembered(_) => assert!(gate.told, "nobody said so"),
                rejection => request.assert_same_in_one_piece(0, &rejection.into()),
            },
            Step::Release(_) => panic!("released without a body"),
            Step::NeedsAnswer(_) => unreachable!("the store answers everything"),
        }
        assert_eq!(gate.cache.counters().false_rejections, 0);
    }

    /// The next bytes of a body arrive.
    pub(super) fn chunk(&mut self, request: u8, len: usize, host: &Host, clock: Clock) {
        let place = &mut self.running[usize::from(request) % IN_FLIGHT];
        let Some(Running { mut request, arrived, state }) = place.take() else { return };
        let left = &request.body[arrived..];
        let chunk = &left[..left.len().min(len)];
        let now_arrived = arrived + chunk.len();
        host.take_log();
        let state = advance(state, chunk, host, clock);
        request.answers.extend(host.take_log());
        match state {
            Ok(state) => {
                if let State::Tail(claims, _) = &state {
                    let whole = now_arrived as u64 == claims.content_length;
                    assert!(whole || route(claims).body == BodyRule::Stream, "not held back");
                }
                *place = Some(Running { request, arrived: now_arrived, state });
            }
            Err(outcome) => request.assert_same_in_one_piece(now_arrived, &outcome),
        }
    }

    /// A body ends, perhaps early; the node answers what was let through.
    pub(super) fn end(
        &mut self,
        request: u8,
        verdict: Verdict,
        gate: &mut Gate,
        host: &Host,
        clock: Clock,
    ) {
        let running = self.running[usize::from(request) % IN_FLIGHT].take();
        let Some(Running { request, arrived, state }) = running else { return };
        match end(state) {
            Err(outcome) => request.assert_same_in_one_piece(arrived, &outcome),
            Ok((claims, tail)) => {
                request.assert_bound(&claims);
                let body = &request.body[..arrived];
                assert_accepted_by_node(body, &claims);
                let malformed = format!("{} image-malformed", permit::VERDICT_MALFORMED);
                let verdict = match verdict {
                    Verdict::None => "",
                    Verdict::Refund => permit::VERDICT_REFUND,
                    Verdict::Malformed => &malformed,
                };
                gate.told |= claims.epoch == gate.epoch && verdict == malformed;
                tail.settle(verdict, host, &mut gate.cache, clock);
                request.assert_same_in_one_piece(arrived, &Outcome::Passed(claims));
            }
        }
    }
}

impl Request<'_> {
    /// Where a body is cut makes no difference, and neither does what a gate remembers.
    fn assert_same_in_one_piece(&self, arrived: usize, cut: &Outcome) {
        let script = Script(RefCell::new(self.answers.clone()));
        let mut no_cache = RejectionCache::with_slots([0; 16], 0);
        let head = self.head.as_head();
        let step = self.filter.begin(self.clock, SEED).head(&head, &self.keys, &mut no_cache);
        let body = &self.body[..arrived];
        let whole = match drive(step, &script, self.clock) {
            Step::NeedsPrefix(prefix) if arrived > 0 => {
                let state = State::Prefix(Box::new(prefix));
                advance(state, body, &script, self.clock).and_then(end)
            }
            Step::NeedsPrefix(prefix) => end(State::Prefix(Box::new(prefix))),
            Step::Reject(refused) => Err(refused.rejection().into()),
            Step::Release(_) | Step::NeedsAnswer(_) => panic!("not another step"),
        };
        let whole = whole.map_or_else(|outcome| outcome, |(claims, _)| Outcome::Passed(claims));
        assert_eq!(whole, *cut, "another verdict for the same bytes");
    }

    /// A permit says what was judged and nothing else.
    fn assert_bound(&self, claims: &Claims) {
        assert_eq!((&*claims.method, &claims.target), (self.head.method, &self.head.target));
        assert_eq!(claims.issued_at, self.clock.unix.0);
        if let Credential::Key(id) = &claims.credential {
            let record = self.keys.find(id).ok().flatten().expect("a key that is known");
            assert_eq!(record.standing(self.clock.unix), Standing::Valid);
            assert_eq!((&record.principal, &record.tier), (&claims.principal, &claims.tier));
        }
        let key = &GATE.permit_key;
        // A Content-Type of several kilobytes does not fit.
        if let Ok(sealed) = key.seal(claims.clone()) {
            let opened = permit::open(&sealed, std::slice::from_ref(key), self.clock.unix);
            assert_eq!(opened, Ok(claims.clone()));
        }
    }
}

fn advance(state: State, chunk: &[u8], store: &impl Store, clock: Clock) -> Result<State, Outcome> {
    match state {
        State::Prefix(prefix) => match drive(prefix.chunk(chunk), store, clock) {
            Step::NeedsPrefix(prefix) => Ok(State::Prefix(Box::new(prefix))),
            Step::Release(release) => {
                let claims = Box::new(release.permit.claims().clone());
                assert_within(&claims);
                Ok(State::Tail(claims, Box::new(release.tail)))
            }
            Step::Reject(refused) => Err(refused.rejection().into()),
            Step::NeedsAnswer(_) => unreachable!("the store answers everything"),
        },
        State::Tail(claims, mut tail) => {
            // A host that need not show the bytes may only count them.
            let judged = tail.chunk(chunk);
            judged.map_err(|rejection| Outcome::from(&rejection))?;
            Ok(State::Tail(claims, tail))
        }
    }
}

fn end(state: State) -> Result<(Box<Claims>, Box<Tail>), Outcome> {
    match state {
        State::Prefix(prefix) => Err(prefix.end().rejection().into()),
        State::Tail(claims, tail) => {
            tail.end().map_err(|rejection| Outcome::from(&rejection))?;
            Ok((claims, tail))
        }
    }
}

/// Nothing is released beyond the route's limits, or for nobody where that is not said.
fn assert_within(claims: &Claims) {
    let route = route(claims);
    let ImageLimits { max_width, max_height, max_pixels, max_frames, .. } = route.image;
    assert!(claims.width <= max_width && claims.height <= max_height);
    let frames = u64::from(claims.frames.unwrap_or(max_frames));
    let pixels = u64::from(claims.width) * u64::from(claims.height);
    assert!(pixels <= max_pixels && frames <= max_frames.into());
    assert_eq!(claims.cost_pixels, pixels * frames);
    if claims.content_type.starts_with("image/") {
        assert!(claims.content_length <= route.max_bytes);
    }
    if route.mode == Mode::Enforce {
        assert_eq!(claims.mode, Mode::Enforce);
        assert!(claims.reported.is_empty());
        assert!(claims.credential != Credential::Unverified, "released for nobody");
        assert!(route.scopes.iter().all(|scope| claims.scopes.contains(scope)));
    } else if claims.credential == Credential::Unverified {
        assert!(!claims.reported.is_empty() && claims.mode == Mode::Report);
    }
}

/// The node judges the whole body by the same rules as its gate.
fn assert_accepted_by_node(body: &[u8], claims: &Claims) {
    match filter::body::inspect(body, claims, route(claims)) {
        Ok(clean) => assert_eq!(clean.dimensions(), (claims.width, claims.height)),
        Err(rejection) => panic!("the node refuses what its gate let through: {rejection:?}"),
    }
}

fn route(claims: &Claims) -> &'static Route {
    let path = claims.target.split('?').next().unwrap_or_default();
    POLICY.route(&claims.method, path).expect("a released route")
}

/// A store that says again what was said.
struct Script(RefCell<VecDeque<(Lookup, Answer)>>);

impl Store for Script {
    fn resolve(&self, lookup: &Lookup, _: Clock) -> Answer {
        let (asked, answer) = self.0.borrow_mut().pop_front().expect("asked more than before");
        assert_eq!(*lookup, asked, "another question");
        answer
    }

    fn refund(&self, _: &[Charge], _: Clock) {}
}
