//! A loaded filter, ready to stand before services.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use crate::held::Held;
use crate::module::{self, LoadError, LoadFault};
use crate::options::GateOptions;
use crate::pool::Pool;
use crate::service::GateService;
use crate::stats::{Counters, Stats};
use crate::vm::Vm;

/// A loaded filter: a [tower layer](Layer) that guards services with it.
///
/// A clone is cheap and shares the VMs and the counters.
#[derive(Clone)]
pub struct Gate(Arc<Core>);

/// What every request of a gate needs.
pub(crate) struct Core {
    pub(crate) pool: Pool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) held_bytes: usize,
    pub(crate) held: Arc<Held>,
    pub(crate) body_idle: Duration,
    pub(crate) body_deadline: Duration,
    sha256: String,
}

impl Gate {
    /// Reads, compiles, links and starts the filter at `path`, once for each VM.
    ///
    /// # Errors
    ///
    /// [`LoadError`] says which of these steps failed and why; nothing runs then.
    pub fn load(path: &Path, options: GateOptions) -> Result<Self, LoadError> {
        let core = Core::load(path, options)
            .map_err(|fault| LoadError { path: path.to_owned(), fault })?;
        Ok(Self(Arc::new(core)))
    }

    /// The SHA-256 of the filter's file, in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// What the gate counted since it was loaded.
    pub fn stats(&self) -> Stats {
        let pool = &self.0.pool;
        Stats {
            live_contexts: pool.vms().map(Vm::bound).sum(),
            serving_vms: pool.vms().filter(|vm| vm.is_serving()).count(),
            ..self.0.counters.snapshot()
        }
    }
}

impl Core {
    fn load(path: &Path, options: GateOptions) -> Result<Self, LoadFault> {
        let GateOptions { held_bytes, held_total_bytes, body_idle, body_deadline, .. } = options;
        let loaded = module::load(path, options)?;
        let counters = Arc::new(Counters::default());
        let start = |recipe| Vm::start(recipe, Arc::clone(&counters)).map(Arc::new);
        let vms = loaded.recipes.into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self {
            pool: Pool::new(vms),
            counters,
            held_bytes,
            held: Held::new(held_total_bytes),
            body_idle,
            body_deadline,
            sha256: loaded.sha256,
        })
    }
}

impl<S> Layer<S> for Gate {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService::new(Arc::clone(&self.0), inner)
    }
}
