//! What a client still sends of a body that nobody wants any more.
//!
//! A connection of HTTP/1.1 that is closed while bytes arrive is reset, and a client that is still writing loses the
//! answer with it. So the rest is read and thrown away for a while, as nginx does with `lingering_close`; a client that
//! is done by then also keeps its connection.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Version, header};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;

/// How long the rest may take.
const WITHIN: Duration = Duration::from_secs(5);
/// How many bytes of it are read.
const BYTES: usize = 32 << 20;

/// Whether the rest of a request's body is worth reading.
#[derive(Clone, Copy)]
pub(crate) struct Leftover {
    is_read: bool,
}

impl Leftover {
    /// Over HTTP/2 a stream ends by itself. A client that asks first whether to send its body must not be told to.
    pub(crate) fn of(version: Version, headers: &HeaderMap) -> Self {
        Self { is_read: version < Version::HTTP_2 && !headers.contains_key(header::EXPECT) }
    }

    /// Reads what is left of `body`, beside everything else.
    pub(crate) fn discard<B>(self, body: B)
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        if !self.is_read || body.is_end_stream() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(WITHIN, async move {
            let mut body = pin!(body);
            let mut left = BYTES;
            while let Some(Ok(frame)) = body.frame().await {
                let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
                    break;
                };
                left = rest;
            }
        }));
    }
}
