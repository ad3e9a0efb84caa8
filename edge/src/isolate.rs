//! What this isolate remembers between requests.
//!
//! Isolates share nothing, and one lives as long as the platform pleases. What must hold everywhere is
//! therefore in Durable Objects; here are copies, refusals, and the quotas of networks and of everyone,
//! which so are counted in each isolate by itself.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use filter::snapshot::Trust;
use filter::store::{LocalMemory, PagedStore, Sizes};
use filter::{GateIdentity, RejectionCache};
use wasm_bindgen::JsValue;
use worker::Env;

use crate::config::{Config, Raw};
use crate::events::Tally;
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
    tally: Mutex<Tally>,
}

thread_local! {
    /// What was bound last, and the memory that belongs to it.
    static BOUND: RefCell<Option<(JsValue, Arc<Isolate>)>> = const { RefCell::new(None) };
}

impl Isolate {
    /// The memory that belongs to what is bound now; a new one if that has changed. An error names
    /// the variable or secret that is missing or wrong.
    pub(crate) fn of(env: &Env) -> Result<Arc<Self>, String> {
        let now: &JsValue = env.as_ref();
        BOUND.with_borrow_mut(|bound| {
            let known = match bound {
                // To read what is bound costs more than to refuse a request, and the platform binds once.
                Some((last, isolate)) if last == now => return Ok(Arc::clone(isolate)),
                Some((_, isolate)) => Some(Arc::clone(isolate)),
                None => None,
            };
            let raw = Raw::read(env);
            let isolate = match known.filter(|isolate| isolate.raw == raw) {
                Some(isolate) => isolate,
                None => Arc::new(Self::new(raw)?),
            };
            *bound = Some((now.clone(), Arc::clone(&isolate)));
            Ok(isolate)
        })
    }

    /// What was refused here and would be refused again. A panic elsewhere leaves no entry half written.
    pub(crate) fn cache(&self) -> MutexGuard<'_, RejectionCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be told of requests. A panic elsewhere leaves at most one event out.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new(raw: Raw) -> Result<Self, String> {
        let Config { identity, trust, upstream } = raw.parse()?;
        let sizes = Sizes::holding(0, 0, NETWORKS).unwrap_or_default();
        let (tags, clock) = (identity.store_tags(), time::now());
        let networks = PagedStore::open(LocalMemory::new(), tags, sizes, clock)
            .map_err(|_| "the memory of networks cannot be opened")?;
        let cache = Mutex::new(RejectionCache::new(identity.cache_key()));
        let gate = Arc::new(identity);
        let (copy, tally) = (Mutex::default(), Mutex::default());
        Ok(Self { raw, gate, trust, upstream, cache, networks, copy, tally })
    }
}
