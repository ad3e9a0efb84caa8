//! Whether a host did with a request what its vector says and what the library does.

use conformance::client::Answer;
use conformance::outcome::{Outcome, Upstream};
use conformance::run::Sent;
use conformance::vectors::Vector;

use conformance::differences::Row;

/// Fields that a server or proxy adds to any answer.
const OF_SERVERS: [&str; 7] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "strict-transport-security",
    "transfer-encoding",
];

/// `None` if all is as it must be; the number of the row that says why it may differ.
///
/// # Errors
/// If it is neither.
pub(crate) fn compare(
    host: &str,
    vector: &Vector,
    sent: &Sent,
    ours: &Answer,
    rows: &[Row],
) -> Result<Option<usize>, String> {
    let outcome = &sent.outcome;
    let told = match outcome.upstream {
        // What the node answers, its gate released.
        Upstream::Refused | Upstream::Whole(_) => Ok(()),
        _ if outcome.verdict.is_some() => Ok(()),
        _ => Err(format!("{}: the host does not say why: {:?}", sent.at, outcome.answer)),
    };
    let same = sent.check(vector).and_then(|()| {
        let answer = same_answer(ours, outcome);
        answer.map_err(|error| format!("{}: {error}", sent.at))
    });
    let Err(error) = same.and(told) else { return Ok(None) };
    let row = rows.iter().position(|row| row.is_about(host, vector));
    match row {
        Some(row) if rows[row].allows(outcome) => Ok(Some(row)),
        Some(row) => Err(format!("{error}; and not {}: {outcome:?}", rows[row].name)),
        None => Err(error),
    }
}

/// Whether two answers are the same byte for byte, request id and time aside.
fn same_answer(ours: &Answer, outcome: &Outcome) -> Result<(), String> {
    let theirs = &outcome.answer;
    let differ = |what: &str| Err(format!("{what} differs: expected {ours:?}, got {theirs:?}"));
    if ours.status != theirs.status {
        return differ("the status");
    }
    for name in ours.headers.iter().map(|(name, _)| name) {
        let values = |answer: &Answer| -> Vec<String> {
            let fields = answer.headers.iter().filter(|(known, _)| known == name);
            fields.map(|(_, value)| value.clone()).collect()
        };
        let (ours, theirs) = (values(ours), values(theirs));
        // What is left of a quota grows from one question to the next; the vector says how much it is.
        let counted = ["ratelimit", "retry-after"].contains(&name.as_str());
        let plain =
            |values: &[String]| if counted { undigited(&values.concat()) } else { values.concat() };
        let same = ours.len() == theirs.len() && plain(&ours) == plain(&theirs);
        if !same && name != "x-request-id" {
            return differ(name);
        }
    }
    let more = theirs.headers.iter().map(|(name, _)| name.as_str());
    let mut more = more.filter(|name| ours.header(name).is_none() && !OF_SERVERS.contains(name));
    if let Some(more) = more.next() {
        return differ(more);
    }
    if plain(ours) == plain(theirs) { Ok(()) } else { differ("the body") }
}

/// A body without what makes it unlike any other: the id, and the times that what is stale is told.
fn plain(answer: &Answer) -> String {
    let id = answer.header("x-request-id").unwrap_or_default();
    let text = String::from_utf8_lossy(&answer.body).replace(id, "ID");
    let timed = ["signature-stale", "signature-before-start"];
    if timed.iter().any(|code| text.contains(code)) || answer.header("retry-after").is_some() {
        return undigited(&text);
    }
    text
}

fn undigited(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "")
}
