//! One request: callbacks in, actions out.

use std::rc::Rc;

use filter::checks::credential;
use filter::event::Event;
use filter::policy::Dialect;
use filter::rejection::Fault;
use filter::verdict::AnswerFields;
use filter::{
    Clock, GateIdentity, NeedsPrefix, Permit, PermitId, Refused, Rejection, RejectionCache,
    Release, Reply, RequestHead, Step, Tail, Unavailable, drive, permit,
};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType, Status};

use crate::Plugin;
use crate::policies::NoPolicy;
use crate::{clock, host, waiting};

/// The fields of a request that are the gate's own.
const OWN_PREFIX: &str = "lunette-";

pub(crate) struct Stream {
    plugin: Rc<Plugin>,
    /// What the host calls this stream.
    context: u32,
    id: PermitId,
    state: State,
    /// The API whose errors a late refusal carries.
    dialect: Dialect,
    /// Whether a refusal waits for the body.
    waits: bool,
    /// Fields of the head that are not for the node.
    withheld: Vec<String>,
    /// Header fields for the node's answer.
    fields: AnswerFields,
}

enum State {
    /// The head has not come yet.
    Start,
    /// Head and prefix are held by the host; `seen` bytes of what it holds were judged.
    Prefix { prefix: Box<NeedsPrefix>, seen: usize },
    /// The head has gone on; the rest is judged as it passes.
    Tail(Box<Tail>),
    /// Refused; the answer is with those that wait, until the body is here or it is time.
    Refused,
    /// Answered here.
    Answered,
}

/// Why a request does not go on.
enum Stop {
    /// A check failed.
    Refused(Box<Refused>),
    /// A check of the body failed once the head had gone on.
    Late(Box<Rejection>),
    /// There is no policy to judge by.
    NoPolicy(NoPolicy),
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

impl From<NoPolicy> for Stop {
    fn from(why: NoPolicy) -> Self {
        Self::NoPolicy(why)
    }
}

/// The store cannot be opened, or there are no random bytes.
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
    pub(crate) fn new(plugin: Rc<Plugin>, context: u32) -> Self {
        let (withheld, fields) = (Vec::new(), AnswerFields::default());
        let (id, state, dialect) = (PermitId([0; 16]), State::Start, Dialect::default());
        Self { plugin, context, id, state, dialect, waits: false, withheld, fields }
    }

    fn head(&mut self, end_of_stream: bool) -> Result<Action, Stop> {
        self.id = self.plugin.id()?;
        let Plugin { policies, cache, metrics, .. } = &*self.plugin;
        let clock = clock::clock()?;
        let filter = policies.filter(clock)?;
        let head = host::request_head()?.ok_or(Stop::Host)?;
        let names = head.headers.iter().map(|(name, _)| name);
        self.withheld = names.filter(|name| is_withheld(name)).map(str::to_owned).collect();
        let head = RequestHead {
            method: &head.method,
            authority: &head.authority,
            target: &head.target,
            headers: &head.headers,
            peer: head.peer,
        };
        self.plugin.open_store(filter.policy(), clock)?;
        let mut cache = cache.try_borrow_mut().map_err(|_| Stop::Host)?;
        let step = filter.begin(clock, self.id.0).head(&head, policies, &mut cache);
        metrics.tell(cache.counters());
        drop(cache);
        let outcome = self.follow(step, Some(clock), 0, end_of_stream);
        self.waits = outcome.is_err() && !end_of_stream && waiting::is_short(head.headers);
        outcome
    }

    fn body(&mut self, size: usize, end_of_stream: bool) -> Result<Action, Stop> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Prefix { prefix, seen } => {
                // A held body grows in the host's buffer: only its end is new.
                let chunk = host::request_body(seen, size.saturating_sub(seen))?;
                self.follow(prefix.chunk(&chunk), None, size, end_of_stream)
            }
            State::Tail(mut tail) => {
                let passed = pass(&mut tail, size, end_of_stream);
                if let Err(Stop::Late(rejection)) = &passed {
                    // The event said that the request was released; this one takes its place.
                    self.tell(|| tail.findings().rejected(rejection));
                    self.remember(|cache, clock| tail.remember(rejection, cache, clock));
                }
                passed?;
                self.state = State::Tail(tail);
                Ok(Action::Continue)
            }
            State::Refused => {
                self.state = State::Refused;
                if end_of_stream {
                    self.give();
                }
                Ok(Action::Pause)
            }
            State::Start => Err(Stop::Host),
            State::Answered => Ok(Action::Pause),
        }
    }

    /// Does what the filter needs next, once `seen` bytes of what the host holds were judged.
    fn follow(
        &mut self,
        mut step: Step,
        clock: Option<Clock>,
        seen: usize,
        end_of_stream: bool,
    ) -> Result<Action, Stop> {
        if matches!(step, Step::NeedsAnswer(_)) {
            // Only then, and once: each call of the host is a good part of what a request costs here.
            let clock = clock.map_or_else(clock::clock, Ok)?;
            step = drive(step, self.plugin.store()?, clock);
        }
        match step {
            Step::NeedsPrefix(prefix) if end_of_stream => Err(prefix.end().into()),
            Step::NeedsPrefix(prefix) => {
                self.state = State::Prefix { prefix: Box::new(prefix), seen };
                Ok(Action::Pause)
            }
            Step::Release(release) => {
                let Release { permit, fields, tail } = release;
                self.dialect = tail.findings().dialect();
                if end_of_stream {
                    tail.end()?;
                }
                send_on(self.plugin.policies.gate(), permit, &self.withheld)?;
                self.tell(|| tail.findings().released());
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
            // Some hosts show the filter its own answer again, which has them already.
            let fields = std::mem::take(&mut self.fields);
            if let Stop::Refused(refused) = &stop {
                self.tell(|| refused.event());
                if refused.knows_its_body() {
                    self.remember(|cache, clock| refused.remember(cache, clock));
                }
            }
            let (mut reply, code, reason) = stop.answer(self.id, self.dialect);
            fields.add_to(&mut reply);
            host::record_refusal(code, reason, self.id);
            self.answer(reply);
            Action::Pause
        })
    }

    /// Sends the answer, or has it wait for the body.
    fn answer(&mut self, reply: Reply) {
        let kept = match &self.plugin.waiting {
            Some(waiting) if self.waits && host::ends_connections() => {
                waiting.keep(self.context, reply)
            }
            _ => Err(reply),
        };
        match kept {
            Ok(()) => self.state = State::Refused,
            Err(reply) => host::send(&reply),
        }
    }

    /// Sends the answer that waited for the body, if it still does.
    fn give(&mut self) {
        self.state = State::Answered;
        let reply = self.plugin.waiting.as_ref().and_then(|waiting| waiting.take(self.context));
        reply.iter().for_each(host::send);
    }

    /// Tells the host of an event, if it wants to know.
    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.plugin.events {
            host::record_event(&event());
        }
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
    fn answer(&self, id: PermitId, dialect: Dialect) -> (Reply, &'static str, &'static str) {
        let fault = |fault: Fault, reason| (fault.reply(id), fault.code(), reason);
        match self {
            Self::Refused(refused) => {
                let rejection = refused.rejection();
                (refused.reply(), rejection.code(), rejection.reason())
            }
            Self::Late(rejection) => {
                (rejection.reply(id, dialect), rejection.code(), rejection.reason())
            }
            Self::NoPolicy(NoPolicy::Missing) => fault(Fault::NoPolicy, "policy-unavailable"),
            Self::NoPolicy(NoPolicy::Stale) => fault(Fault::StalePolicy, "policy-stale"),
            Self::Host => fault(Fault::Host, "host-failed"),
        }
    }
}

/// Judges more of a body whose head has gone on: only what is new is shown then.
fn pass(tail: &mut Tail, size: usize, end_of_stream: bool) -> Result<(), Stop> {
    if size > 0 {
        tail.chunk(&host::request_body(0, size)?)?;
    }
    if end_of_stream {
        tail.end()?;
    }
    Ok(())
}

/// Takes from the head what is not for the node, and adds the permit.
fn send_on(gate: &GateIdentity, permit: Permit, withheld: &[String]) -> Result<(), Stop> {
    let seal = gate.permit_key.seal(permit.into_claims()).map_err(|_| Stop::Host)?;
    for name in withheld {
        hostcalls::remove_map_value(MapType::HttpRequestHeaders, name)?;
    }
    hostcalls::add_map_value(MapType::HttpRequestHeaders, permit::HEADER, &seal)?;
    Ok(())
}

/// Whether a field of the request is the gate's own, or a credential.
fn is_withheld(name: &str) -> bool {
    let own = name.starts_with(OWN_PREFIX) || name == "upgrade" || name == "x-request-id";
    own || credential::FIELDS.contains(&name)
}

/// A client that has left takes its answer with it.
impl Drop for Stream {
    fn drop(&mut self) {
        if let (State::Refused, Some(waiting)) = (&self.state, &self.plugin.waiting) {
            waiting.take(self.context);
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let outcome = self.head(end_of_stream);
        let action = self.settle(outcome);
        self.waits = false;
        action
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let outcome = self.body(size, end_of_stream);
        self.settle(outcome)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        if let State::Refused = self.state {
            self.give();
            return Action::Pause;
        }
        // Trailers could add fields after the head was judged.
        self.settle(Err(Stop::Host))
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if matches!(self.state, State::Refused | State::Answered) {
            // Some hosts show the filter its own answer.
            return Action::Continue;
        }
        // The node tells its gate in this one field. Where it is not there, asking for it alone does not enter
        // the VM again, as reading the whole head does.
        if let Some(verdict) = host::response_field(permit::VERDICT_HEADER) {
            self.heed(&verdict);
            // A field that cannot be removed stays; it carries no secret of the client's.
            let _ =
                hostcalls::remove_map_value(MapType::HttpResponseHeaders, permit::VERDICT_HEADER);
        }
        if !self.fields.is_empty()
            && let Some(status) = host::response_status()
        {
            for (name, value) in self.fields.of(status) {
                let _ =
                    hostcalls::add_map_value(MapType::HttpResponseHeaders, name.as_str(), value);
            }
        }
        Action::Continue
    }
}
