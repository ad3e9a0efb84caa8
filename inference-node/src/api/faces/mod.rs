//! The APIs that people already call, as their clients know them.
//!
//! A face reads parameters and writes an answer. What is allowed, and what it costs, is the policy's, and a
//! request goes the same way through the node as one to our own API.

mod colour;
mod rapidocr;
pub(crate) mod rembg;
mod remove_bg;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use filter::KeyRing;

use super::Node;
use super::error::ApiError;
use super::{background, ocr};

/// `POST /api/remove`.
pub(super) async fn rembg<K: KeyRing>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    background::answer(&rembg::FACE, &node, request).await
}

/// `POST /v1.0/removebg`.
pub(super) async fn remove_bg<K: KeyRing>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    background::answer(&remove_bg::FACE, &node, request).await
}

/// `POST /ocr`.
pub(super) async fn rapidocr<K: KeyRing>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    ocr::answer(&rapidocr::FACE, &node, request).await
}

/// `GET /v1.0/account`.
pub(super) async fn account<K: KeyRing>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    match node.open(request) {
        Ok((claims, _)) => remove_bg::account(&claims),
        Err(error) => ApiError::from(error).reply_without_permit(),
    }
}

/// A yes or no, in the words that `FastAPI` takes.
fn is_set(text: Option<&str>) -> bool {
    let yes = ["1", "true", "t", "yes", "y", "on"];
    text.is_some_and(|text| yes.contains(&text.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::is_set;

    #[test]
    fn a_yes_has_many_words() {
        for text in ["true", "True", "1", "yes", "on"] {
            assert!(is_set(Some(text)), "{text}");
        }
        for text in [None, Some("false"), Some("0"), Some("no"), Some("off"), Some("")] {
            assert!(!is_set(text), "{text:?}");
        }
    }
}
