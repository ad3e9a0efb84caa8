//! The pages: what a browser is shown, and the description of the API. All of it is in the binary.
//!
//! The pages are for everybody, where the policy says so, and there is nothing of anybody on them. What is
//! typed and dropped into them stays in the browser's memory until it goes to the API.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, header};
use filter::{KeyRing, hex};

use super::Node;
use super::error::ApiError;

/// Scripts and styles are files of their own, from here and nowhere else; a picture may be one that a
/// script has made.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A file that is served as it is.
pub struct Page {
    /// Where.
    pub path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

/// The description of the API.
pub const OPENAPI: Page = Page {
    path: "/openapi.json",
    media_type: "application/json",
    text: include_str!("openapi.json"),
};

/// All of them.
pub const PAGES: &[Page] = &[
    Page { path: "/", media_type: HTML, text: include_str!("page.html") },
    Page { path: "/assets/page.css", media_type: CSS, text: include_str!("page.css") },
    Page { path: "/assets/page.js", media_type: SCRIPT, text: include_str!("page.js") },
    Page { path: "/docs", media_type: HTML, text: include_str!("docs.html") },
    Page { path: "/assets/docs.js", media_type: SCRIPT, text: include_str!("docs.js") },
    OPENAPI,
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

impl Page {
    /// The page as an answer.
    pub fn answer(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.text));
        for (name, value) in [
            (header::CONTENT_TYPE, self.media_type),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Gives a page to whom a gate let through. To read it twice with one permit does no harm, so it is not
/// written down.
pub(super) fn give<K: KeyRing>(
    page: &'static Page,
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    match node.open(request) {
        Ok((claims, _)) if claims.method == "GET" => {
            let mut response = page.answer();
            if let Ok(id) = HeaderValue::from_str(&hex::encode(&claims.id.0)) {
                response.headers_mut().insert("x-request-id", id);
            }
            response
        }
        Ok((claims, _)) => ApiError::NoEndpoint.reply(&claims, node.dialect(&claims)),
        Err(error) => ApiError::from(error).reply_without_permit(),
    }
}
