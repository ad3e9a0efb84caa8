//! The shape of `lunette.toml`: every setting, none of them required.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use filter::Environment;
use serde::Deserialize;

use super::units::{ByteRate, ByteSize, Share, Span};
use super::{ConfigError, Gate, LogFormat, Mode};
use crate::models::layers::{DeviceChoice, KernelChoice};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) mode: Option<Mode>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) operator: Option<SocketAddr>,
    pub(super) gate: Option<Gate>,
    pub(super) gates: Option<Vec<String>>,
    pub(super) gate_vms: Option<u16>,
    pub(super) filter: Option<PathBuf>,
    pub(super) policy: Option<PathBuf>,
    pub(super) audience: Option<String>,
    pub(super) environment: Option<Environment>,
    pub(super) data: Option<PathBuf>,
    pub(super) root_secret_file: Option<PathBuf>,
    pub(super) signing_realms: Option<Vec<u32>>,
    pub(super) accept_report: Option<bool>,
    pub(super) models: Option<PathBuf>,
    pub(super) model: Option<Names>,
    pub(super) text: Option<String>,
    pub(super) device: Option<DeviceChoice>,
    pub(super) kernel: Option<KernelChoice>,
    pub(super) threads: Option<u16>,
    pub(super) drain_deadline: Option<Span>,
    pub(super) log: Option<LogFormat>,
    pub(super) nodes: Option<u16>,
    #[serde(default)]
    pub(super) shared: Shared,
    #[serde(default)]
    pub(super) tls: Tls,
    #[serde(default)]
    pub(super) operator_tls: Tls,
    pub(super) dev_certificate: Option<bool>,
    #[serde(default)]
    pub(super) redirect: Redirect,
    #[serde(default)]
    pub(super) otlp: Otlp,
    #[serde(default)]
    pub(super) decode: Decode,
    #[serde(default)]
    pub(super) upload: Upload,
    #[serde(default)]
    pub(super) queue: Queue,
    #[serde(default)]
    pub(super) token_secrets: BTreeMap<String, PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decode {
    pub(super) threads: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    pub(super) total: Option<ByteSize>,
    pub(super) share_per_key: Option<Share>,
    pub(super) deadline: Option<Span>,
    pub(super) idle: Option<Span>,
    pub(super) minimum_rate: Option<ByteRate>,
    pub(super) grace: Option<Span>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    pub(super) waiting: Option<u16>,
    pub(super) deadline: Option<Span>,
    pub(super) batch: Option<u16>,
    pub(super) pixels: Option<u64>,
}

/// One name, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a name such as \"u2netp\", or a list of names")]
pub(super) enum Names {
    One(String),
    List(Vec<String>),
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        match names {
            Names::One(name) => vec![name],
            Names::List(names) => names,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shared {
    pub(super) redis: Option<String>,
    pub(super) redis_file: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) client_ca: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redirect {
    pub(super) listen: Option<SocketAddr>,
    pub(super) authority: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Otlp {
    pub(super) endpoint: Option<String>,
    pub(super) ca: Option<PathBuf>,
    pub(super) sample: Option<Share>,
}

/// Reads a file. Relative paths in it start at its own folder.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let mut file = parse(path, &text)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let paths = [
        &mut file.filter,
        &mut file.policy,
        &mut file.data,
        &mut file.root_secret_file,
        &mut file.models,
        &mut file.shared.redis_file,
        &mut file.shared.ca,
        &mut file.otlp.ca,
        &mut file.tls.certificate,
        &mut file.tls.key,
        &mut file.tls.client_ca,
        &mut file.operator_tls.certificate,
        &mut file.operator_tls.key,
        &mut file.operator_tls.client_ca,
    ];
    for path in paths.into_iter().flatten().chain(file.token_secrets.values_mut()) {
        *path = folder.join(&*path);
    }
    Ok(file)
}

fn parse(path: &Path, text: &str) -> Result<Settings, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let begin = error.span().map_or(0, |span| span.start);
        let before = text.get(..begin).unwrap_or(text);
        let line = before.matches('\n').count();
        let field = text.lines().nth(line).and_then(|line| line.split_once('='));
        ConfigError::Line {
            path: path.to_owned(),
            line: line + 1,
            field: field.map_or(String::new(), |(name, _)| format!(", field {:?}", name.trim())),
            problem: error.message().lines().collect::<Vec<_>>().join(" "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(Path::new("a/lunette.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_file_line_field_and_what_was_expected() {
        for (text, parts) in [
            ("colour = 1", ["line 1", "unknown field `colour`", "listen"]),
            ("\n[upload]\nsize = 1", ["line 3", "unknown field `size`", "share_per_key"]),
            ("[uploads]", ["line 1", "unknown field `uploads`", "upload"]),
            ("model = 1", ["field \"model\"", "a name", "a list of names"]),
            ("mode = \"prod\"", ["field \"mode\"", "prod", "production"]),
            ("listen = \"localhost\"", ["field \"listen\"", "invalid", "address"]),
            ("\nthreads = \"two\"", ["line 2, field \"threads\"", "\"two\"", "u16"]),
            ("threads = -1", ["field \"threads\"", "-1", "u16"]),
            ("drain_deadline = 30", ["field \"drain_deadline\"", "30", "\"30s\""]),
            ("[upload]\ntotal = \"1GB\"", ["line 2, field \"total\"", "1GB", "\"256MiB\""]),
            ("mode = ", ["a/lunette.toml, line 1", "mode", ""]),
        ] {
            let problem = problem(text);
            assert!(!problem.contains('\n'), "{problem}");
            for part in parts {
                assert!(problem.contains(part), "{part} is missing: {problem}");
            }
        }
    }

    #[test]
    fn paths_start_at_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lunette.toml");
        let text = "data = \"data\"\nmodels = \"/models\"\n[token_secrets]\ncorp = \"corp.secret\"\n[tls]\nkey = \"tls.key\"";
        std::fs::write(&path, text).unwrap();
        let file = read(&path).unwrap();
        assert_eq!(file.token_secrets["corp"], folder.path().join("corp.secret"));
        assert_eq!(file.tls.key, Some(folder.path().join("tls.key")));
        assert_eq!(file.data, Some(folder.path().join("data")));
        assert_eq!(file.models, Some("/models".into()));
    }
}
