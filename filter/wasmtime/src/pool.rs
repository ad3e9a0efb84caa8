//! The VMs of a gate, and which of them takes the next request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::stream::Stream;
use crate::vm::{Entry, Vm};

/// All VMs of a gate.
pub(crate) struct Pool {
    vms: Vec<Arc<Vm>>,
    next: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(vms: Vec<Arc<Vm>>) -> Self {
        Self { vms, next: AtomicUsize::new(0) }
    }

    pub(crate) fn vms(&self) -> impl Iterator<Item = &Vm> {
        self.vms.iter().map(|vm| &**vm)
    }

    /// Binds a request to the VM with the fewest requests, or to the next one that is up.
    ///
    /// A request on which a VM fails is not tried on another: it would take them all down.
    pub(crate) fn enter(&self, mut stream: Stream, end_of_stream: bool) -> (Entry, Stream) {
        for vm in self.by_preference() {
            let entry;
            (entry, stream) = vm.enter(stream, end_of_stream);
            if !matches!(entry, Entry::Down) {
                return (entry, stream);
            }
        }
        (Entry::Down, stream)
    }

    /// The least busy VM, then all in turn; the turn starts one further for every request.
    fn by_preference(&self) -> impl Iterator<Item = &Arc<Vm>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.vms.len().max(1);
        let (before, from_start) = self.vms.split_at(start);
        let turn = from_start.iter().chain(before);
        turn.clone().min_by_key(|vm| vm.load()).into_iter().chain(turn)
    }
}
