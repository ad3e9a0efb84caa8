//! One request: callbacks in, actions out.

use std::rc::Rc;

use filter::checks::credential;
use filter::rejection::problem;
use filter::{
    Filter, NeedsPrefix, Permit, PermitId, Rejection, Reply, RequestHead, Step, Tail, permit,
};
use http::StatusCode;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType, Status};

use crate::host;
use crate::policies::Policies;

/// The fields that are the gate's own, in both directions.
const OWN_PREFIX: &str = "lunette-";

pub(crate) struct Stream {
    policies: Rc<Policies>,
    id: PermitId,
    state: State,
}

enum State {
    /// The head has not come yet.
    Start,
    /// Head and prefix are held by the host; `seen` bytes of what it holds were judged.
    Prefix { prefix: Box<NeedsPrefix>, filter: Box<Filter>, seen: usize },
    /// The head has gone on; the rest is judged as it passes.
    Tail(Tail),
    /// Answered here.
    Answered,
}

/// Why a request does not go on.
enum Stop {
    /// A check failed.
    Rejected(Box<Rejection>),
    /// No policy was published, or it cannot be read.
    NoPolicy,
    /// A call of the host failed.
    Host,
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(rejection))
    }
}

impl From<Status> for Stop {
    fn from(_: Status) -> Self {
        Self::Host
    }
}

impl Stream {
    pub(crate) fn new(policies: Rc<Policies>) -> Self {
        Self { policies, id: PermitId([0; 16]), state: State::Start }
    }

    fn head(&mut self, end_of_stream: bool) -> Result<Action, Stop> {
        let seed = host::seed()?;
        self.id = PermitId(seed);
        let filter = self.policies.filter().map_err(|_| Stop::NoPolicy)?;
        let head = host::request_head()?.ok_or(Stop::Host)?;
        let head = RequestHead {
            method: &head.method,
            target: &head.target,
            headers: &head.headers,
            client: head.client,
        };
        match filter.begin(host::now()?, seed).head(&head, &*self.policies) {
            Step::NeedsPrefix(prefix) if end_of_stream => Err(prefix.end().into()),
            Step::NeedsPrefix(prefix) => {
                let (prefix, filter) = (Box::new(prefix), Box::new(filter));
                self.state = State::Prefix { prefix, filter, seen: 0 };
                Ok(Action::Pause)
            }
            Step::Reject(rejection) => Err(rejection.into()),
            // No route takes a request without a body.
            Step::Release(_) => Err(Stop::Host),
        }
    }

    fn body(&mut self, size: usize, end_of_stream: bool) -> Result<Action, Stop> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Prefix { prefix, filter, seen } => {
                self.prefix(*prefix, *filter, seen, size, end_of_stream)
            }
            State::Tail(mut tail) => {
                // Only what is new is shown once the head has gone on.
                tail.chunk(size)?;
                if end_of_stream {
                    tail.end()?;
                }
                self.state = State::Tail(tail);
                Ok(Action::Continue)
            }
            State::Start => Err(Stop::Host),
            State::Answered => Ok(Action::Pause),
        }
    }

    fn prefix(
        &mut self,
        prefix: NeedsPrefix,
        filter: Filter,
        seen: usize,
        size: usize,
        end_of_stream: bool,
    ) -> Result<Action, Stop> {
        // A held body grows in the host's buffer: only its end is new.
        let new = size.saturating_sub(seen);
        let chunk = hostcalls::get_buffer(BufferType::HttpRequestBody, seen, new)?;
        let chunk = chunk.unwrap_or_default();
        if chunk.len() != new {
            return Err(Stop::Host);
        }
        match prefix.chunk(&chunk) {
            Step::NeedsPrefix(prefix) if end_of_stream => Err(prefix.end().into()),
            Step::NeedsPrefix(prefix) => {
                let (prefix, filter) = (Box::new(prefix), Box::new(filter));
                self.state = State::Prefix { prefix, filter, seen: size };
                Ok(Action::Pause)
            }
            Step::Release(release) => {
                if end_of_stream {
                    release.tail.end()?;
                }
                send_on(&filter, &release.permit)?;
                host::record_verdict("released", "released", self.id);
                self.state = State::Tail(release.tail);
                Ok(Action::Continue)
            }
            Step::Reject(rejection) => Err(rejection.into()),
        }
    }

    fn settle(&mut self, outcome: Result<Action, Stop>) -> Action {
        outcome.unwrap_or_else(|stop| {
            self.state = State::Answered;
            let (reply, code, reason) = stop.answer(self.id);
            host::record_verdict(code, reason, self.id);
            host::send(&reply);
            Action::Pause
        })
    }
}

impl Stop {
    /// The answer, its public code, and the reason for logs.
    fn answer(&self, id: PermitId) -> (Reply, &'static str, &'static str) {
        let unavailable = |code, detail, reason| {
            (problem(StatusCode::SERVICE_UNAVAILABLE, code, detail, id), code, reason)
        };
        match self {
            Self::Rejected(rejection) => {
                (rejection.reply(id), rejection.code(), rejection.reason())
            }
            Self::NoPolicy => {
                unavailable("policy-unavailable", "the gate has no policy", "policy-unavailable")
            }
            Self::Host => {
                unavailable("gate-unavailable", "the gate cannot judge now", "host-failed")
            }
        }
    }
}

/// Takes from the head what is not for the node, and adds the permit.
fn send_on(filter: &Filter, permit: &Permit) -> Result<(), Stop> {
    let seal = filter.gate().permit_key.seal(permit.claims().clone()).map_err(|_| Stop::Host)?;
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
        let Ok(names) = host::response_field_names() else { return Action::Continue };
        for name in names.iter().filter(|name| name.starts_with(OWN_PREFIX)) {
            // A field that cannot be removed stays; it carries no secret of the client's.
            let _ = hostcalls::remove_map_value(MapType::HttpResponseHeaders, name);
        }
        Action::Continue
    }
}
