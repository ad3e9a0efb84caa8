//! One request: judged, then piped to the node.

use filter::checks::credential;
use filter::{
    Headers, NeedsPrefix, PermitId, Release, RequestHead, Step, Tail, UnixMillis, permit,
};
use futures_util::{StreamExt as _, stream};
use worker::{ByteStream, Date, Fetch, FixedLengthStream, Method, Request, RequestInit, Response};

use crate::config::Config;
use crate::response;

/// The fields that are the gate's own, in both directions.
const OWN_PREFIX: &str = "lunette-";

/// Judges `request`; sends it on or answers it here.
pub(crate) async fn pass(config: &Config, mut request: Request) -> worker::Result<Response> {
    let mut seed = [0; 16];
    if getrandom::fill(&mut seed).is_err() {
        return response::unavailable("gate-unavailable", "the gate cannot judge now");
    }
    let id = PermitId(seed);
    let headers = Headers::new(request.headers().entries());
    let target = target(&request.inner().url());
    let method = request.method().to_string();
    let client = request.headers().get("cf-connecting-ip")?.and_then(|text| text.parse().ok());
    let head = RequestHead { method: &method, target: &target, headers: &headers, client };

    let prefix = match config.filter.begin(now(), seed).head(&head, &config.keys) {
        Step::NeedsPrefix(prefix) => prefix,
        Step::Reject(rejection) => return response::reply(rejection.reply(id)),
        Step::Release(_) => {
            return response::unavailable("gate-unavailable", "the gate cannot judge now");
        }
    };
    let mut body = request.stream()?;
    match judge_prefix(prefix, &mut body).await {
        Ok((release, start)) => forward(config, release, start, body, &headers, &target).await,
        Err(Refused::Rejected(rejection)) => response::reply(rejection.reply(id)),
        Err(Refused::BrokeOff(error)) => Err(error),
    }
}

enum Refused {
    Rejected(filter::Rejection),
    BrokeOff(worker::Error),
}

/// Reads the body until the image header is judged. What was read is held: at most the policy's
/// `header_bytes` and one chunk.
async fn judge_prefix(
    mut prefix: NeedsPrefix,
    body: &mut ByteStream,
) -> Result<(Release, Vec<Vec<u8>>), Refused> {
    let mut held = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(Refused::BrokeOff)?;
        let step = prefix.chunk(&chunk);
        held.push(chunk);
        match step {
            Step::NeedsPrefix(more) => prefix = more,
            Step::Release(release) => return Ok((release, held)),
            Step::Reject(rejection) => return Err(Refused::Rejected(rejection)),
        }
    }
    Err(Refused::Rejected(prefix.end()))
}

/// Sends the head on with its permit, then what was held, then the rest as it comes. The stream has
/// a fixed length, so a body that breaks off is an abort for the node and never a clean end.
async fn forward(
    config: &Config,
    release: Release,
    held: Vec<Vec<u8>>,
    rest: ByteStream,
    headers: &Headers,
    target: &str,
) -> worker::Result<Response> {
    let claims = release.permit.claims().clone();
    let length = claims.content_length;
    let Ok(sealed) = config.filter.gate().permit_key.seal(claims) else {
        return response::unavailable("gate-unavailable", "the gate cannot judge now");
    };
    let outgoing = worker::Headers::new();
    for (name, value) in headers.iter() {
        let own = name.starts_with(OWN_PREFIX) || name.starts_with("cf-") || name == "x-request-id";
        if !own && name != "upgrade" && !credential::FIELDS.contains(&name) {
            outgoing.append(name, &String::from_utf8_lossy(value))?;
        }
    }
    outgoing.set(permit::HEADER, &sealed)?;

    let held = stream::iter(held.into_iter().map(Ok));
    let rest = rest.scan(release.tail, |tail, chunk| {
        std::future::ready(Some(chunk.and_then(|chunk| count(tail, chunk))))
    });
    let body = FixedLengthStream::wrap(held.chain(rest), length);
    let body = worker::worker_sys::FixedLengthStream::from(body);
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(outgoing).with_body(Some(body.readable().into()));
    let request = Request::new_with_init(&format!("{}{target}", config.upstream), &init)?;
    let answer = Fetch::Request(request).send().await?;
    response::without_own_fields(answer)
}

fn count(tail: &mut Tail, chunk: Vec<u8>) -> worker::Result<Vec<u8>> {
    match tail.chunk(chunk.len()) {
        Ok(()) => Ok(chunk),
        Err(rejection) => Err(worker::Error::RustError(rejection.to_string())),
    }
}

/// Path and query of an absolute URL, as they stand there.
fn target(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').map_or("/", |at| &after_scheme[at..]).to_owned()
}

fn now() -> UnixMillis {
    UnixMillis(Date::now().as_millis())
}
