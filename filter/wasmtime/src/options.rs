//! What the caller of [`Gate::load`](crate::Gate::load) decides.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::SharedSource;

/// How a gate runs its filter.
///
/// There is no `Debug`: the environment holds secrets.
pub struct GateOptions {
    /// How many VMs run the filter side by side; by default one per core.
    pub vms: NonZeroUsize,
    /// The most memory one VM may hold, in bytes; 64 MiB by default.
    pub memory_bytes: usize,
    /// The longest one call into the filter may take; 100 ms by default. The wall clock counts, so
    /// less would mistake a thread that the system set aside for a filter that loops.
    pub call_deadline: Duration,
    /// The most body bytes held for a request while the filter pauses, beside the chunk at hand
    /// (at most 64 KiB); 1.5 MiB by default, and 413 beyond it: a MiB of image header in base64.
    pub held_bytes: usize,
    /// The most body bytes held for all requests together; 64 MiB by default, and 503 beyond it.
    pub held_total_bytes: usize,
    /// The longest the gate waits for the client's next bytes; 10 s by default, then 408.
    pub body_idle: Duration,
    /// The longest a whole body may take from its head on; 60 s by default, then 408.
    pub body_deadline: Duration,
    /// The plugin configuration that the filter reads in `proxy_on_configure`.
    pub configuration: Vec<u8>,
    /// The environment variables that the filter sees; host secrets go here.
    pub environment: Vec<(String, Secret)>,
    /// What `proxy_get_shared_data` answers; by default nothing.
    pub shared: Arc<dyn SharedSource>,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self {
            vms: available_parallelism().unwrap_or(NonZeroUsize::MIN),
            memory_bytes: 64 << 20,
            call_deadline: Duration::from_millis(100),
            held_bytes: 3 << 19,
            held_total_bytes: 64 << 20,
            body_idle: Duration::from_secs(10),
            body_deadline: Duration::from_mins(1),
            configuration: Vec::new(),
            environment: Vec::new(),
            shared: Arc::new(()),
        }
    }
}

/// The value of an environment variable; never printed, overwritten when dropped.
///
/// The gate keeps a copy inside the runtime for as long as it lives, because a VM that failed is
/// built again with the same environment.
pub struct Secret(Vec<u8>);

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value.into_bytes())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // The optimiser must believe that someone still reads the zeros.
        std::hint::black_box(&mut self.0);
    }
}
