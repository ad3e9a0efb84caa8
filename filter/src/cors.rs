//! Which pages of other origins may read the answers: the CORS protocol of the Fetch standard.
//!
//! Who asks is told by a header field that the page sets itself, never by a cookie, so
//! `Access-Control-Allow-Credentials` is never said, and an origin is named or not: there is no `*`.

use http::HeaderName;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};

use crate::checks::credential;
use crate::request::Headers;
use crate::{Policy, RequestHead};

/// The most origins of a policy.
pub const ORIGINS_MAX: usize = 32;
/// How long a browser may remember what it was told, in seconds.
const MAX_AGE: &str = "600";
/// What a page may send beside credentials.
const REQUEST_FIELDS: [&str; 2] = ["content-digest", "content-type"];
/// What a page may read, beside what it always may.
const ANSWER_FIELDS: &str = "accept-signature, ratelimit, ratelimit-policy, retry-after, server-timing, \
                             www-authenticate, x-credits-charged, x-height, x-request-id, x-type, x-width";

/// What the origin of a request means for every answer to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Sharing {
    /// The policy lists no origins, and answers say nothing of them.
    #[default]
    Off,
    /// It lists others.
    Withheld,
    /// Pages of this origin may read the answers.
    With(String),
}

impl Sharing {
    /// What the policy says of the origin that a request names.
    pub(crate) fn of(policy: &Policy, headers: &Headers) -> Self {
        if policy.origins.is_empty() {
            return Self::Off;
        }
        let named = headers.one("origin").ok().flatten();
        let known = |origin: &&String| named == Some(origin.as_bytes());
        policy.origins.iter().find(known).cloned().map_or(Self::Withheld, Self::With)
    }

    /// The header fields that every answer has, refusals too: a page must learn why.
    pub(crate) fn fields(&self) -> Vec<(HeaderName, String)> {
        let vary = (VARY, "origin".to_owned());
        match self {
            Self::Off => vec![],
            Self::Withheld => vec![vary],
            Self::With(origin) => vec![
                vary,
                (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
                (ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_FIELDS.to_owned()),
            ],
        }
    }
}

/// A browser asks whether a page may send a request. Nobody is asked for a key, and the request goes no
/// further; it is answered, and nothing is wrong with it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a browser was told what a page may send")]
pub struct Preflight {
    /// The methods that the path takes.
    methods: String,
}

/// Whether a request is such a question, from an origin that the policy lists, about a path that is there.
pub(crate) fn preflight(
    policy: &Policy,
    head: &RequestHead<'_>,
    path: &str,
    sharing: &Sharing,
) -> Option<Preflight> {
    let asks = head.method == "OPTIONS" && head.headers.contains("access-control-request-method");
    if !asks || !matches!(sharing, Sharing::With(_)) {
        return None;
    }
    let routes = policy.routes.iter().filter(|route| route.path == path);
    let methods: Vec<_> = routes.map(|route| route.method.as_str()).collect();
    (!methods.is_empty()).then(|| Preflight { methods: methods.join(", ") })
}

impl Preflight {
    /// What the browser is told.
    pub(crate) fn fields(&self) -> [(HeaderName, String); 3] {
        let mut names: Vec<_> = credential::FIELDS.into_iter().chain(REQUEST_FIELDS).collect();
        names.sort_unstable();
        [
            (ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone()),
            (ACCESS_CONTROL_ALLOW_HEADERS, names.join(", ")),
            (ACCESS_CONTROL_MAX_AGE, MAX_AGE.to_owned()),
        ]
    }
}
