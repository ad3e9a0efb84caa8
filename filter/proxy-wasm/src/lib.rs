//! The filter as a proxy-wasm module, for Envoy and for the embedded gate.
//!
//! It moves facts in and verdicts out; every decision is in [`filter`]. The host must be told to
//! hold a paused head (`allow_on_headers_stop_iteration: true` in Envoy), or no body ever arrives.
#![expect(missing_docs, reason = "`proxy_wasm::main!` exports a symbol that cannot be documented")]

mod clock;
mod config;
mod host;
mod memory;
mod metrics;
mod policies;
mod pull;
mod stream;
mod waiting;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};

use filter::store::PagedStore;
use filter::{Clock, PermitId, PermitIds, Policy, RejectionCache, Unavailable};

use config::Config;
use memory::HostMemory;
use metrics::Metrics;
use policies::Policies;
use pull::Pull;
use stream::Stream;
use waiting::Waiting;

/// How often the host calls the root of a VM that has something to do at times.
const TICK: Duration = Duration::from_millis(100);

/// A request allocates many small things, and this takes the same few steps for each.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::<Root>::default());
}}

/// The root of the VM: once configured, it makes a [`Stream`] for each request.
#[derive(Default)]
struct Root {
    plugin: Option<Rc<Plugin>>,
    /// Whatever the configuration was when they began to wait.
    waiting: Rc<Waiting>,
    /// Where policy and keys come from, if it must be asked.
    pull: Option<Pull>,
}

/// What all requests of this VM are judged with.
pub(crate) struct Plugin {
    pub(crate) policies: Policies,
    /// Nonces and quotas: in the host's memory, which all its VMs share. Opened by the first request.
    store: OnceCell<PagedStore<HostMemory>>,
    /// Refusals: in this VM's own memory.
    pub(crate) cache: RefCell<RejectionCache>,
    pub(crate) metrics: Metrics,
    ids: RefCell<PermitIds>,
    /// Whether the host is told of each request's event.
    pub(crate) events: bool,
    /// Refusals that wait for a body, where connections are to be kept.
    pub(crate) waiting: Option<Rc<Waiting>>,
}

impl Plugin {
    fn new(policies: Policies, events: bool, waiting: Option<Rc<Waiting>>) -> Self {
        let cache = RefCell::new(RejectionCache::new(policies.gate().cache_key()));
        let (store, metrics, ids) = (OnceCell::new(), Metrics::define(), RefCell::default());
        Self { policies, store, cache, metrics, ids, events, waiting }
    }

    /// The id of one request.
    pub(crate) fn id(&self) -> Result<PermitId, Unavailable> {
        let mut ids = self.ids.try_borrow_mut().map_err(|_| Unavailable)?;
        ids.draw(getrandom::fill).map_err(|_| Unavailable)
    }

    /// Opens the store, of the size that the policy of the host's first request asks for.
    pub(crate) fn open_store(&self, policy: &Policy, clock: Clock) -> Result<(), Unavailable> {
        if self.store.get().is_none() {
            let tags = self.policies.gate().store_tags();
            let store = PagedStore::open(HostMemory, tags, policy.store_sizes(), clock)?;
            self.store.get_or_init(|| store);
        }
        Ok(())
    }

    /// The store, once a request has opened it.
    pub(crate) fn store(&self) -> Result<&PagedStore<HostMemory>, Unavailable> {
        self.store.get().ok_or(Unavailable)
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, fields: usize, size: usize, _: usize) {
        if let Some(pull) = &mut self.pull {
            pull.answered(call, fields, size);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        match host::plugin_configuration().and_then(|json| config::read(&json)) {
            Ok(Config { policies, pull, events, keep_connections }) => {
                let waiting = keep_connections.then(|| Rc::clone(&self.waiting));
                self.plugin = Some(Rc::new(Plugin::new(policies, events, waiting)));
                if keep_connections || pull.is_some() {
                    // The SDK panics where this fails, and the module does not load.
                    let _ = hostcalls::set_tick_period(TICK);
                }
                self.pull = pull;
                true
            }
            Err(error) => {
                host::log(LogLevel::Error, &format!("configuration refused: {error}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(pull) = &mut self.pull {
            pull.tick();
        }
        for (context, reply) in self.waiting.tick() {
            host::send_to(context, &reply);
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.plugin.clone()?, context)))
    }
}
