//! A filter that obeys the request, an inner service that remembers, and a client that sends slowly.

mod client;
mod upstream;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use filter_wasmtime::{Abort, BoxError, Gate, GateOptions, Outcome, ReplyBody, Verdict};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinHandle;
use tower::{Layer as _, ServiceExt as _, service_fn};

pub(crate) use self::client::{Sender, settle};
pub(crate) use self::upstream::{Seen, Upstream};

/// The filter that does what each request tells it to; see `filter.wat`.
pub(crate) const OBEDIENT: &str = include_str!("filter.wat");

/// Options whose deadline no busy machine reaches by itself.
pub(crate) fn options(vms: usize) -> GateOptions {
    GateOptions {
        vms: NonZeroUsize::new(vms).expect("at least one VM"),
        call_deadline: Duration::from_millis(400),
        memory_bytes: 8 << 20,
        ..GateOptions::default()
    }
}

/// A gate with the obedient filter.
pub(crate) fn gate(vms: usize) -> Gate {
    gate_with(options(vms))
}

/// A gate with the obedient filter and these options.
pub(crate) fn gate_with(options: GateOptions) -> Gate {
    Gate::load(&module(OBEDIENT), options).expect("the obedient filter loads")
}

/// Compiles `wat` to a file of its own. `<<text>>` becomes the address and the length of a constant.
pub(crate) fn module(wat: &str) -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("filter-{}-{number}.wasm", std::process::id()));
    let wasm = wat::parse_str(with_texts(wat)).expect("the filter's WAT is well formed");
    std::fs::write(&path, wasm).expect("the test's folder is writable");
    path
}

fn with_texts(wat: &str) -> String {
    let (mut code, mut data, mut address) = (String::new(), String::new(), 1024);
    let mut known = HashMap::new();
    let mut rest = wat;
    // The comment that explains `<<text>>` has one too, which harms nobody.
    while let Some((before, after)) = rest.split_once("<<") {
        let (text, after) = after.split_once(">>").expect("a text ends with >>");
        let length = text.len() - 2 * text.matches('\\').count();
        let (at, _) = *known.entry(text).or_insert_with(|| {
            let at = address;
            writeln!(data, "(data (i32.const {at}) \"{text}\")").expect("a string takes it");
            address += length;
            (at, length)
        });
        code.push_str(before);
        write!(code, "(i32.const {at}) (i32.const {length})").expect("a string takes it");
        rest = after;
    }
    let end = rest.trim_end().strip_suffix(')').expect("a module ends with a parenthesis");
    format!("{code}{end}{data})")
}

/// What the client got.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) verdict: Verdict,
    pub(crate) body: Result<Vec<u8>, String>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body.as_ref().expect("a whole body")).into_owned()
    }

    /// Asserts that the inner service answered.
    #[track_caller]
    pub(crate) fn assert_passed(&self) {
        assert_eq!((self.status, self.verdict.outcome), (StatusCode::OK, Outcome::Passed));
    }

    /// Asserts that this is the gate's own answer with this status and code.
    #[track_caller]
    pub(crate) fn assert_problem(&self, abort: Abort, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.verdict.outcome, Outcome::Stopped(abort));
        assert_eq!(self.verdict.code(), Some(code));
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["cache-control"], "no-store");
        let start = format!(r#"{{"type":"urn:lunette:problem:{code}","title":""#);
        assert!(self.text().starts_with(&start), "{}", self.text());
        assert!(self.text().contains(&format!(r#""status":{status},"detail":""#)));
        assert!(self.text().contains(&format!(r#""code":"{code}""#)));
    }

    /// Asserts that the gate failed closed.
    #[track_caller]
    pub(crate) fn assert_unavailable(&self) {
        self.assert_problem(Abort::Unavailable, 503, "gate-unavailable");
        assert_eq!(self.headers["retry-after"], "1");
    }

    /// Asserts that the filter answered itself.
    #[track_caller]
    pub(crate) fn assert_refused_by_filter(&self) {
        assert_eq!(self.status, StatusCode::FORBIDDEN, "{self:?}");
        assert_eq!(self.verdict.outcome, Outcome::Stopped(Abort::Refused));
        assert_eq!(self.verdict.code(), Some("no-entry"));
        assert_eq!(self.verdict.reason(), Some("told-so"));
        assert_eq!(self.text(), "no entry");
        let headers = [("content-type", "text/plain")]
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        assert_eq!(self.headers, headers.into_iter().collect(), "exactly the filter's headers");
    }
}

/// A request that tells the obedient filter what to do.
pub(crate) fn request(headers: &[(&str, &str)]) -> http::request::Builder {
    headers.iter().fold(Request::builder().uri("/v1/x?q=%2f"), |request, (name, value)| {
        request.header(*name, *value)
    })
}

/// A whole body in one chunk.
pub(crate) fn whole(body: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(body.into())
}

/// Sends `request` through `gate` to `upstream` and waits for the whole answer.
pub(crate) async fn send<B>(gate: &Gate, upstream: &Upstream, request: Request<B>) -> Reply
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    read(respond(gate, upstream, request).await).await
}

/// Sends a request with headers and a whole body.
pub(crate) async fn send_whole(
    gate: &Gate,
    upstream: &Upstream,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Reply {
    send(gate, upstream, request(headers).body(whole(body)).expect("a request")).await
}

/// Sends `request` and returns as soon as there is a head.
pub(crate) async fn respond<B>(
    gate: &Gate,
    upstream: &Upstream,
    request: Request<B>,
) -> Response<ReplyBody>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let upstream = upstream.clone();
    let service = service_fn(move |request| {
        let upstream = upstream.clone();
        async move { Ok::<_, Infallible>(upstream.serve(request).await) }
    });
    match gate.layer(service).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Reads a response to its end.
pub(crate) async fn read(response: Response<ReplyBody>) -> Reply {
    let (parts, body) = response.into_parts();
    let verdict = parts.extensions.get::<Verdict>().expect("every response has a verdict").clone();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec());
    Reply {
        status: parts.status,
        headers: parts.headers,
        verdict,
        body: body.map_err(|error| error.to_string()),
    }
}

/// Starts a request whose body the test sends piece by piece.
pub(crate) async fn start(
    gate: &Gate,
    upstream: &Upstream,
    headers: &[(&str, &str)],
) -> (Sender, JoinHandle<Reply>) {
    let (sender, body) = client::channel();
    let request = request(headers).body(body).expect("a request");
    let (gate, upstream) = (gate.clone(), upstream.clone());
    let reply = tokio::spawn(async move { send(&gate, &upstream, request).await });
    settle().await;
    (sender, reply)
}

/// The answer to a request under way, which must come soon.
pub(crate) async fn answer(reply: JoinHandle<Reply>) -> Reply {
    let reply = tokio::time::timeout(Duration::from_secs(20), reply).await;
    reply.expect("an answer in time").expect("the request's task did not panic")
}
