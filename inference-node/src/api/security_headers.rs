//! What every answer tells browsers.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};

/// Two years, as the browsers' preload list asks for; subdomains are somebody else's to decide.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");
/// For answers that are no page.
const DATA: [(HeaderName, HeaderValue); 2] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Adds what is not there yet. A problem stays as it is: it is the same at every gate, to the byte,
/// but for what belongs to the listener.
pub(crate) fn add(headers: &mut HeaderMap, is_tls: bool) {
    if is_tls {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    if headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/problem+json") {
        return;
    }
    for (name, value) in DATA {
        headers.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_own_policy_and_only_tls_asks_for_tls() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("script-src 'self'"));
        add(&mut headers, false);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "script-src 'self'");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
        add(&mut headers, true);
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=63072000");
    }
}
