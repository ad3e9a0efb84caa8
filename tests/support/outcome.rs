//! What came of a request, and whether that is what must come of it. One comparison for all hosts.

use std::fmt;

use filter::checks::credential;
use filter::{Claims, permit};
use serde_json::Value;

use crate::client::Answer;
use crate::keys;
use crate::vectors::{Accepted, Expect, Rejection, Request, Stage};

/// What came of one request on one host.
#[derive(Debug)]
pub struct Outcome {
    /// What the client was told.
    pub answer: Answer,
    /// The code and the reason that the host learned, where it tells.
    pub verdict: Option<(String, String)>,
    /// The inspection event, where the host is told of it.
    pub event: Option<Value>,
    /// What the upstream got.
    pub upstream: Upstream,
    /// What decided it, where it was refused and the host can tell.
    pub decided_by: Option<Stage>,
}

/// What the upstream got of one request.
#[derive(Debug)]
pub enum Upstream {
    /// Nothing.
    Nothing,
    /// A head, and a body that never came to a clean end.
    Abort,
    /// A whole request, which it refused itself, undecoded.
    Refused,
    /// A whole request.
    Whole(Box<Received>),
}

/// A whole request that the upstream got.
#[derive(Debug)]
pub struct Received {
    /// What the permit says.
    pub claims: Claims,
    /// The request, on hosts that really send one.
    pub request: Option<Request>,
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Abort => f.write_str("an abort"),
            Self::Refused => f.write_str("a whole request, which it refused"),
            Self::Whole(received) => {
                let Claims { credential, mode, reported, .. } = &received.claims;
                write!(f, "a whole request of {credential:?}, {mode:?}, {reported:?}")
            }
        }
    }
}

/// Compares `outcome` with what `expect` says; the error says what differs. On hosts whose clock is
/// real, `elapsed` seconds may have passed since the vector began.
pub fn check(
    expect: &Expect,
    request: &Request,
    outcome: &Outcome,
    elapsed: u64,
) -> Result<(), String> {
    check_secrets(request, outcome)?;
    match expect {
        Expect::Accept(accepted) => check_accepted(accepted, request, outcome, elapsed),
        Expect::Reject(rejection) => check_rejected(rejection, outcome, elapsed),
    }
}

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Neither the client nor the audit is told of a credential.
fn check_secrets(request: &Request, outcome: &Outcome) -> Result<(), String> {
    let Outcome { answer, event, .. } = outcome;
    let told = format!("{:?}{}{event:?}", answer.headers, String::from_utf8_lossy(&answer.body));
    let credentials = request.headers.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        // A timestamp is no secret, and a key id is meant to be read.
        credential::FIELDS.contains(&&*name) && !name.ends_with("timestamp") && name != "x-key-id"
    });
    for (name, value) in credentials {
        // Behind `Bearer`, without a key's public id, and long enough not to be there by accident.
        let secret = value.trim().rsplit([' ', '_']).next().unwrap_or_default();
        require(secret.len() < 16 || !told.contains(secret), || format!("{name} is told: {told}"))?;
    }
    Ok(())
}

fn check_rejected(expected: &Rejection, outcome: &Outcome, elapsed: u64) -> Result<(), String> {
    let Outcome { answer, verdict, event, upstream, decided_by } = outcome;
    let unseen = match upstream {
        Upstream::Nothing => true,
        Upstream::Abort | Upstream::Refused => expected.stage == Stage::Tail,
        Upstream::Whole(_) => false,
    };
    require(unseen, || format!("expected {}, and the upstream got {upstream}", expected.code))?;
    require(decided_by.is_none_or(|stage| stage == expected.stage), || {
        format!(
            "expected it to be decided by the {:?}, and it was by the {decided_by:?}",
            expected.stage
        )
    })?;
    if expected.status == 204 {
        return check_answered(expected, outcome, elapsed);
    }
    let is_problem = answer.header("content-type") == Some("application/problem+json");
    require(is_problem, || format!("expected {}, got {answer:?}", expected.code))?;
    let problem = answer.problem();
    let code = problem["code"].as_str().unwrap_or_default();
    let expected_answer = (expected.status, expected.code.as_str());
    require((answer.status, code) == expected_answer, || {
        format!("expected {expected_answer:?}, got {problem} for {verdict:?}")
    })?;
    let right = problem["type"] == format!("urn:lunette:problem:{code}")
        && problem["status"] == expected.status
        && answer.header("cache-control") == Some("no-store")
        && answer.header("x-request-id") == problem["request_id"].as_str();
    require(right, || format!("not a whole problem: {answer:?}"))?;
    let detail = problem["detail"].as_str().unwrap_or_default();
    let told = expected.detail.as_ref().is_none_or(|part| detail.contains(part));
    require(told, || format!("expected {:?} in {detail:?}", expected.detail))?;
    check_part("problem", Some(&problem), expected.problem.as_ref())?;
    // Of what its upstream refuses, a host knows only that it released it.
    let judged = verdict.as_ref().filter(|_| !matches!(upstream, Upstream::Refused));
    if let Some((told_code, told_reason)) = judged {
        let right = told_code == code && told_reason == expected.reason();
        let expected = (code, expected.reason());
        require(right, || format!("expected {expected:?}, the host learned {verdict:?}"))?;
    }
    check_headers(answer, &expected.headers, &expected.absent, elapsed)?;
    check_part("event", event.as_ref(), expected.event.as_ref())
}

/// A question that the gate itself answers, and nothing is wrong with it.
fn check_answered(expected: &Rejection, outcome: &Outcome, elapsed: u64) -> Result<(), String> {
    let Outcome { answer, verdict, event, .. } = outcome;
    require(answer.status == 204 && answer.body.is_empty(), || {
        format!("expected an empty answer, got {answer:?}")
    })?;
    let learned = verdict.as_ref().is_none_or(|(code, _)| *code == expected.code);
    require(learned, || format!("expected {}, the host learned {verdict:?}", expected.code))?;
    check_headers(answer, &expected.headers, &expected.absent, elapsed)?;
    check_part("event", event.as_ref(), expected.event.as_ref())
}

fn check_accepted(
    expected: &Accepted,
    request: &Request,
    outcome: &Outcome,
    elapsed: u64,
) -> Result<(), String> {
    let Outcome { answer, event, upstream, verdict, .. } = outcome;
    require(answer.status == 200, || {
        let body = String::from_utf8_lossy(&answer.body);
        format!("expected to get through, got {body} for {verdict:?}")
    })?;
    let inner = answer.headers.iter().find(|(name, _)| name.starts_with("lunette-"));
    require(inner.is_none(), || format!("an inner field got out: {inner:?}"))?;
    let Upstream::Whole(received) = upstream else {
        return Err(format!("the upstream got {upstream}"));
    };
    let claims = &received.claims;
    let bound = (&claims.method, &claims.target) == (&request.method, &request.target)
        && claims.content_length == request.body.len() as u64;
    require(bound, || format!("a permit for another request: {claims:?}"))?;
    if let Some(seen) = &received.request {
        check_unchanged(request, seen)?;
    }
    check_headers(answer, &expected.headers, &expected.absent, elapsed)?;
    let claims = serde_json::to_value(claims).expect("claims serialise");
    check_part("permit", Some(&claims), expected.permit.as_ref())?;
    check_part("event", event.as_ref(), expected.event.as_ref())
}

/// The upstream got every byte, every field that is not the gate's business, and no credential.
fn check_unchanged(sent: &Request, seen: &Request) -> Result<(), String> {
    let line = |request: &Request| (request.method.clone(), request.target.clone());
    require(line(seen) == line(sent), || "the request line changed".to_owned())?;
    require(seen.body == sent.body, || "the body changed".to_owned())?;
    for (name, _) in &seen.headers {
        let own = name.starts_with("lunette-") && name != permit::HEADER;
        let credential = credential::FIELDS.contains(&name.as_str());
        require(!own && !credential, || format!("{name} got in"))?;
    }
    for (name, value) in &sent.headers {
        let name = name.to_ascii_lowercase();
        let stripped = name.starts_with("lunette-")
            // A Worker's request is for the node, whose name it bears.
            || ["upgrade", "x-request-id", "connection", "host"].contains(&name.as_str())
            || credential::FIELDS.contains(&name.as_str())
            // To say that there is no body, and to say nothing, is the same.
            || (name == "content-length" && value == "0");
        // Lines of one field may have been joined.
        let seen: Vec<_> =
            seen.values(&name).flat_map(|seen| seen.split(',').map(str::trim)).collect();
        let arrived = value.split(',').all(|part| seen.contains(&part.trim()));
        require(stripped || arrived, || format!("{name} was lost or changed"))?;
    }
    Ok(())
}

fn check_headers(
    answer: &Answer,
    present: &[(String, String)],
    absent: &[String],
    elapsed: u64,
) -> Result<(), String> {
    for (name, expected) in present {
        let got = answer.header(name);
        let same = |got| expected == "present" || is_same(name, expected, got, elapsed);
        require(got.is_some_and(same), || format!("expected {name}: {expected}, got {got:?}"))?;
    }
    for name in absent {
        let got = answer.header(name);
        require(got.is_none(), || format!("expected no {name}, got {got:?}"))?;
    }
    Ok(())
}

/// Whether a field says what is expected. Where seconds are counted down, a host whose clock is real
/// may have counted down those that passed.
fn is_same(name: &str, expected: &str, got: &str, elapsed: u64) -> bool {
    let counted = |expected: &str, got: &str| {
        let number = |text: &str| text.parse::<u64>().ok();
        match (number(expected), number(got)) {
            (Some(expected), Some(got)) => {
                (expected.saturating_sub(elapsed)..=expected).contains(&got)
            }
            _ => false,
        }
    };
    if expected == got {
        return true;
    }
    match name {
        "retry-after" => counted(expected, got),
        "ratelimit" => {
            let parts = |text: &str| -> Vec<String> {
                // `"a";r=1;t=30, "b"` is cut into `"a";r=1`, `30` and `, "b"`.
                let (first, rest) = text.split_once(";t=").unwrap_or((text, ""));
                let digits = |rest: &str| rest.find(',').unwrap_or(rest.len());
                let rest = rest.split(";t=").flat_map(|rest| {
                    let (number, rest) = rest.split_at(digits(rest));
                    [number.to_owned(), rest.to_owned()]
                });
                [first.to_owned()].into_iter().chain(rest).collect()
            };
            let (expected, got) = (parts(expected), parts(got));
            let mut pairs = expected.iter().zip(&got);
            let same =
                |(expected, got): (&String, &String)| expected == got || counted(expected, got);
            expected.len() == got.len() && pairs.all(same)
        }
        _ => false,
    }
}

/// Whether a JSON document has the members that are expected of it, where the host has it.
fn check_part(what: &str, got: Option<&Value>, expected: Option<&Value>) -> Result<(), String> {
    let (Some(got), Some(expected)) = (got, expected) else { return Ok(()) };
    require(contains(got, expected), || format!("the {what} should have {expected}, and is {got}"))
}

fn contains(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Object(got), Value::Object(expected)) => {
            // A member that is left out is null.
            let member = |name: &String| got.get(name).unwrap_or(&Value::Null);
            let has = |(name, expected)| contains(member(name), expected);
            expected.iter().all(has)
        }
        (Value::Array(got), Value::Array(expected)) => {
            let pairs = || got.iter().zip(expected);
            got.len() == expected.len() && pairs().all(|(got, expected)| contains(got, expected))
        }
        (Value::String(got), Value::String(expected)) => *got == id(expected),
        (got, expected) => got == expected,
    }
}

/// `{id:NAME}` stands for the id of that key.
fn id(text: &str) -> String {
    let name = text.strip_prefix("{id:").and_then(|rest| rest.strip_suffix('}'));
    name.map_or_else(|| text.to_owned(), |name| keys::id(name).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_seconds_that_passed_may_be_missing() {
        let policy = r#""a";r=1;t=30, "b";r=0;t=1200"#;
        assert!(is_same("ratelimit", policy, policy, 0));
        assert!(is_same("ratelimit", policy, r#""a";r=1;t=29, "b";r=0;t=1199"#, 1));
        assert!(!is_same("ratelimit", policy, r#""a";r=1;t=29, "b";r=0;t=1199"#, 0));
        assert!(!is_same("ratelimit", policy, r#""a";r=1;t=31, "b";r=0;t=1200"#, 1));
        assert!(!is_same("ratelimit", policy, r#""a";r=2;t=30, "b";r=0;t=1200"#, 1));
        assert!(!is_same("ratelimit", policy, r#""a";r=1;t=30"#, 1));
        assert!(is_same("retry-after", "60", "59", 1));
        assert!(!is_same("retry-after", "60", "58", 1));
        assert!(!is_same("allow", "60", "59", 1));
    }

    #[test]
    fn a_part_of_a_document_is_compared_deeply() {
        let got = json!({ "a": { "b": [1, { "c": 2, "d": 3 }] }, "e": null });
        assert!(contains(&got, &json!({ "a": { "b": [1, { "c": 2 }] } })));
        assert!(!contains(&got, &json!({ "a": { "b": [1] } })));
        assert!(!contains(&got, &json!({ "f": 0 })));
        assert!(contains(&got, &json!({ "f": null })), "a member that is left out is null");
        assert!(contains(&got, &json!({ "e": null })));
    }
}
