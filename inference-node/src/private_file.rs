//! Files that only their owner may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Why a private file or folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that others can read or write.
    #[error(
        "{} is open to other users (mode {mode:04o}): run `chmod 600 {}`",
        path.display(),
        path.display()
    )]
    LooseFile {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder in which others could exchange the files.
    #[error(
        "{} can be written by other users (mode {mode:04o}): run `chmod 700 {}`",
        path.display(),
        path.display()
    )]
    LooseFolder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl Error {
    /// Whether the file or folder does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Opens a file for reading; refuses one that is open to other users.
pub fn open(path: &Path) -> Result<File, Error> {
    let file = File::open(path).map_err(Error::io(path))?;
    // The open file is judged, not the path: the path may mean another file by now.
    let mode = file.metadata().map_err(Error::io(path))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::LooseFile { path: path.to_owned(), mode });
    }
    Ok(file)
}

/// Reads the text of a private file, as far as `most` bytes; it is wiped when dropped.
pub fn read(path: &Path, most: u64) -> Result<Zeroizing<String>, Error> {
    // With room for all of it, so that no part is left behind by a string that grew.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(most).unwrap_or(0)));
    open(path)?.take(most).read_to_string(&mut text).map_err(Error::io(path))?;
    Ok(text)
}

/// Makes sure that a file exists and is private; a new one is empty.
pub fn ensure(path: &Path) -> Result<(), Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(path).map(drop),
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// Makes sure that a folder exists; a new one is for its owner only, and an old one must not be
/// writable by others.
pub fn ensure_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io(path))?;
    let mode = fs::metadata(path).map_err(Error::io(path))?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(Error::LooseFolder { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Writes a whole private file unless there is one; `false` if there was. Nobody ever sees half of
/// it, and of two writers one wins.
pub fn create(path: &Path, content: &[u8]) -> Result<bool, Error> {
    let draft = Draft::write(path, content)?;
    match fs::hard_link(&draft.0, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// Writes a whole private file in place of the one that may be there.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    let draft = Draft::write(path, content)?;
    fs::rename(&draft.0, path).map_err(Error::io(path))
}

/// A file beside its final place, removed if it is still there in the end.
struct Draft(PathBuf);

impl Draft {
    fn write(path: &Path, content: &[u8]) -> Result<Self, Error> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.draft", std::process::id()));
        let draft = Self(PathBuf::from(name));
        // One may be left from a process of this number that was killed.
        let _ = fs::remove_file(&draft.0);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft.0)
            .map_err(Error::io(&draft.0))?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(Error::io(&draft.0))?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn new_files_and_folders_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        ensure_folder(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
        ensure(&data.join("empty")).unwrap();
        create(&data.join("new"), b"1").unwrap();
        replace(&data.join("other"), b"2").unwrap();
        for name in ["empty", "new", "other"] {
            assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        }
        assert_eq!(fs::read_dir(&data).unwrap().count(), 3, "a draft was left");
    }

    #[test]
    fn a_loose_file_is_refused_with_the_command_that_tightens_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "x").unwrap();
        for loose in [0o640, 0o604, 0o620] {
            set_mode(&path, loose);
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
            assert!(ensure(&path).is_err());
        }
        set_mode(&path, 0o400);
        assert!(open(&path).is_ok());
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o770);
        assert!(ensure_folder(folder.path()).unwrap_err().to_string().contains("chmod 700"));
        set_mode(folder.path(), 0o755);
        assert!(ensure_folder(folder.path()).is_ok());
    }

    #[test]
    fn create_never_touches_a_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("once");
        assert!(create(&path, b"first").unwrap());
        assert!(!create(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        replace(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
    }
}
