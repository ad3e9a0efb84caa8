//! What this isolate remembers between requests.
//!
//! Isolates share nothing, and one lives as long as the platform pleases. What must hold everywhere is
//! therefore in Durable Objects; here are copies, refusals, and the quotas of networks and of everyone,
//! which so are counted in each isolate by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use filter::snapshot::Trust;
use filter::store::{LocalMemory, PagedStore, Sizes};
use filter::{GateIdentity, RejectionCache};
use worker::Env;

use crate::config::{Config, Raw};
use crate::snapshot::Copy;
use crate::time;

/// How many networks are counted at once.
const NETWORKS: u64 = 24_576;

/// The memory of this isolate, under keys of its gate. Every lock is held for a moment only.
pub(crate) struct Isolate {
    raw: Raw,
    pub(crate) gate: Arc<GateIdentity>,
    pub(crate) trust: Trust,
    pub(crate) upstream: String,
    cache: Mutex<RejectionCache>,
    pub(crate) networks: PagedStore<LocalMemory>,
    pub(crate) copy: Mutex<Copy>,
}

static ISOLATE: Mutex<Option<Arc<Isolate>>> = Mutex::new(None);

impl Isolate {
    /// The memory that belongs to what is bound now; a new one if that has changed. An error names
    /// the variable or secret that is missing or wrong.
    pub(crate) fn of(env: &Env) -> Result<Arc<Self>, String> {
        let raw = Raw::read(env);
        let mut isolate = ISOLATE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(isolate) = isolate.as_ref().filter(|isolate| isolate.raw == raw) {
            return Ok(Arc::clone(isolate));
        }
        let new = Arc::new(Self::new(raw)?);
        *isolate = Some(Arc::clone(&new));
        Ok(new)
    }

    /// What was refused here and would be refused again. A panic elsewhere leaves no entry half written.
    pub(crate) fn cache(&self) -> MutexGuard<'_, RejectionCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new(raw: Raw) -> Result<Self, String> {
        let Config { identity, trust, upstream } = raw.parse()?;
        let sizes = Sizes::holding(0, 0, NETWORKS).unwrap_or_default();
        let (tags, clock) = (identity.store_tags(), time::now());
        let networks = PagedStore::open(LocalMemory::new(), tags, sizes, clock)
            .map_err(|_| "the memory of networks cannot be opened")?;
        let cache = Mutex::new(RejectionCache::new(identity.cache_key()));
        let gate = Arc::new(identity);
        let copy = Mutex::default();
        Ok(Self { raw, gate, trust, upstream, cache, networks, copy })
    }
}
