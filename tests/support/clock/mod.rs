//! A wall clock that a test can set, for programs that it starts.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Jumps in seconds, and the code that each makes of a signature, old or new. Within the snapshot's 15 minutes it is
/// the signature that is stale; later it is the policy.
pub const JUMPS: [(i64, &str); 4] = [
    (600, "signature-stale"),
    (3600, "policy-stale"),
    (-600, "signature-stale"),
    (-3600, "signature-stale"),
];

/// The system's wall clock, and seconds that are added to it. The steady clock runs on.
pub struct SetClock {
    folder: TempDir,
}

impl SetClock {
    /// A clock that is right.
    ///
    /// # Panics
    /// If there is no C compiler, which building Lunette needs as well.
    pub fn new() -> Self {
        let clock = Self { folder: TempDir::new().expect("a temporary folder") };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/clock/preload.c");
        let compiled = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&clock.preload(), &source])
            .status()
            .expect("a C compiler");
        assert!(compiled.success(), "{} does not compile", source.display());
        clock.set(0);
        clock
    }

    /// Sets it ahead by as many seconds, or back.
    ///
    /// # Panics
    /// If the disk is full.
    pub fn set(&self, seconds: i64) {
        // Renamed, because programs read it all the time.
        let new = self.folder.path().join("new");
        std::fs::write(&new, seconds.to_string()).expect("a file");
        std::fs::rename(new, self.file()).expect("a file");
    }

    /// What the environment of a program that follows it must hold.
    pub fn variables(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_str().expect("text").to_owned();
        [("LD_PRELOAD", self.preload()), ("LUNETTE_TEST_CLOCK", self.file())]
            .map(|(name, path)| (name.to_owned(), text(path)))
            .to_vec()
    }

    fn preload(&self) -> PathBuf {
        self.folder.path().join("clock.so")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("seconds")
    }
}

impl Default for SetClock {
    fn default() -> Self {
        Self::new()
    }
}
