//! The HTTP interface of the node, behind a gate.
//!
//! One line per route. A request passes, in this order: draining, permit, what its key may have at once, upload
//! budget, whole body, inspection, admission, its turn, single use of permit and nonce, decoding, model.

pub mod background;
mod blocking;
mod codec;
pub mod concurrent;
pub mod error;
pub(crate) mod faces;
mod ocr;
pub mod operator;
pub mod page;
pub mod permit;
pub mod refusal_lines;
pub mod request_log;
pub(crate) mod security_headers;
pub(crate) mod stages;
pub mod upload;
mod work;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::routing::any;
use bytes::Bytes;
use filter::body::{self, CleanImage, Fields};
use filter::permit::{Credential, Invalid};
use filter::policy::{Dialect, ImageLimits, Mode, Tier};
use filter::{Claims, KeyRing, Policy, Route, hex};

use crate::clock;
use crate::engine::Engine;
use crate::holder::Holder;
use crate::image::pool::Pool;
use crate::metrics::{Dropped, Metrics};
use crate::models::text::TextReading;
use crate::shutdown::Drain;
use background::Models;
use blocking::on_a_thread;
use concurrent::{Concurrent, Place};
use error::ApiError;
use permit::{PermitError, Permits};
use upload::Uploads;

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
    /// How many requests one may have under way.
    pub concurrent: Concurrent,
    /// Background removal.
    pub background: Models,
    /// Text reading, where it is served.
    pub text: Option<Arc<Engine<TextReading>>>,
    /// The threads that decode and encode.
    pub codec: Arc<Pool>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whether the node is shutting down.
    pub drain: Drain,
}

/// The routes of the public listener. Each of them needs a permit.
pub fn routes<K: KeyRing + Send + Sync + 'static>(node: Arc<Node<K>>) -> Router {
    let pages = page::PAGES.iter().fold(Router::new(), |routes, page| {
        let give = move |node, request| async move { page::give::<K>(page, node, request) };
        routes.route(page.path, any(give))
    });
    pages
        .route("/v1/background-removal", any(background::ours::<K>))
        .route("/api/remove", any(faces::rembg::<K>))
        .route("/v1.0/removebg", any(faces::remove_bg::<K>))
        .route("/v1.0/account", any(faces::account::<K>))
        .route("/v1/ocr", any(ocr::ours::<K>))
        .route("/ocr", any(faces::rapidocr::<K>))
        .fallback(no_endpoint::<K>)
        .with_state(node)
}

/// A path that nothing here serves: without a permit it is not even told that.
async fn no_endpoint<K: KeyRing>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    match node.open(request) {
        Ok((claims, _)) => ApiError::NoEndpoint.reply(&claims, node.dialect(&claims)),
        Err(error) => ApiError::from(error).reply_without_permit(),
    }
}

/// A request whose permit, body and image are all in order.
pub(crate) struct Admitted {
    pub(crate) claims: Claims,
    pub(crate) image: CleanImage<Bytes>,
    /// The parameters of its query.
    pub(crate) parameters: Fields,
    pub(crate) limits: ImageLimits,
    /// It is under way for as long as this is held.
    pub(crate) place: Place,
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
        // What asks nobody is this node's own policy to say, and no gate's.
        let is_page = || self.route(&claims).is_some_and(|route| route.anonymous);
        if claims.credential == Credential::Anonymous && !is_page() {
            return Err(Invalid::Malformed.into());
        }
        Ok((claims, body))
    }

    /// The route of a request, by this node's policy.
    fn route(&self, claims: &Claims) -> Option<&Arc<Route>> {
        let path = claims.target.split('?').next().unwrap_or_default();
        self.policy.route(&claims.method, path).ok()
    }

    /// The API whose errors an answer carries.
    fn dialect(&self, claims: &Claims) -> Dialect {
        self.route(claims).map(|route| route.dialect).unwrap_or_default()
    }

    /// The tier that a request belongs to, if the policy knows it; nobody's has none.
    fn tier(&self, claims: &Claims) -> Option<&Tier> {
        match claims.credential {
            Credential::Key(_) | Credential::Token(_) => self.policy.tiers.get(&claims.tier),
            Credential::Unverified | Credential::Anonymous => None,
        }
    }

    /// Everything between the head of a request and its work.
    async fn admit(&self, claims: Claims, body: Body) -> Result<Admitted, ApiError> {
        if self.drain.has_begun() {
            return Err(ApiError::Draining);
        }
        let most = self.tier(&claims).and_then(|tier| tier.concurrent);
        let place = self
            .concurrent
            .enter(Holder::of(&claims), most)
            .inspect_err(|_| self.metrics.dropped(Dropped::Concurrent))?;
        let upload = self.uploads.reserve(Holder::of(&claims), claims.content_length)?;
        let started = Instant::now();
        let bytes = upload.receive(body).await?;
        self.metrics.stage("upload", started.elapsed());
        let route = Arc::clone(self.route(&claims).ok_or(ApiError::NoEndpoint)?);
        let limits = route.image;
        let parameters = body::query(&claims.target, &route)?;
        let ((claims, image), inspecting) = on_a_thread(move || {
            let image = body::inspect(bytes, &claims, &route)?;
            Ok((claims, image))
        })
        .await?;
        self.metrics.stage("inspect", inspecting);
        self.metrics.image(image.format(), image.dimensions(), image.extras());
        Ok(Admitted { claims, image, parameters, limits, place })
    }
}
