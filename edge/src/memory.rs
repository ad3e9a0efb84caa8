//! What this isolate remembers between requests: quotas, nonces and refusals.
//!
//! Isolates share nothing, and one lives as long as the platform pleases. So quotas hold for each
//! isolate by itself, and a nonce that another isolate has seen is refused by the node, which keeps
//! its own record of every nonce that a permit names.

use std::sync::{Mutex, OnceLock};

use filter::store::{LocalMemory, PagedStore};
use filter::{Clock, Filter, RejectionCache, Unavailable};

/// The memory of this isolate.
pub(crate) struct Memory {
    pub(crate) store: PagedStore<LocalMemory>,
    /// Locked for a moment only, never while something is awaited.
    pub(crate) cache: Mutex<RejectionCache>,
}

static MEMORY: OnceLock<Memory> = OnceLock::new();

/// The memory of this isolate; made by its first request, under keys of its gate.
pub(crate) fn memory(filter: &Filter, clock: Clock) -> Result<&'static Memory, Unavailable> {
    if let Some(memory) = MEMORY.get() {
        return Ok(memory);
    }
    let (gate, sizes) = (filter.gate(), filter.policy().store_sizes());
    let store = PagedStore::open(LocalMemory::new(), gate.store_tags(), sizes, clock)?;
    let cache = Mutex::new(RejectionCache::new(gate.cache_key()));
    Ok(MEMORY.get_or_init(|| Memory { store, cache }))
}
