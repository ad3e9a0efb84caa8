//! The vectors: what is sent, one request after the other, and what must come of each.

mod compose;
mod expect;
mod step;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub use compose::{HOST, Moment, Request};
pub use expect::{Accepted, Expect, Rejection, Stage};
pub use step::{Action, Step};

/// The policy that a vector is judged by if it names no other.
pub const POLICY: &str = include_str!("../../vectors/policies/default.json");

/// Requests in a row, and what must come of them.
#[derive(Clone, Debug)]
pub struct Vector {
    /// The name of its file, which is the name of the check.
    pub file: String,
    /// A sentence.
    pub name: String,
    /// The name of its policy.
    pub policy: String,
    /// Whether it can only run where the test sets the clocks and owns the memory: on the library.
    pub fixed_clock: bool,
    /// What is done, in this order.
    pub steps: Vec<Step>,
}

impl Vector {
    /// The first request, as it is sent now from this machine.
    ///
    /// # Panics
    /// If the first step sends none.
    pub fn request(&self) -> Request {
        self.steps[0].compose(Moment::real(), None).expect("the first step sends a request")
    }

    /// Whether it is one request with an API key or nothing, under the default policy.
    pub fn is_plain(&self) -> bool {
        self.policy == "default" && self.steps.len() == 1 && self.steps[0].is_plain()
    }

    /// The length of its longest body.
    pub fn longest_body(&self) -> usize {
        self.steps.iter().map(Step::body_len).max().unwrap_or(0)
    }

    /// What must come of its first request.
    pub fn expect(&self) -> &Expect {
        &self.steps[0].expect
    }
}

/// The folder of the vectors.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The text of the policy called `name`.
///
/// # Panics
/// If there is none.
pub fn policy(name: &str) -> String {
    let path = folder().join("policies").join(name).with_extension("json");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every vector of every file.
///
/// # Panics
/// If a file is not what the README says.
pub fn all() -> Vec<Vector> {
    let entries = std::fs::read_dir(folder()).expect("the vectors' folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| path.file_name().is_some_and(|name| name != "keys.json"))
        .collect();
    files.sort();
    files.iter().flat_map(|path| of_file(path)).collect()
}

/// The one vector with this name.
///
/// # Panics
/// If there is none.
pub fn named(name: &str) -> Vector {
    all().into_iter().find(|vector| vector.name == name).unwrap_or_else(|| panic!("no {name:?}"))
}

fn of_file(path: &Path) -> Vec<Vector> {
    let file = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let json = std::fs::read(path).expect("a readable file");
    let objects: Vec<Map<String, Value>> =
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    objects.into_iter().map(|object| read(&file, object)).collect()
}

/// Reads a vector. What stands beside its steps is what they have in common.
fn read(file: &str, mut object: Map<String, Value>) -> Vector {
    let name = object.remove("name").and_then(|name| name.as_str().map(str::to_owned));
    let name = name.unwrap_or_else(|| panic!("{file}: a vector without a name"));
    let at = format!("{file}: {name}");
    let policy =
        object.remove("policy").map_or_else(|| "default".to_owned(), |policy| text(&policy, &at));
    let clock = object.remove("clock").map(|clock| text(&clock, &at));
    assert!(clock.as_deref().is_none_or(|clock| clock == "fixed"), "{at}: clock is \"fixed\"");
    let steps = match object.remove("steps") {
        None => vec![object],
        Some(Value::Array(steps)) => steps.into_iter().map(|step| over(&object, step)).collect(),
        Some(_) => panic!("{at}: steps are a list"),
    };
    let steps: Vec<Step> = steps.into_iter().map(|step| step_of(step, &at)).collect();
    assert!(!steps.is_empty(), "{at}: no steps");
    let fixed_clock = clock.is_some() || steps.iter().any(Step::needs_fixed_clock);
    Vector { file: file.to_owned(), name, policy, fixed_clock, steps }
}

fn text(value: &Value, at: &str) -> String {
    value.as_str().unwrap_or_else(|| panic!("{at}: {value} is no text")).to_owned()
}

fn over(common: &Map<String, Value>, step: Value) -> Map<String, Value> {
    let Value::Object(step) = step else { panic!("a step is an object") };
    // A step that sends an earlier request again has no request of its own.
    let mut all = if step.contains_key("again") { Map::new() } else { common.clone() };
    all.extend(step);
    all
}

fn step_of(object: Map<String, Value>, at: &str) -> Step {
    let value = Value::Object(object);
    let read: Result<Step, _> = serde_path_to_error::deserialize(&value);
    read.unwrap_or_else(|error| panic!("{at}: {}: {}", error.path(), error.inner()))
}
