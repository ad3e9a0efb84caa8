//! Bodies are taken under a budget of their own, so that slow uploads never hold the model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::holder::Holder;

/// Bounds on uploads in progress.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// Bytes reserved by all uploads together, by their declared lengths.
    pub total_bytes: u64,
    /// Bytes that one holder may reserve.
    pub holder_bytes: u64,
    /// How long one upload may take.
    pub deadline: Duration,
    /// How long nothing may arrive.
    pub idle: Duration,
    /// The least bytes per second, after [`UploadLimits::grace`].
    pub min_rate: u64,
    /// How long an upload may be as slow as it likes.
    pub grace: Duration,
}

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UploadError {
    /// All of the budget is in use.
    #[error("too many uploads at once; send the request again")]
    Full,
    /// The holder's share of the budget is in use.
    #[error("too many uploads at once with this credential; send the request again")]
    Share,
    /// It stopped, or took too long.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// It was slower than the least rate.
    #[error("the body arrived too slowly")]
    TooSlow,
    /// It broke off.
    #[error("the body broke off")]
    Aborted,
    /// More came than was declared.
    #[error("the body is longer than Content-Length declares")]
    TooLong,
}

/// The budget of all uploads in progress. Cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    limits: UploadLimits,
    reserved: Arc<Mutex<Reserved>>,
}

/// Bytes in use; has no entry for a holder without uploads.
#[derive(Default)]
struct Reserved {
    total: u64,
    by_holder: HashMap<Holder, u64>,
}

impl Uploads {
    /// A budget within `limits`.
    pub fn new(limits: UploadLimits) -> Self {
        Self { limits, reserved: Arc::default() }
    }

    /// Bytes reserved now.
    pub fn reserved_bytes(&self) -> u64 {
        self.lock().total
    }

    /// Reserves `len` bytes for an upload of `holder`, at once or not at all.
    pub fn reserve(&self, holder: Holder, len: u64) -> Result<Upload, UploadError> {
        let mut reserved = self.lock();
        let held = reserved.by_holder.get(&holder).copied().unwrap_or(0);
        if held.saturating_add(len) > self.limits.holder_bytes {
            return Err(UploadError::Share);
        }
        if reserved.total.saturating_add(len) > self.limits.total_bytes {
            return Err(UploadError::Full);
        }
        reserved.total += len;
        reserved.by_holder.insert(holder.clone(), held + len);
        Ok(Upload { uploads: self.clone(), holder, len })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Reserved> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reservation; dropping it gives the bytes back.
pub struct Upload {
    uploads: Uploads,
    holder: Holder,
    len: u64,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut reserved = self.uploads.lock();
        reserved.total = reserved.total.saturating_sub(self.len);
        let held = reserved.by_holder.get(&self.holder).copied().unwrap_or(0);
        let left = held.saturating_sub(self.len);
        if left == 0 {
            reserved.by_holder.remove(&self.holder);
        } else {
            reserved.by_holder.insert(self.holder.clone(), left);
        }
    }
}

impl Upload {
    /// Takes the whole body; a body of another length than reserved is left to the inspection if
    /// it is shorter, and refused as soon as it is longer.
    pub async fn receive<B>(&self, mut body: B) -> Result<Bytes, UploadError>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let limits = self.uploads.limits;
        let started = Instant::now();
        let capacity = usize::try_from(self.len).map_err(|_| UploadError::TooLong)?;
        let mut bytes = BytesMut::new();
        loop {
            let now = Instant::now();
            let until = (now + limits.idle).min(started + limits.deadline);
            let frame = match timeout_at(until, body.frame()).await {
                Err(_) => return Err(UploadError::TimedOut),
                Ok(None) => return Ok(bytes.freeze()),
                Ok(Some(Err(_))) => return Err(UploadError::Aborted),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > capacity {
                return Err(UploadError::TooLong);
            }
            if bytes.is_empty() {
                bytes.reserve(capacity);
            }
            bytes.extend_from_slice(&data);
            if is_too_slow(&limits, started.elapsed(), bytes.len() as u64) {
                return Err(UploadError::TooSlow);
            }
        }
    }
}

fn is_too_slow(limits: &UploadLimits, elapsed: Duration, received: u64) -> bool {
    let counted = elapsed.saturating_sub(limits.grace).as_millis();
    u128::from(received) * 1000 < u128::from(limits.min_rate) * counted
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use filter::KeyId;
    use futures_util::{StreamExt as _, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    const LIMITS: UploadLimits = UploadLimits {
        total_bytes: 100,
        holder_bytes: 60,
        deadline: Duration::from_secs(30),
        idle: Duration::from_secs(10),
        min_rate: 10,
        grace: Duration::from_secs(2),
    };

    fn key(text: &str) -> Holder {
        Holder::Key(KeyId::parse(text).unwrap())
    }

    /// A body of `pieces` pieces of ten bytes, one every `every`.
    fn body(
        pieces: usize,
        every: Duration,
    ) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Unpin {
        let frames = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok(Frame::data(Bytes::from_static(&[7; 10])))
        });
        StreamBody::new(Box::pin(frames))
    }

    #[test]
    fn shares_are_kept_and_given_back() {
        let uploads = Uploads::new(LIMITS);
        let (a, b) = (key("aaaaaaaaaa"), key("bbbbbbbbbb"));
        let first = uploads.reserve(a.clone(), 60).unwrap();
        assert_eq!(uploads.reserve(a.clone(), 1).err(), Some(UploadError::Share));
        let second = uploads.reserve(b.clone(), 40).unwrap();
        assert_eq!(uploads.reserve(b.clone(), 1).err(), Some(UploadError::Full));
        assert_eq!(uploads.reserved_bytes(), 100);
        drop((first, second));
        assert_eq!(uploads.reserved_bytes(), 0);
        assert!(uploads.lock().by_holder.is_empty());
        assert_eq!(uploads.reserve(a.clone(), u64::MAX).err(), Some(UploadError::Share));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_arrives_whole() {
        let upload = Uploads::new(LIMITS).reserve(key("aaaaaaaaaa"), 50).unwrap();
        let bytes = upload.receive(body(5, Duration::from_millis(500))).await.unwrap();
        assert_eq!(bytes.len(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_or_trickles_is_given_up() {
        let uploads = Uploads::new(LIMITS);
        let upload = uploads.reserve(key("aaaaaaaaaa"), 50).unwrap();
        let stops = body(5, Duration::from_mins(1));
        assert_eq!(upload.receive(stops).await, Err(UploadError::TimedOut));
        let trickles = body(5, Duration::from_secs(3));
        assert_eq!(upload.receive(trickles).await, Err(UploadError::TooSlow));
        let longer = body(6, Duration::ZERO);
        assert_eq!(upload.receive(longer).await, Err(UploadError::TooLong));
    }
}
