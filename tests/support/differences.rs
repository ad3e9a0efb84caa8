//! What a host's own HTTP parser or platform forces to be different.

use crate::outcome::{Outcome, Upstream};
use crate::vectors::Vector;
use serde::Deserialize;

/// More are not taken: each is a promise less.
const MOST: usize = 12;

/// One difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What differs.
    pub name: String,
    /// Where.
    pub hosts: Vec<String>,
    /// The vectors, as `file: name`.
    vectors: Vec<String>,
    /// The statuses that may come instead, with any body. The upstream sees nothing, unless it is 200.
    status: Vec<u16>,
    /// Why.
    #[serde(rename = "why")]
    _why: String,
    /// Where the host's makers say so.
    documentation: String,
}

impl Row {
    /// Whether it is about this vector there.
    pub fn is_about(&self, host: &str, vector: &Vector) -> bool {
        let name = format!("{}: {}", vector.file, vector.name);
        self.hosts.iter().any(|known| known == host) && self.vectors.contains(&name)
    }

    /// Whether it allows what came of a request.
    pub fn allows(&self, outcome: &Outcome) -> bool {
        let seen = match &outcome.upstream {
            Upstream::Nothing => outcome.answer.status != 200,
            Upstream::Whole(_) => outcome.answer.status == 200,
            Upstream::Abort | Upstream::Refused => false,
        };
        seen && self.allows_status(outcome.answer.status)
    }

    /// Whether it allows an answer with this status.
    pub fn allows_status(&self, status: u16) -> bool {
        self.status.contains(&status)
    }
}

/// The table, `tests/conformance/differences.json`.
///
/// # Panics
/// If it is not what it should be.
pub fn rows() -> Vec<Row> {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../conformance/differences.json"))
        .expect("differences.json");
    assert!(rows.len() <= MOST, "{} differences", rows.len());
    let documented = rows.iter().all(|row| row.documentation.starts_with("https://"));
    assert!(documented, "each names its host's documentation");
    rows
}
