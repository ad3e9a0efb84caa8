//! One VM: the filter's instance, the requests bound to it, and how it comes back after a failure.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proxy_wasm_host::abi::v0_2_1::types::Action;
use proxy_wasm_host::abi::v0_2_1::{
    CallScope, ContextId, Guest, GuestError, GuestSpec, PluginConfig, Started, StreamKind,
};
use proxy_wasm_host::{Error, Limit};

use crate::alarm::Alarm;
use crate::log::FilterLog;
use crate::module::{LoadFault, chain};
use crate::stats::{Counters, Failure};
use crate::stream::Stream;

/// How long a VM that could not be rebuilt waits before the next attempt.
const BACK_OFF: Duration = Duration::from_secs(1);

/// What a VM is made from, again and again.
pub(crate) struct Recipe {
    pub(crate) spec: GuestSpec,
    pub(crate) plugin: PluginConfig,
    pub(crate) log: Arc<FilterLog>,
}

/// One instance of the filter and everything bound to it.
pub(crate) struct Vm {
    recipe: Recipe,
    counters: Arc<Counters>,
    // What others may ask without waiting for a call that is under way.
    bound: AtomicUsize,
    entering: AtomicUsize,
    serving: AtomicBool,
    state: Mutex<State>,
}

struct State {
    instance: Option<Instance>,
    /// Grows with every failure, so that a request of the instance before is told apart.
    generation: u64,
    alarms: BTreeMap<ContextId, Arc<Alarm>>,
    retry_at: Instant,
}

struct Instance {
    guest: Guest,
    root: ContextId,
}

/// A request's place in a VM.
pub(crate) struct Binding {
    vm: Arc<Vm>,
    generation: u64,
    context: ContextId,
    pub(crate) alarm: Arc<Alarm>,
}

/// The filter failed under this request, or had failed before it was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost;

/// How a request entered a VM.
pub(crate) enum Entry {
    Bound(Binding, Action),
    /// The filter failed on this request.
    Lost,
    /// The VM is waiting to be rebuilt and has not seen the request.
    Down,
}

impl Vm {
    /// Builds and starts the first instance.
    pub(crate) fn start(recipe: Recipe, counters: Arc<Counters>) -> Result<Self, LoadFault> {
        let instance = build(&recipe)?;
        let state = State {
            instance: Some(instance),
            generation: 0,
            alarms: BTreeMap::new(),
            retry_at: Instant::now(),
        };
        Ok(Self {
            recipe,
            counters,
            bound: AtomicUsize::new(0),
            entering: AtomicUsize::new(0),
            serving: AtomicBool::new(true),
            state: Mutex::new(state),
        })
    }

    /// How many requests are bound to this VM.
    pub(crate) fn bound(&self) -> usize {
        self.bound.load(Ordering::Relaxed)
    }

    /// How many requests are bound or about to be.
    pub(crate) fn load(&self) -> usize {
        self.bound() + self.entering.load(Ordering::Relaxed)
    }

    /// Whether this VM has an instance that takes requests.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    /// Creates a context for `stream` and shows its head to the filter.
    pub(crate) fn enter(self: &Arc<Self>, stream: Stream, end_of_stream: bool) -> (Entry, Stream) {
        self.entering.fetch_add(1, Ordering::Relaxed);
        let entered = self.create(stream, end_of_stream);
        self.entering.fetch_sub(1, Ordering::Relaxed);
        entered
    }

    fn create(self: &Arc<Self>, stream: Stream, end_of_stream: bool) -> (Entry, Stream) {
        let mut state = self.lock();
        if state.instance.is_none() && Instant::now() >= state.retry_at {
            self.rebuild(&mut state);
        }
        let Some(instance) = &mut state.instance else { return (Entry::Down, stream) };

        let root = instance.root;
        let (result, stream) = instance.guest.with(stream, |scope| {
            let context = scope.on_context_create(Some(root))?;
            scope.expect_stream_kind(context, StreamKind::Http)?;
            scope.stream_mut().bind(context);
            let count = scope.stream_mut().request().count();
            Ok((context, scope.on_request_headers(context, count, end_of_stream)?))
        });
        match result {
            Ok((context, action)) => {
                let alarm = Arc::new(Alarm::default());
                state.alarms.insert(context, Arc::clone(&alarm));
                self.bound.store(state.alarms.len(), Ordering::Relaxed);
                let generation = state.generation;
                let binding = Binding { vm: Arc::clone(self), generation, context, alarm };
                (Entry::Bound(binding, action), stream)
            }
            Err(error) => {
                self.fail_with(state, &error);
                (Entry::Lost, stream)
            }
        }
    }

    fn fail_with(&self, state: MutexGuard<'_, State>, error: &GuestError) {
        let out_of_memory = self.recipe.log.take_out_of_memory();
        let failure = match error {
            GuestError::Runtime(Error::LimitExceeded { limit: Limit::Epoch }) => Failure::Deadline,
            GuestError::Runtime(Error::AllocationFailed { .. }) => Failure::OutOfMemory,
            _ if out_of_memory => Failure::OutOfMemory,
            _ => Failure::Trap,
        };
        self.fail(state, failure, &chain(error));
    }

    /// Replaces a failed instance and tells every request that it had.
    fn fail(&self, mut state: MutexGuard<'_, State>, failure: Failure, why: &str) {
        self.counters.fail(failure);
        state.instance = None;
        state.generation += 1;
        let alarms = std::mem::take(&mut state.alarms);
        self.bound.store(0, Ordering::Relaxed);
        tracing::error!(
            ?failure,
            requests = alarms.len(),
            "the filter failed, its requests are refused: {why}"
        );
        self.rebuild(&mut state);
        // Waking may run code of the executor that ends requests, so not under the lock.
        drop(state);
        for alarm in alarms.into_values() {
            alarm.ring();
        }
    }

    fn rebuild(&self, state: &mut State) {
        match build(&self.recipe) {
            Ok(instance) => {
                state.instance = Some(instance);
                self.counters.rebuild();
            }
            Err(fault) => {
                state.retry_at = Instant::now() + BACK_OFF;
                tracing::error!("the filter cannot be rebuilt, next attempt in 1 s: {fault}");
            }
        }
        self.serving.store(state.instance.is_some(), Ordering::Relaxed);
    }

    /// A panic elsewhere must not take the gate down; the runtime marks what it left half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Binding {
    /// Calls into the filter for this request.
    pub(crate) fn call<T>(
        &self,
        stream: Stream,
        callback: impl FnOnce(&mut CallScope<'_, Stream>, ContextId) -> Result<T, GuestError>,
    ) -> (Result<T, Lost>, Stream) {
        let mut state = self.vm.lock();
        let Some(instance) = self.instance(&mut state) else { return (Err(Lost), stream) };
        let (result, stream) = instance.guest.with(stream, |scope| callback(scope, self.context));
        let result = result.map_err(|error| {
            self.vm.fail_with(state, &error);
            Lost
        });
        (result, stream)
    }

    /// Ends this request: its context is logged and deleted.
    pub(crate) fn leave(&self, stream: Stream) {
        let mut state = self.vm.lock();
        let Some(instance) = self.instance(&mut state) else { return };
        let (done, _) = instance.guest.with(stream, |scope| {
            let done = scope.on_done(self.context)?;
            if done {
                scope.on_log(self.context)?;
                scope.on_delete(self.context)?;
            }
            Ok(done)
        });
        match done {
            Ok(true) => {
                state.alarms.remove(&self.context);
                self.vm.bound.store(state.alarms.len(), Ordering::Relaxed);
            }
            // With no ticks and no callouts it could never finish, and its context would stay.
            Ok(false) => self.vm.fail(state, Failure::Trap, "proxy_on_done answered false"),
            Err(error) => self.vm.fail_with(state, &error),
        }
    }

    /// The instance that knows this request, if it still lives.
    fn instance<'a>(&self, state: &'a mut State) -> Option<&'a mut Instance> {
        state.instance.as_mut().filter(|_| state.generation == self.generation)
    }
}

/// A new instance, started and configured.
fn build(recipe: &Recipe) -> Result<Instance, LoadFault> {
    let mut guest =
        recipe.spec.build().map_err(|error| LoadFault::of_build(error, recipe.log.last()))?;
    match guest.start(recipe.plugin.clone()) {
        Ok(Started::Serving(root)) => Ok(Instance { guest, root }),
        Ok(Started::Refused { callback, .. }) => {
            Err(LoadFault::Refused { callback: callback.export_name(), said: recipe.log.last() })
        }
        Err(error) => Err(LoadFault::Start { reason: chain(&error), said: recipe.log.last() }),
    }
}
