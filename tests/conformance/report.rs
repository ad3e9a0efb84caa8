//! What came of it all, for people and in `target/conformance.json`.

use std::collections::{BTreeMap, BTreeSet};

use conformance::vectors::Vector;
use serde_json::json;

use crate::vectors::HOSTS;
use conformance::differences::Row;

/// What came of a vector on a host, sent in one way.
#[derive(Debug)]
pub(crate) struct Came {
    /// The vector; none if it is about the host as a whole.
    vector: Option<String>,
    /// What went wrong.
    pub(crate) failed: Option<String>,
    /// The numbers of the rows of differences that it needed.
    pub(crate) differed: Vec<usize>,
}

impl Came {
    /// Nothing yet.
    pub(crate) fn of(vector: &Vector) -> Self {
        let name = format!("{}: {}", vector.file, vector.name);
        Self { vector: Some(name), failed: None, differed: Vec::new() }
    }

    /// Something about the host as a whole.
    pub(crate) fn of_host(failed: Option<String>) -> Self {
        Self { vector: None, failed, differed: Vec::new() }
    }
}

/// All that came.
pub(crate) struct Report {
    hosts: BTreeMap<&'static str, Host>,
}

#[derive(Default)]
struct Host {
    vectors: BTreeSet<String>,
    failed: BTreeSet<String>,
    failures: Vec<String>,
    /// The vectors that needed a row, by its number.
    differed: BTreeMap<usize, BTreeSet<String>>,
}

impl Report {
    /// Nothing came yet.
    pub(crate) fn new() -> Self {
        Self { hosts: HOSTS.map(|host| (host, Host::default())).into() }
    }

    /// Notes what came of one vector on `host`.
    pub(crate) fn note(&mut self, host: &'static str, came: Came) {
        let host = self.hosts.entry(host).or_default();
        let vector = came.vector.unwrap_or_default();
        if came.failed.is_some() {
            host.failed.insert(vector.clone());
        }
        host.failures.extend(came.failed);
        for row in came.differed {
            host.differed.entry(row).or_default().insert(vector.clone());
        }
        if !vector.is_empty() {
            host.vectors.insert(vector);
        }
    }

    /// Writes and prints it.
    ///
    /// # Panics
    /// If anything failed, or a difference that is listed was not needed.
    #[expect(clippy::print_stdout, reason = "whoever runs it wants to see the matrix")]
    pub(crate) fn finish(mut self, rows: &[Row]) {
        for (number, row) in rows.iter().enumerate() {
            for host in &row.hosts {
                let host = self.hosts.get_mut(host.as_str()).expect("a host");
                if !host.differed.contains_key(&number) {
                    host.failures.push(format!("no longer differs: {}", row.name));
                }
            }
        }
        self.write(rows);
        let mut failures = Vec::new();
        println!("{:10} {:>8} {:>8} {:>12}", "host", "vectors", "passed", "differences");
        for name in HOSTS {
            let host = &self.hosts[name];
            let differed: BTreeSet<_> = host.differed.values().flatten().collect();
            let [vectors, passed] = host.counts();
            println!("{name:10} {vectors:8} {passed:8} {:12}", differed.len());
            failures.extend(&host.failures);
        }
        let text = failures.iter().map(|failure| failure.as_str()).collect::<Vec<_>>().join("\n");
        assert!(failures.is_empty(), "{} failed:\n{text}", failures.len());
    }

    fn write(&self, rows: &[Row]) {
        let hosts = HOSTS.map(|name| {
            let host = &self.hosts[name];
            let differences = host.differed.iter().map(|(row, vectors)| {
                let row = &rows[*row];
                json!({ "difference": row.name, "vectors": vectors })
            });
            let differences: Vec<_> = differences.collect();
            let [vectors, passed] = host.counts();
            json!({ "host": name, "vectors": vectors, "passed": passed, "differences": differences })
        });
        let report = serde_json::to_string_pretty(&json!({ "hosts": hosts })).expect("JSON");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("conformance.json"), report + "\n").expect("a report");
    }
}

impl Host {
    /// How many vectors it ran, and how many of them did what they must.
    fn counts(&self) -> [usize; 2] {
        let failed = self.failed.iter().filter(|name| !name.is_empty()).count();
        [self.vectors.len(), self.vectors.len() - failed]
    }
}
