//! The host's shared data, as the memory of the filter's store.

use filter::Unavailable;
use filter::store::{SharedMemory, Written};
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;

/// A version that no entry has: setting an entry with it fails, creating one does not look at it.
///
/// The ABI has no call that only creates, and its version zero overwrites. Envoy counts versions
/// from one for all entries together, and would come here after four thousand million writes; the
/// embedded gate never does.
const ABSENT: u32 = u32::MAX;

/// The shared data of this process, one for all VMs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostMemory;

impl SharedMemory for HostMemory {
    fn read(&self, page: &str) -> Result<Option<(Vec<u8>, u32)>, Unavailable> {
        match hostcalls::get_shared_data(page) {
            Ok((None, None)) => Ok(None),
            Ok((Some(bytes), Some(version))) => Ok(Some((bytes, version))),
            // A host without versions cannot compare and set, and no page is empty.
            Ok(_) | Err(_) => Err(Unavailable),
        }
    }

    fn create(&self, page: &str, bytes: &[u8]) -> Result<Written, Unavailable> {
        set(page, bytes, ABSENT)
    }

    fn replace(&self, page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable> {
        // Zero would overwrite whatever is there.
        if version == 0 { Err(Unavailable) } else { set(page, bytes, version) }
    }
}

/// The SDK panics on any status but these two; both hosts answer with no other one, since pages are
/// named, small and fewer than the embedded gate's limits.
fn set(page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable> {
    match hostcalls::set_shared_data(page, Some(bytes), Some(version)) {
        Ok(()) => Ok(Written::Done),
        Err(Status::CasMismatch) => Ok(Written::Raced),
        Err(_) => Err(Unavailable),
    }
}
