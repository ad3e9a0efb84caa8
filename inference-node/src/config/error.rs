//! Why a configuration was refused. Every message is one line.

use std::path::PathBuf;

use filter::PolicyError;

/// What is wrong with the configuration, where, and what was expected there.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the configuration file.
    #[error("{}, line {line}{field}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The field on that line, as `, field "listen"`; empty if there is none.
        field: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A setting whose value is not possible, wherever it came from.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting as the file names it, as `upload.total`.
        setting: &'static str,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A flag or variable.
    #[error("{0}")]
    Argument(String),
    /// The policy file.
    #[error("{file}: {error}")]
    Policy {
        /// The file.
        file: String,
        /// What is wrong with it.
        error: PolicyError,
    },
    /// There is no place for data or models.
    #[error("{setting}: neither {variable} nor HOME is set, so say where with `{setting} = \"…\"`")]
    NoHome {
        /// The setting that has no default.
        setting: &'static str,
        /// The variable that would give it one.
        variable: &'static str,
    },
}

impl ConfigError {
    pub(super) fn setting(setting: &'static str, problem: impl Into<String>) -> Self {
        Self::Setting { setting, problem: problem.into() }
    }
}
