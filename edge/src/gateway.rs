//! One request: judged, then piped to the node.

use filter::checks::credential;
use filter::{Clock, Headers, NeedsPrefix, Peer, Refused, Release, RequestHead, Step, drive};
use futures_util::{StreamExt as _, stream};
use worker::{ByteStream, Date, Fetch, FixedLengthStream, Method, Request, RequestInit, Response};

use crate::config::Config;
use crate::memory::{Memory, memory};
use crate::response;

/// The fields that are the gate's own, in both directions.
const OWN_PREFIX: &str = "lunette-";

/// Judges `request`; sends it on or answers it here.
pub(crate) async fn pass(config: &Config, mut request: Request) -> worker::Result<Response> {
    let mut seed = [0; 16];
    if getrandom::fill(&mut seed).is_err() {
        return response::unavailable("gate-unavailable", "the gate cannot judge now");
    }
    let headers = Headers::new(request.headers().entries());
    let target = target(&request.inner().url());
    let method = request.method().to_string();
    let authority = headers.one("host").ok().flatten().unwrap_or_default();
    let authority = std::str::from_utf8(authority).unwrap_or_default();
    let client = request.headers().get("cf-connecting-ip")?.and_then(|text| text.parse().ok());
    let peer = client.map_or(Peer::Unknown, Peer::Client);
    let head = RequestHead { method: &method, authority, target: &target, headers: &headers, peer };

    let clock = now();
    let Ok(memory) = memory(&config.filter, clock) else {
        return response::unavailable("gate-unavailable", "the gate cannot judge now");
    };
    let step = match memory.cache.lock() {
        Ok(mut cache) => config.filter.begin(clock, seed).head(&head, &config.keys, &mut cache),
        Err(_) => return response::unavailable("gate-unavailable", "the gate cannot judge now"),
    };
    let prefix = match drive(step, &memory.store, clock) {
        Step::NeedsPrefix(prefix) => prefix,
        Step::Reject(refused) => return response::reply(refused.reply()),
        Step::Release(_) | Step::NeedsAnswer(_) => {
            return response::unavailable("gate-unavailable", "the gate cannot judge now");
        }
    };
    let mut body = request.stream()?;
    match judge_prefix(prefix, &mut body, memory).await {
        Ok((release, start)) => {
            forward(config, memory, release, start, body, &headers, &target).await
        }
        Err(Stop::Refused(refused)) => response::reply(refused.reply()),
        Err(Stop::BrokeOff(error)) => Err(error),
    }
}

enum Stop {
    Refused(Box<Refused>),
    BrokeOff(worker::Error),
}

/// Reads the body until the image header is judged. What was read is held: at most the policy's
/// `header_bytes`, what a form or base64 adds to them, and one chunk.
async fn judge_prefix(
    mut prefix: NeedsPrefix,
    body: &mut ByteStream,
    memory: &Memory,
) -> Result<(Release, Vec<Vec<u8>>), Stop> {
    let mut held = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(Stop::BrokeOff)?;
        let step = drive(prefix.chunk(&chunk), &memory.store, now());
        held.push(chunk);
        match step {
            Step::NeedsPrefix(more) => prefix = more,
            Step::Release(release) => return Ok((release, held)),
            Step::Reject(refused) => return Err(Stop::Refused(Box::new(refused))),
            // Every lookup was answered.
            Step::NeedsAnswer(_) => {
                return Err(Stop::BrokeOff(worker::Error::RustError("no answer".to_owned())));
            }
        }
    }
    Err(Stop::Refused(Box::new(prefix.end())))
}

/// Sends the head on with its permit, then what was held, then the rest as it comes. The stream has
/// a fixed length, so a body that is longer or breaks off is an abort for the node and never a clean
/// end; what its bytes are, the node judges.
async fn forward(
    config: &Config,
    memory: &Memory,
    release: Release,
    held: Vec<Vec<u8>>,
    rest: ByteStream,
    headers: &Headers,
    target: &str,
) -> worker::Result<Response> {
    let Release { permit, fields, tail } = release;
    let claims = permit.claims().clone();
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
    outgoing.set(filter::permit::HEADER, &sealed)?;

    let held = stream::iter(held.into_iter().map(Ok));
    let body = FixedLengthStream::wrap(held.chain(rest), length);
    let body = worker::worker_sys::FixedLengthStream::from(body);
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(outgoing).with_body(Some(body.readable().into()));
    let request = Request::new_with_init(&format!("{}{target}", config.upstream), &init)?;
    let answer = Fetch::Request(request).send().await?;
    let verdict = answer.headers().get(filter::permit::VERDICT_HEADER)?;
    if let (Some(verdict), Ok(mut cache)) = (verdict, memory.cache.lock()) {
        tail.settle(&verdict, &memory.store, &mut cache, now());
    }
    response::without_own_fields(answer, &fields)
}

/// Path and query of an absolute URL, as they stand there.
fn target(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').map_or("/", |at| &after_scheme[at..]).to_owned()
}

/// The Worker's one clock, which stands still while it computes.
fn now() -> Clock {
    Clock::both(Date::now().as_millis())
}
