//! Plain HTTP, where clients are told the address that speaks TLS, and nothing else.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use tower::{Service, service_fn};

use crate::lingering::RequestBody;

/// Sends every request to `authority`, whatever host it names: a foreign one must not be made to
/// look like ours.
pub fn service(
    authority: &str,
) -> impl Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let authority: std::sync::Arc<str> = authority.into();
    service_fn(move |request: Request<RequestBody>| {
        let target = request.uri().path_and_query().map(PathAndQuery::as_str);
        let answer = answer(&authority, target.unwrap_or_default());
        async move { Ok(answer) }
    })
}

fn answer(authority: &str, target: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    // A request for a proxy, or for the server as a whole, names no page.
    let location = target.starts_with('/').then(|| format!("https://{authority}{target}"));
    let location = location.and_then(|location| HeaderValue::from_str(&location).ok());
    *response.status_mut() = match location {
        Some(_) => StatusCode::PERMANENT_REDIRECT,
        None => StatusCode::BAD_REQUEST,
    };
    let headers = response.headers_mut();
    headers.extend(location.map(|location| (header::LOCATION, location)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_kept_and_the_host_is_ours() {
        for (target, location) in [
            ("/v1/background-removal?a=b", "https://img.example/v1/background-removal?a=b"),
            ("//evil.example/", "https://img.example//evil.example/"),
            ("/@evil.example", "https://img.example/@evil.example"),
        ] {
            let response = answer("img.example", target);
            assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
            assert_eq!(response.headers()[header::LOCATION], location);
        }
        for target in ["", "*", "evil.example:443"] {
            let response = answer("img.example", target);
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{target}");
            assert!(!response.headers().contains_key(header::LOCATION));
        }
    }
}
