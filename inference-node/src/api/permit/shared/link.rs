//! One connection to Redis: checked when it is made and every second, given up when it fails, made
//! again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

use super::SharedError;
use crate::clock;

/// How often a connection is checked, also while nobody asks.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long making and checking a connection may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The pause before a connection is made again; it doubles while that fails.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest of these pauses.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A connection that is there, or is being made again.
pub(super) struct Link {
    client: Client,
    /// The key that says when Redis began to remember.
    began: String,
    state: Mutex<State>,
    losses: AtomicU64,
}

struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, so that a late failure of an old one does not end the new one.
    generation: u64,
}

impl Link {
    /// Makes the first connection.
    pub(super) async fn connect(client: Client, began: String) -> Result<Arc<Self>, SharedError> {
        let connection = make(&client, &began).await?;
        let state = Mutex::new(State { connection: Some(connection), generation: 0 });
        let link = Arc::new(Self { client, began, state, losses: AtomicU64::new(0) });
        tokio::spawn(watch(Arc::downgrade(&link)));
        Ok(link)
    }

    /// The connection and its number; `None` while there is none.
    pub(super) fn connection(&self) -> Option<(MultiplexedConnection, u64)> {
        let state = self.lock();
        Some((state.connection.clone()?, state.generation))
    }

    /// How often the connection was lost.
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// Gives up connection `generation`, which failed, and makes another in the background.
    pub(super) fn lost(self: &Arc<Self>, generation: u64, problem: &SharedError) {
        let mut state = self.lock();
        if state.generation != generation || state.connection.is_none() {
            return;
        }
        state.connection = None;
        drop(state);
        self.losses.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%problem, "the shared store is lost: requests get 503");
        tokio::spawn(Arc::clone(self).renew());
    }

    async fn renew(self: Arc<Self>) {
        let mut pause = PAUSE;
        let connection = loop {
            tokio::time::sleep(pause).await;
            match make(&self.client, &self.began).await {
                Ok(connection) => break connection,
                Err(problem) => tracing::debug!(%problem, "the shared store is still lost"),
            }
            pause = (2 * pause).min(PAUSE_MAX);
        };
        let mut state = self.lock();
        state.connection = Some(connection);
        state.generation += 1;
        drop(state);
        tracing::info!("the shared store is back");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the connection as long as anyone has the link.
async fn watch(link: Weak<Link>) {
    loop {
        tokio::time::sleep(CHECK_EVERY).await;
        let Some(link) = link.upgrade() else { return };
        let Some((mut connection, generation)) = link.connection() else { continue };
        if let Err(problem) = within(PATIENCE, check(&mut connection, &link.began)).await {
            link.lost(generation, &problem);
        }
    }
}

/// A connection to a Redis that can be trusted to remember.
async fn make(client: &Client, began: &str) -> Result<MultiplexedConnection, SharedError> {
    let options = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    within(PATIENCE, async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&options).await?;
        check(&mut connection, began).await?;
        Ok(connection)
    })
    .await
}

/// Whether Redis keeps what it is told, and can be told something now.
async fn check(connection: &mut MultiplexedConnection, began: &str) -> Result<(), SharedError> {
    let memory: String = redis::cmd("INFO").arg("memory").query_async(connection).await?;
    let policy = memory.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
    let policy = policy.unwrap_or("unknown").trim();
    if policy != "noeviction" {
        return Err(SharedError::Evicts(policy.to_owned()));
    }
    // A replica refuses this, and so does one without memory; where the mark is gone, everything is.
    let mut mark = redis::cmd("SET");
    mark.arg(began).arg(clock::now().0).arg("NX");
    let _: Option<String> = mark.query_async(connection).await?;
    Ok(())
}

async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, SharedError>>,
) -> Result<T, SharedError> {
    tokio::time::timeout(deadline, work).await.unwrap_or(Err(SharedError::Slow(deadline)))
}
