//! A loaded filter, ready to stand before services.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use tower_layer::Layer;

use crate::exchange::{Exchange, Judgement};
use crate::held::Held;
use crate::module::{self, LoadError, LoadFault};
use crate::options::GateOptions;
use crate::pool::Pool;
use crate::service::GateService;
use crate::shared::Shared;
use crate::stats::{Counters, Stats};
use crate::stream::Stream;
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
    shared: Arc<Shared>,
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

impl Gate {
    /// What the filter counts itself, by the names it gives its metrics.
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        self.0.shared.metrics().all()
    }

    /// How long the filter takes for one head, from the creation of its context to its word, with
    /// all calls of the host. The request goes nowhere; for benches.
    pub fn time_head(&self, request: Request<()>) -> Duration {
        let (mut parts, ()) = request.into_parts();
        let stream = Stream::new(&mut parts);
        let begun = Instant::now();
        let opened = Exchange::open(&self.0, stream, false);
        let taken = begun.elapsed();
        drop(opened);
        taken
    }

    /// How long the filter takes for each of these pieces, which begin the body of a request whose
    /// head it lets go on, with all calls of the host; up to the first piece that it refuses. The
    /// request goes nowhere; for benches.
    pub fn time_body(&self, request: Request<()>, pieces: &[&[u8]]) -> Vec<Duration> {
        let (mut parts, ()) = request.into_parts();
        let Ok((exchange, _)) = Exchange::open(&self.0, Stream::new(&mut parts), false) else {
            return Vec::new();
        };
        let time = |piece: &&[u8]| {
            let begun = Instant::now();
            let judgement = exchange.judge(piece, false);
            let taken = begun.elapsed();
            (!matches!(judgement, Judgement::Stop(_))).then_some(taken)
        };
        pieces.iter().map_while(time).collect()
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
            shared: loaded.shared,
        })
    }
}

impl<S> Layer<S> for Gate {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService::new(Arc::clone(&self.0), inner)
    }
}
