//! The filter's log lines, as `tracing` events of the target `filter`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use proxy_wasm_host::abi::v0_2_1::types::LogLevel;
use proxy_wasm_host::abi::v0_2_1::{LogContext, LogSink};

/// The most bytes of one line; the rest is cut.
pub(crate) const LINE_BYTES: usize = 1024;

/// What Rust's allocator says before it aborts. A guest that runs out of memory traps with a plain
/// `unreachable`; this line, which may come in pieces, is the only trace of why.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// Where the lines of one VM go.
#[derive(Default)]
pub(crate) struct FilterLog {
    vm: usize,
    out_of_memory: AtomicBool,
    last: Mutex<String>,
}

impl FilterLog {
    pub(crate) fn new(vm: usize) -> Self {
        Self { vm, ..Self::default() }
    }

    /// Whether the filter said since the last call that it ran out of memory.
    pub(crate) fn take_out_of_memory(&self) -> bool {
        self.out_of_memory.swap(false, Ordering::Relaxed)
    }

    /// The last line, for an error about a filter that refuses to start.
    pub(crate) fn last(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl LogSink for FilterLog {
    fn log(&self, _: LogContext<'_>, level: LogLevel, message: &[u8]) {
        let vm = self.vm;
        // A line must stay one line, whatever a client made the filter quote.
        let text = String::from_utf8_lossy(message)
            .trim_end()
            .replace(|character: char| character.is_control(), " ");
        if text.starts_with(OUT_OF_MEMORY) {
            self.out_of_memory.store(true, Ordering::Relaxed);
        }
        match level {
            LogLevel::Trace => tracing::trace!(target: "filter", vm, "{text}"),
            LogLevel::Debug => tracing::debug!(target: "filter", vm, "{text}"),
            LogLevel::Info => tracing::info!(target: "filter", vm, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "filter", vm, "{text}"),
            LogLevel::Error | LogLevel::Critical => tracing::error!(target: "filter", vm, "{text}"),
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}
