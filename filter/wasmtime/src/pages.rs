//! What the filters of all VMs remember together: small pages, changed by compare-and-set.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proxy_wasm_host::abi::v0_2_1::SharedValue;
use proxy_wasm_host::abi::v0_2_1::types::Status;

/// Keys with this prefix are the filters' own.
const PREFIX: &[u8] = b"lunette.store.";
/// The most pages; with the longest names and values they take 101 MiB.
const PAGES_MAX: usize = 50_000;
/// The longest name behind the prefix, in bytes.
const NAME_MAX: usize = 64;
/// The longest value in bytes.
const VALUE_MAX: usize = 2048;

/// The pages by their names without the prefix.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<BTreeMap<Vec<u8>, Page>>);

#[derive(Debug)]
struct Page {
    value: Vec<u8>,
    version: NonZeroU32,
}

impl Pages {
    /// The name of a page, if `key` is one.
    pub(crate) fn name(key: &[u8]) -> Option<&[u8]> {
        key.strip_prefix(PREFIX)
    }

    pub(crate) fn get(&self, name: &[u8]) -> Result<SharedValue, Status> {
        let pages = self.lock();
        let Page { value, version } = pages.get(name).ok_or(Status::NotFound)?;
        Ok(SharedValue::new(value.clone(), *version))
    }

    /// Writes a page as Envoy does: one that is there only if `version` is its version, one that is
    /// not whatever the version.
    ///
    /// Without a version, which in Envoy overwrites, nothing is written; nor is what is over a limit.
    /// The Rust SDK panics on any other status than this one.
    pub(crate) fn set(
        &self,
        name: &[u8],
        value: &[u8],
        version: Option<u32>,
    ) -> Result<(), Status> {
        let version = version.and_then(NonZeroU32::new).ok_or(Status::CasMismatch)?;
        if name.len() > NAME_MAX || value.len() > VALUE_MAX {
            return Err(Status::CasMismatch);
        }
        let mut pages = self.lock();
        let full = pages.len() >= PAGES_MAX;
        match pages.get_mut(name) {
            Some(page) if page.version == version => {
                value.clone_into(&mut page.value);
                page.version = next(version);
            }
            None if !full => {
                let page = Page { value: value.to_vec(), version: NonZeroU32::MIN };
                pages.insert(name.to_vec(), page);
            }
            Some(_) | None => return Err(Status::CasMismatch),
        }
        Ok(())
    }

    /// A panic elsewhere leaves no page half written.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Page>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version after `version`: never the greatest, by which filters say that a page must not be
/// there.
fn next(version: NonZeroU32) -> NonZeroU32 {
    match version.checked_add(1) {
        Some(next) if next != NonZeroU32::MAX => next,
        _ => NonZeroU32::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: Option<u32> = Some(u32::MAX);
    const MISMATCH: Result<(), Status> = Err(Status::CasMismatch);

    fn read(pages: &Pages, name: &[u8]) -> (Vec<u8>, u32) {
        let page = pages.get(name).unwrap();
        (page.bytes, page.cas.get())
    }

    #[test]
    fn a_page_is_created_once_and_replaced_by_whoever_saw_it_last() {
        let pages = Pages::default();
        assert_eq!(pages.get(b"a").unwrap_err(), Status::NotFound);
        assert_eq!(pages.set(b"a", b"1", ABSENT), Ok(()));
        assert_eq!(pages.set(b"a", b"2", ABSENT), MISMATCH);

        let (value, version) = read(&pages, b"a");
        assert_eq!(value, b"1");
        assert_eq!(pages.set(b"a", b"3", Some(version)), Ok(()));
        assert_eq!(pages.set(b"a", b"4", Some(version)), MISMATCH);
        assert_eq!(read(&pages, b"a").0, b"3");
        assert_eq!(pages.get(b"b").unwrap_err(), Status::NotFound);
    }

    #[test]
    fn nothing_is_overwritten_unseen() {
        let pages = Pages::default();
        for version in [None, Some(0)] {
            assert_eq!(pages.set(b"a", b"1", version), MISMATCH);
        }
        assert_eq!(pages.get(b"a").unwrap_err(), Status::NotFound);
        pages.set(b"a", b"1", ABSENT).unwrap();
        for version in [None, Some(0)] {
            assert_eq!(pages.set(b"a", b"2", version), MISMATCH);
        }
        assert_eq!(read(&pages, b"a").0, b"1");
    }

    #[test]
    fn names_values_and_their_number_have_limits() {
        let pages = Pages::default();
        assert_eq!(pages.set(&[b'n'; NAME_MAX], &[0; VALUE_MAX], ABSENT), Ok(()));
        assert_eq!(pages.set(&[b'n'; NAME_MAX + 1], b"", ABSENT), MISMATCH);
        assert_eq!(pages.set(b"a", &[0; VALUE_MAX + 1], ABSENT), MISMATCH);
        for n in 1..PAGES_MAX {
            pages.set(&n.to_le_bytes(), b"", ABSENT).unwrap();
        }
        assert_eq!(pages.set(b"more", b"", ABSENT), MISMATCH);
        let (_, version) = read(&pages, &1_usize.to_le_bytes());
        assert_eq!(pages.set(&1_usize.to_le_bytes(), b"x", Some(version)), Ok(()), "room it has");
    }

    #[test]
    fn no_page_ever_has_the_version_that_means_absent() {
        let last = NonZeroU32::new(u32::MAX - 1).unwrap();
        assert_eq!(next(last), NonZeroU32::MIN);
        assert_eq!(next(NonZeroU32::MIN).get(), 2);
    }

    #[test]
    fn of_threads_that_create_one_page_exactly_one_succeeds() {
        let pages = Pages::default();
        let race = || (0..2_000_u32).map(|n| pages.set(&n.to_le_bytes(), b"", ABSENT).is_ok());
        let (one, other) = std::thread::scope(|scope| {
            let spawn = || scope.spawn(|| race().collect::<Vec<_>>());
            let (one, other) = (spawn(), spawn());
            (one.join().unwrap(), other.join().unwrap())
        });
        assert!(one.iter().zip(&other).all(|(one, other)| one != other));
    }
}
