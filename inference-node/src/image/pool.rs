//! The threads that decode and encode, apart from those that answer requests and those that run models.
//!
//! There is a stated number of them, and a stated number of jobs. A decoder cannot be stopped from outside: how long one
//! may take follows from the pixels, bytes and scans that the policy lets through, and `bench decode` measures it. Until
//! it is done it keeps its thread and its image's turn, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::{Semaphore, oneshot};

/// The most jobs that wait or run. Every job holds the turn of its image, and there are far fewer turns.
const JOBS: usize = 1024;

/// Threads for decoding and encoding.
pub struct Pool {
    threads: ThreadPool,
    free: Arc<Semaphore>,
}

/// Why a job gave nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PoolError {
    /// As many jobs wait as may.
    #[error("too many images are being decoded or encoded")]
    Full,
    /// The job panicked.
    #[error("a codec panicked")]
    Panicked,
}

impl Pool {
    /// Starts `threads` threads, at least one.
    pub fn start(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("codec-{index}"))
            .build()?;
        Ok(Self { threads, free: Arc::new(Semaphore::new(JOBS)) })
    }

    /// Runs `work` on one of the threads, first come, first served, and times it from its beginning. A panic harms only
    /// its own job. If the caller goes away before the job begins it never does; once begun, it ends.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Duration), PoolError> {
        let job = Arc::clone(&self.free).try_acquire_owned().map_err(|_| PoolError::Full)?;
        let (reply, result) = oneshot::channel();
        self.threads.spawn_fifo(move || {
            let _job = job;
            if reply.is_closed() {
                return;
            }
            let started = Instant::now();
            // What the job had is gone with it: nothing is left half-done.
            let output = catch_unwind(AssertUnwindSafe(work));
            let output = output.map(|output| (output, started.elapsed()));
            // The caller may have gone away meanwhile.
            let _ = reply.send(output.map_err(|_| PoolError::Panicked));
        });
        result.await.unwrap_or(Err(PoolError::Panicked))
    }

    /// Jobs that wait or run.
    pub fn jobs(&self) -> usize {
        JOBS.saturating_sub(self.free.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn pool(threads: usize) -> Arc<Pool> {
        Arc::new(Pool::start(threads).unwrap())
    }

    /// A job that holds its thread until the sender is dropped, once it has begun.
    async fn busy(pool: &Arc<Pool>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (hold, until) = mpsc::channel::<()>();
        let (begin, has_begun) = oneshot::channel();
        let pool = Arc::clone(pool);
        let job = tokio::spawn(async move {
            let work = move || {
                begin.send(()).unwrap();
                let _ = until.recv();
            };
            pool.run(work).await.unwrap();
        });
        has_begun.await.unwrap();
        (hold, job)
    }

    #[tokio::test]
    async fn a_panic_harms_only_its_own_job() {
        let pool = pool(1);
        let panicked = pool.run(|| -> u8 { panic!("scripted") }).await;
        assert_eq!(panicked.unwrap_err(), PoolError::Panicked);
        assert_eq!(pool.run(|| 7).await.unwrap().0, 7);
        assert_eq!(pool.jobs(), 0);
    }

    #[tokio::test]
    async fn a_job_whose_caller_left_is_not_begun_and_what_it_holds_is_dropped() {
        let pool = pool(1);
        let (hold, job) = busy(&pool).await;
        let (ran, image) = (Arc::new(AtomicBool::new(false)), Arc::new(()));
        let work = {
            let (ran, image) = (Arc::clone(&ran), Arc::clone(&image));
            move || {
                ran.store(true, Ordering::SeqCst);
                drop(image);
            }
        };
        let left = tokio::time::timeout(Duration::from_millis(20), pool.run(work)).await;
        assert!(left.is_err(), "it waits");
        assert_eq!(pool.jobs(), 2);
        drop(hold);
        job.await.unwrap();
        pool.run(|| ()).await.unwrap();
        assert!(!ran.load(Ordering::SeqCst), "it ran for nobody");
        assert_eq!(Arc::strong_count(&image), 1, "its image is gone");
    }

    #[tokio::test]
    async fn no_more_jobs_run_at_once_than_there_are_threads() {
        let pool = pool(2);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..20).map(|_| {
            let (pool, running, most) =
                (Arc::clone(&pool), Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                let work = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                pool.run(work).await.unwrap();
            })
        });
        for job in jobs.collect::<Vec<_>>() {
            job.await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_at_once() {
        let pool = pool(1);
        let (hold, job) = busy(&pool).await;
        let waiting: Vec<_> = (1..JOBS)
            .map(|_| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.run(|| ()).await.map(|_| ()) })
            })
            .collect();
        while pool.jobs() < JOBS {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| ()).await.unwrap_err(), PoolError::Full);
        drop(hold);
        job.await.unwrap();
        for job in waiting {
            assert_eq!(job.await.unwrap(), Ok(()));
        }
    }
}
