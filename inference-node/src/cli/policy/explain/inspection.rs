//! The inspection of a described request, by the gate and by the node behind it.

use std::net::IpAddr;
use std::slice::Chunks;

use axum::body::to_bytes;
use axum::http::HeaderName;
use filter::findings::{CHECKS, Findings};
use filter::policy::{Dialect, Mode};
use filter::store::{LocalMemory, PagedStore};
use filter::{
    Claims, Clock, Filter, Keys, Refused, RejectionCache, Release, Reply, Step, address, body,
    drive, permit,
};

use super::request::Described;
use crate::api::error::ApiError;
use crate::api::permit::PermitError;
use crate::clock::random_id;

/// What the node judges once more, or alone.
const OF_THE_NODE: [&str; 2] = [NODE_PERMIT, NODE_BODY];
/// Whether the node takes the permit, if only the gate knew of a failure.
const NODE_PERMIT: &str = "node-permit";
/// Whether the whole body is the image that its header promises.
const NODE_BODY: &str = "node-body";
/// The gate's check that the body is as its head says.
const BODY: &str = "body";
/// How much of a body is shown at once, as a host would.
const PIECE: usize = 16 * 1024;

/// The node behind the gate, as far as its configuration matters here.
pub(super) struct Node {
    /// Whether requests are taken whose failed checks the gate only reported.
    pub(super) accept_report: bool,
}

/// What became of a request.
pub(super) struct Explained {
    /// Every check in order.
    pub(super) checks: Vec<Row>,
    /// Where the request comes from, as far as can be told.
    pub(super) client: Option<IpAddr>,
    pub(super) verdict: Verdict,
}

/// A check, and what came of it.
pub(super) struct Row {
    pub(super) check: &'static str,
    pub(super) outcome: Outcome,
}

/// What came of a check. The texts are for operators: they may say more than the client is told.
pub(super) enum Outcome {
    Passed,
    Refused(String),
    /// It failed, and in this mode the request goes on.
    Reported(String),
    NotReached,
}

/// How it ended.
pub(super) enum Verdict {
    /// It went on to the model.
    Released(Box<Released>),
    /// It was answered.
    Refused(Box<Refusal>),
    /// The head is good, and there is no body to judge.
    Undecided,
}

/// What a request went on with.
pub(super) struct Released {
    pub(super) claims: Claims,
    /// What the answer says of the client's quotas.
    pub(super) fields: Vec<(HeaderName, String)>,
}

/// How a request was answered.
pub(super) struct Refusal {
    /// Who answered: the gate or the node.
    pub(super) by: &'static str,
    /// The public code.
    pub(super) code: &'static str,
    /// The internal code of metrics and logs.
    pub(super) reason: &'static str,
    pub(super) reply: Reply,
}

impl Explained {
    /// Judges `described` at `clock`.
    pub(super) fn of(
        described: &Described,
        filter: &Filter,
        keys: &Keys,
        node: &Node,
        clock: Clock,
    ) -> Self {
        // Empty since long ago: a store that began only now could not know whether a signature that was
        // made before is a copy.
        let long_ago = Clock::both(0);
        let (tags, sizes) = (filter.gate().store_tags(), filter.policy().store_sizes());
        let store = PagedStore::open(LocalMemory::new(), tags, sizes, long_ago)
            .expect("the memory of this process is there");
        let mut cache = RejectionCache::new(filter.gate().cache_key());
        let head = described.head();
        let client = address::client(head.peer, head.headers, &filter.policy().trusted_proxies);
        let body = described.body.as_deref();
        let mut pieces = body.unwrap_or_default().chunks(PIECE);
        let inspection = filter.begin(clock, random_id().0).traced();
        let mut step = inspection.head(&head, keys, &mut cache);
        let (checks, verdict) = loop {
            step = match drive(step, &store, clock) {
                Step::Reject(refused) => break of_the_gate(&refused),
                Step::Release(release) => {
                    break let_go(release, pieces, body.unwrap_or_default(), filter, node);
                }
                Step::NeedsPrefix(waiting) => match pieces.next() {
                    Some(piece) => waiting.chunk(piece),
                    None if body.is_none() => {
                        break (rows(waiting.findings(), false), Verdict::Undecided);
                    }
                    None => Step::Reject(waiting.end()),
                },
                waiting @ Step::NeedsAnswer(_) => waiting,
            };
        };
        Self { checks, client: client.address, verdict }
    }

    /// Whether somebody refused the request.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Refused(_))
    }
}

type Ended = (Vec<Row>, Verdict);

fn of_the_gate(refused: &Refused) -> Ended {
    let rejection = refused.rejection();
    let (code, reason) = (rejection.code(), rejection.reason());
    let refusal = Refusal { by: "gate", code, reason, reply: refused.reply() };
    (rows(refused.findings(), true), Verdict::Refused(Box::new(refusal)))
}

/// The gate let go of the head: the rest of the body passes it, and then the node judges.
fn let_go(
    release: Release,
    mut rest: Chunks<'_, u8>,
    whole: &[u8],
    filter: &Filter,
    node: &Node,
) -> Ended {
    let Release { permit, fields, mut tail } = release;
    let mut rows = rows(tail.findings(), false);
    let claims = permit.claims();
    if let Err(rejection) = rest.try_for_each(|piece| tail.chunk(piece)).and_then(|()| tail.end()) {
        set(&mut rows, BODY, Outcome::Refused(rejection.to_string()));
        let (code, reason) = (rejection.code(), rejection.reason());
        let refusal = Refusal { by: "gate", code, reason, reply: tail.reply(&rejection) };
        return (rows, Verdict::Refused(Box::new(refusal)));
    }
    set(&mut rows, BODY, Outcome::Passed);
    for (check, judged) in
        [(NODE_PERMIT, node.takes(claims)), (NODE_BODY, node_inspects(whole, claims, filter))]
    {
        match judged {
            Ok(()) => set(&mut rows, check, Outcome::Passed),
            Err(error) => {
                set(&mut rows, check, Outcome::Refused(error.to_string()));
                return (
                    rows,
                    Verdict::Refused(Box::new(of_the_node(
                        &error,
                        claims,
                        tail.findings().dialect(),
                    ))),
                );
            }
        }
    }
    let released = Released { claims: claims.clone(), fields: fields.of(200).cloned().collect() };
    (rows, Verdict::Released(Box::new(released)))
}

impl Node {
    fn takes(&self, claims: &Claims) -> Result<(), ApiError> {
        let takes = claims.mode == Mode::Enforce || self.accept_report;
        if takes { Ok(()) } else { Err(PermitError::OnlyReported.into()) }
    }
}

fn node_inspects(whole: &[u8], claims: &Claims, filter: &Filter) -> Result<(), ApiError> {
    let path = claims.target.split('?').next().unwrap_or_default();
    let route = filter.policy().route(&claims.method, path).map_err(|_| ApiError::NoEndpoint)?;
    body::inspect(whole, claims, route)?;
    Ok(())
}

fn of_the_node(error: &ApiError, claims: &Claims, dialect: Dialect) -> Refusal {
    let (head, body) = error.reply(claims, dialect).into_parts();
    let body = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime that waits for nothing needs nothing")
        .block_on(to_bytes(body, usize::MAX))
        .expect("a problem is in memory");
    // What the node tells its gate does not reach the client.
    let fields = head.headers.iter().filter(|(name, _)| *name != permit::VERDICT_HEADER);
    let text =
        |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let reply = Reply {
        status: head.status,
        headers: fields.map(|(name, value)| (name.clone(), text(value))).collect(),
        body: body.into(),
    };
    let code = error.code();
    let reason = if let ApiError::Rejected(rejection) = error { rejection.reason() } else { code };
    Refusal { by: "node", code, reason, reply }
}

/// A row for every check: what the trace says, of which the last line of a refusal is the refusal.
fn rows(findings: &Findings, refused: bool) -> Vec<Row> {
    let trace = findings.trace();
    let outcome = |check: &str| {
        let Some(at) = trace.iter().position(|checked| checked.check == check) else {
            return Outcome::NotReached;
        };
        match &trace[at].outcome {
            Ok(()) => Outcome::Passed,
            Err(why) if refused && at + 1 == trace.len() => Outcome::Refused(why.clone()),
            Err(why) => Outcome::Reported(why.clone()),
        }
    };
    let checks = CHECKS.into_iter().chain(OF_THE_NODE);
    checks.map(|check| Row { check, outcome: outcome(check) }).collect()
}

fn set(rows: &mut [Row], check: &str, outcome: Outcome) {
    if let Some(row) = rows.iter_mut().find(|row| row.check == check) {
        row.outcome = outcome;
    }
}
