//! One request: callbacks in, actions out.

use std::rc::Rc;

use filter::checks::credential;
use filter::rejection::problem;
use filter::{
    Clock, GateIdentity, NeedsPrefix, Permit, PermitId, Refused, Rejection, RejectionCache,
    Release, Reply, RequestHead, Step, Tail, Unavailable, drive, permit,
};
use http::{HeaderName, StatusCode};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType, Status};

use crate::Plugin;
use crate::{clock, host};

/// The fields that are the gate's own, in both directions.
const OWN_PREFIX: &str = "lunette-";

pub(crate) struct Stream {
    plugin: Rc<Plugin>,
    id: PermitId,
    state: State,
    /// Header fields for the answer: how the client's quotas stand.
    fields: Vec<(HeaderName, String)>,
}

enum State {
    /// The head has not come yet.
    Start,
    /// Head and prefix are held by the host; `seen` bytes of what it holds were judged.
    Prefix { prefix: Box<NeedsPrefix>, seen: usize },
    /// The head has gone on; the rest is judged as it passes.
    Tail(Box<Tail>),
    /// Answered here.
    Answered,
}

/// Why a request does not go on.
enum Stop {
    /// A check failed.
    Refused(Box<Refused>),
    /// A check of the body failed once the head had gone on.
    Late(Box<Rejection>),
    /// No policy was published, or it cannot be read.
    NoPolicy,
    /// A call of the host failed.
    Host,
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Late(Box::new(rejection))
    }
}

/// The store cannot be opened.
impl From<Unavailable> for Stop {
    fn from(_: Unavailable) -> Self {
        Self::Host
    }
}

impl From<Status> for Stop {
    fn from(_: Status) -> Self {
        Self::Host
    }
}

impl Stream {
    pub(crate) fn new(plugin: Rc<Plugin>) -> Self {
        Self { plugin, id: PermitId([0; 16]), state: State::Start, fields: Vec::new() }
    }

    fn head(&mut self, end_of_stream: bool) -> Result<Action, Stop> {
        let seed = host::seed()?;
        self.id = PermitId(seed);
        let Plugin { policies, cache, metrics, .. } = &*self.plugin;
        let filter = policies.filter().map_err(|_| Stop::NoPolicy)?;
        let head = host::request_head()?.ok_or(Stop::Host)?;
        let head = RequestHead {
            method: &head.method,
            authority: &head.authority,
            target: &head.target,
            headers: &head.headers,
            peer: head.peer,
        };
        let clock = clock::clock()?;
        self.plugin.open_store(filter.policy(), clock)?;
        let mut cache = cache.try_borrow_mut().map_err(|_| Stop::Host)?;
        let step = filter.begin(clock, seed).head(&head, policies, &mut cache);
        metrics.tell(cache.counters());
        drop(cache);
        self.follow(step, clock, 0, end_of_stream)
    }

    fn body(&mut self, size: usize, end_of_stream: bool) -> Result<Action, Stop> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Prefix { prefix, seen } => {
                // A held body grows in the host's buffer: only its end is new.
                let chunk = host::request_body(seen, size.saturating_sub(seen))?;
                self.follow(prefix.chunk(&chunk), clock::clock()?, size, end_of_stream)
            }
            State::Tail(mut tail) => {
                let passed = pass(&mut tail, size, end_of_stream);
                if let Err(Stop::Late(rejection)) = &passed {
                    // The event said that the request was released; this one takes its place.
                    host::record_event(&tail.findings().rejected(rejection));
                    self.remember(|cache, clock| tail.remember(rejection, cache, clock));
                }
                passed?;
                self.state = State::Tail(tail);
                Ok(Action::Continue)
            }
            State::Start => Err(Stop::Host),
            State::Answered => Ok(Action::Pause),
        }
    }

    /// Does what the filter needs next, once `seen` bytes of what the host holds were judged.
    fn follow(
        &mut self,
        step: Step,
        clock: Clock,
        seen: usize,
        end_of_stream: bool,
    ) -> Result<Action, Stop> {
        match drive(step, self.plugin.store()?, clock) {
            Step::NeedsPrefix(prefix) if end_of_stream => Err(prefix.end().into()),
            Step::NeedsPrefix(prefix) => {
                self.state = State::Prefix { prefix: Box::new(prefix), seen };
                Ok(Action::Pause)
            }
            Step::Release(release) => {
                let Release { permit, fields, tail } = release;
                if end_of_stream {
                    tail.end()?;
                }
                send_on(self.plugin.policies.gate(), &permit)?;
                host::record_event(&tail.findings().released());
                host::record_verdict("released", "released", self.id);
                self.fields = fields;
                self.state = State::Tail(Box::new(tail));
                Ok(Action::Continue)
            }
            Step::Reject(refused) => Err(refused.into()),
            // Every lookup was answered.
            Step::NeedsAnswer(_) => Err(Stop::Host),
        }
    }

    fn settle(&mut self, outcome: Result<Action, Stop>) -> Action {
        outcome.unwrap_or_else(|stop| {
            self.state = State::Answered;
            if let Stop::Refused(refused) = &stop {
                host::record_event(&refused.event());
                if refused.knows_its_body() {
                    self.remember(|cache, clock| refused.remember(cache, clock));
                }
            }
            let (reply, code, reason) = stop.answer(self.id);
            host::record_verdict(code, reason, self.id);
            host::send(&reply);
            Action::Pause
        })
    }

    /// Remembers a body that would be refused again. What cannot be remembered now is judged again.
    fn remember(&self, what: impl FnOnce(&mut RejectionCache, Clock)) {
        if let Ok(clock) = clock::clock()
            && let Ok(mut cache) = self.plugin.cache.try_borrow_mut()
        {
            what(&mut cache, clock);
        }
    }

    /// Does what the node asks of its gate, once.
    fn heed(&mut self, verdict: &str) {
        let State::Tail(tail) = std::mem::replace(&mut self.state, State::Answered) else { return };
        // What cannot be given back now refills by itself.
        if let Ok(store) = self.plugin.store()
            && let Ok(clock) = clock::clock()
            && let Ok(mut cache) = self.plugin.cache.try_borrow_mut()
        {
            tail.settle(verdict, store, &mut cache, clock);
        }
    }
}

impl Stop {
    /// The answer, its public code, and the reason for logs.
    fn answer(&self, id: PermitId) -> (Reply, &'static str, &'static str) {
        let unavailable = |code, detail, reason| {
            (problem(StatusCode::SERVICE_UNAVAILABLE, code, detail, id), code, reason)
        };
        match self {
            Self::Refused(refused) => {
                let rejection = refused.rejection();
                (refused.reply(), rejection.code(), rejection.reason())
            }
            Self::Late(rejection) => (rejection.reply(id), rejection.code(), rejection.reason()),
            Self::NoPolicy => {
                unavailable("policy-unavailable", "the gate has no policy", "policy-unavailable")
            }
            Self::Host => {
                unavailable("gate-unavailable", "the gate cannot judge now", "host-failed")
            }
        }
    }
}

/// Judges more of a body whose head has gone on: only what is new is shown then.
fn pass(tail: &mut Tail, size: usize, end_of_stream: bool) -> Result<(), Stop> {
    tail.chunk(&host::request_body(0, size)?)?;
    if end_of_stream {
        tail.end()?;
    }
    Ok(())
}

/// Takes from the head what is not for the node, and adds the permit.
fn send_on(gate: &GateIdentity, permit: &Permit) -> Result<(), Stop> {
    let seal = gate.permit_key.seal(permit.claims().clone()).map_err(|_| Stop::Host)?;
    for (name, _) in hostcalls::get_map_bytes(MapType::HttpRequestHeaders)? {
        let own = name.starts_with(OWN_PREFIX) || name == "upgrade" || name == "x-request-id";
        if own || credential::FIELDS.contains(&name.as_str()) {
            hostcalls::remove_map_value(MapType::HttpRequestHeaders, &name)?;
        }
    }
    hostcalls::add_map_value(MapType::HttpRequestHeaders, permit::HEADER, &seal)?;
    Ok(())
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let outcome = self.head(end_of_stream);
        self.settle(outcome)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let outcome = self.body(size, end_of_stream);
        self.settle(outcome)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        // Trailers could add fields after the head was judged.
        self.settle(Err(Stop::Host))
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        let Ok(fields) = host::response_fields() else { return Action::Continue };
        for (name, value) in fields.iter().filter(|(name, _)| name.starts_with(OWN_PREFIX)) {
            if name == permit::VERDICT_HEADER {
                self.heed(&String::from_utf8_lossy(value));
            }
            // A field that cannot be removed stays; it carries no secret of the client's.
            let _ = hostcalls::remove_map_value(MapType::HttpResponseHeaders, name);
        }
        for (name, value) in &self.fields {
            let _ = hostcalls::add_map_value(MapType::HttpResponseHeaders, name.as_str(), value);
        }
        Action::Continue
    }
}
