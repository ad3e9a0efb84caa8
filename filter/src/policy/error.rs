//! Why a policy was refused.

/// Why a policy was refused: where, and what was expected there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("policy: {path}: {problem}")]
pub struct PolicyError {
    /// The field, as `routes[2].max_bytes`; `.` for the whole file.
    pub path: String,
    /// What is wrong with it and what was expected.
    pub problem: String,
}

impl PolicyError {
    pub(super) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Refuses the field `path` unless `holds`.
pub(super) fn require(
    holds: bool,
    path: &str,
    problem: impl FnOnce() -> String,
) -> Result<(), PolicyError> {
    if holds { Ok(()) } else { Err(PolicyError::new(path, problem())) }
}
