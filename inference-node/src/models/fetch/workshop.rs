//! A place inside the cache to make files in, so that they appear under their name whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::models::cache::Cache;

/// A folder of its own for one fetch, removed with everything left in it.
///
/// It lies inside the cache, because only within one file system does renaming replace a file at once.
pub(super) struct Workshop {
    folder: PathBuf,
    /// Held locked as long as the workshop exists; the system lets go of it even if the process is killed.
    _lock: File,
}

impl Workshop {
    /// Waits until no other fetch uses the cache; clears what an interrupted one left behind.
    pub(super) fn open(cache: &Cache) -> io::Result<Self> {
        cache.create()?;
        let lock = File::create(cache.folder().join(".fetch.lock"))?;
        lock.lock()?;
        let folder = cache.folder().join(".fetch");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir(&folder)?,
        }
        Ok(Self { folder, _lock: lock })
    }

    /// The folder, empty at first.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes `bytes` and then moves the finished file to `path`, which lies in the cache.
    pub(super) fn place(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        let unfinished = self.folder.join("unfinished");
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next fetch.
        drop(fs::remove_dir_all(&self.folder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_placed_file_and_the_lock_remains() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("new"));
        let workshop = Workshop::open(&cache).unwrap();
        fs::write(workshop.folder().join("rest"), b"rest").unwrap();
        workshop.place(b"weights", &cache.folder().join("weights")).unwrap();
        drop(workshop);

        let mut names: Vec<_> =
            fs::read_dir(cache.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".fetch.lock", "weights"]);
        assert_eq!(fs::read(cache.folder().join("weights")).unwrap(), b"weights");
    }

    #[test]
    fn what_an_interrupted_fetch_left_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".fetch")).unwrap();
        fs::write(folder.path().join(".fetch").join("rest"), b"rest").unwrap();
        let workshop = Workshop::open(&Cache::new(folder.path())).unwrap();
        assert_eq!(fs::read_dir(workshop.folder()).unwrap().count(), 0);
    }

    #[test]
    fn a_second_fetch_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let first = Workshop::open(&cache).unwrap();
        let (opened, is_open) = std::sync::mpsc::channel();
        let second = std::thread::spawn(move || opened.send(Workshop::open(&cache).is_ok()));
        assert!(
            is_open.recv_timeout(std::time::Duration::from_millis(100)).is_err(),
            "it did not wait"
        );
        drop(first);
        assert!(is_open.recv().unwrap());
        second.join().unwrap().unwrap();
    }
}
