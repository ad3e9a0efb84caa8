//! The HTTP interface of the node, behind a gate.
//!
//! One line per route. A request passes, in this order: draining, permit, upload budget, whole body,
//! inspection, admission, its turn, single use of permit and nonce, decoding, model.

pub mod background;
mod blocking;
pub mod error;
pub mod operator;
pub mod permit;
pub mod request_log;
pub mod upload;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::routing::any;
use bytes::Bytes;
use filter::body::{self, CleanImage};
use filter::policy::{ImageLimits, Mode};
use filter::{Claims, KeyRing, Policy, hex};

use crate::clock;
use crate::engine::{Engine, Slot};
use crate::metrics::Metrics;
use crate::models::background::BackgroundRemoval;
use crate::shutdown::Drain;
use blocking::on_a_thread;
use error::ApiError;
use permit::{PermitError, Permits};
use upload::{Holder, Uploads};

/// Everything the handlers need.
pub struct Node<K> {
    /// The key records of this node.
    pub keys: K,
    /// The policy whose limits bodies are judged by.
    pub policy: Arc<Policy>,
    /// Opens permits.
    pub permits: Permits,
    /// The budget for uploads.
    pub uploads: Uploads,
    /// Background removal.
    pub background: Arc<Engine<BackgroundRemoval>>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whether the node is shutting down.
    pub drain: Drain,
}

/// The routes of the public listener. Each of them needs a permit.
pub fn routes<K: KeyRing + Send + Sync + 'static>(node: Arc<Node<K>>) -> Router {
    Router::new()
        .route("/v1/background-removal", any(background::handle::<K>))
        .fallback(no_endpoint::<K>)
        .with_state(node)
}

/// A path that nothing here serves: without a permit it is not even told that.
async fn no_endpoint<K: KeyRing>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    match node.open(request) {
        Ok((claims, _)) => ApiError::NoEndpoint.reply(&claims),
        Err(error) => ApiError::from(error).reply_without_permit(),
    }
}

/// A request whose permit, body and image are all in order, with the right to compute.
pub(crate) struct Admitted {
    pub(crate) claims: Claims,
    pub(crate) image: CleanImage<Bytes>,
    pub(crate) limits: ImageLimits,
    pub(crate) slot: Slot,
}

impl<K: KeyRing> Node<K> {
    /// Whether the permit of a request is for it, and the rest of the request.
    fn open(&self, request: Request) -> Result<(Claims, Body), PermitError> {
        let (head, body) = request.into_parts();
        let claims = self.permits.open(&head, &self.keys, clock::now())?;
        if claims.mode == Mode::Report {
            tracing::info!(
                request_id = %hex::encode(&claims.id.0),
                reported = claims.reported.join(","),
                "a request passes that its gate would have refused"
            );
        }
        Ok((claims, body))
    }

    /// Everything between the head of a request and its work.
    async fn admit(&self, claims: Claims, body: Body) -> Result<Admitted, ApiError> {
        if self.drain.has_begun() {
            return Err(ApiError::Draining);
        }
        let upload = self.uploads.reserve(Holder::of(&claims), claims.content_length)?;
        let bytes = upload.receive(body).await?;
        let path = claims.target.split('?').next().unwrap_or_default();
        let route = self.policy.route(&claims.method, path).map_err(|_| ApiError::NoEndpoint)?;
        let (route, limits) = (Arc::clone(route), route.image);
        let ((claims, image), _) = on_a_thread(move || {
            let image = body::inspect(bytes, &claims, &route)?;
            Ok((claims, image))
        })
        .await?;
        self.metrics.image(image.format(), image.extras());
        let slot = self.background.admit()?;
        Ok(Admitted { claims, image, limits, slot })
    }
}
