//! The host's calls, as the filter's words.
//!
//! The SDK's convenience traits panic where a call fails; these report it, and the request is refused.

use std::net::{IpAddr, SocketAddr};
use std::time::UNIX_EPOCH;

use filter::event::Event;
use filter::{Headers, Peer, PermitId, Reply, UnixMillis};
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, Status};

use crate::config;

/// The configuration of this plugin.
pub(crate) fn plugin_configuration() -> Result<Vec<u8>, config::Error> {
    let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX);
    bytes.ok().flatten().ok_or(config::Error::Missing)
}

/// A request head as the host received it.
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) peer: Peer,
}

/// Reads the request head; `None` if the host leaves out the method or the path, or if they are not
/// text. Pseudo-headers are facts of their own and not header fields.
pub(crate) fn request_head() -> Result<Option<Head>, Status> {
    let (mut method, mut target, mut authority) = (None, None, String::new());
    let mut fields = Vec::new();
    for (name, value) in hostcalls::get_map_bytes(MapType::HttpRequestHeaders)? {
        match name.as_str() {
            ":method" => method = String::from_utf8(value).ok(),
            ":path" => target = String::from_utf8(value).ok(),
            ":authority" => authority = String::from_utf8(value).unwrap_or_default(),
            pseudo if pseudo.starts_with(':') => {}
            _ => fields.push((name, value)),
        }
    }
    let client = hostcalls::get_property(vec!["source", "address"])?;
    let peer = client.and_then(|text| address(&String::from_utf8_lossy(&text)));
    let peer = peer.map_or(Peer::Unknown, Peer::Direct);
    let headers = Headers::new(fields);
    let head = |(method, target)| Head { method, authority, target, headers, peer };
    Ok(method.zip(target).map(head))
}

/// `ip:port`, or an address alone.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = text.parse::<SocketAddr>().map(|peer| peer.ip());
    with_port.or_else(|_| text.parse()).ok()
}

/// Whether the request came over HTTP/1.1, where an early answer ends the connection.
pub(crate) fn ends_connections() -> bool {
    let protocol = hostcalls::get_property(vec!["request", "protocol"]);
    protocol.ok().flatten().is_some_and(|protocol| protocol == b"HTTP/1.1")
}

/// `len` bytes of the request's body from `start` on; an error if the host has fewer.
pub(crate) fn request_body(start: usize, len: usize) -> Result<Vec<u8>, Status> {
    let bytes = hostcalls::get_buffer(BufferType::HttpRequestBody, start, len)?.unwrap_or_default();
    if bytes.len() == len { Ok(bytes) } else { Err(Status::InternalFailure) }
}

/// A field of the response's head.
pub(crate) fn response_field(name: &str) -> Option<String> {
    let value = hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name).ok()??;
    Some(String::from_utf8_lossy(&value).into_owned())
}

/// The response's status.
pub(crate) fn response_status() -> Option<u16> {
    response_field(":status")?.parse().ok()
}

/// The host's wall clock.
pub(crate) fn now() -> Result<UnixMillis, Status> {
    let since = hostcalls::get_current_time()?.duration_since(UNIX_EPOCH);
    let millis = since.ok().and_then(|since| u64::try_from(since.as_millis()).ok());
    millis.map(UnixMillis).ok_or(Status::InternalFailure)
}

/// A value of the host's shared data.
pub(crate) fn shared(key: &str) -> Option<Vec<u8>> {
    hostcalls::get_shared_data(key).ok()?.0
}

/// Tells the host's access log why the request was refused. One that goes on leaves no word there.
pub(crate) fn record_refusal(code: &str, reason: &str, id: PermitId) {
    record("lunette.code", code);
    record("lunette.reason", reason);
    record("lunette.request_id", &filter::hex::encode(&id.0));
}

/// Hands the inspection event to the host.
pub(crate) fn record_event(event: &Event) {
    record("lunette.event", &event.to_json());
}

fn record(name: &str, value: &str) {
    // A host without these properties only logs less.
    let _ = hostcalls::set_property(vec![name], Some(value.as_bytes()));
}

/// Answers the request here.
pub(crate) fn send(reply: &Reply) {
    let headers = reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let sent = hostcalls::send_http_response(
        reply.status.as_u16().into(),
        headers.collect(),
        Some(&reply.body),
    );
    if sent.is_err() {
        // The stream stays paused, so nothing passes; the host's time-outs end it.
        log(LogLevel::Error, "the host refused an answer");
    }
}

/// Answers the request of another stream than the one that the host is calling for.
pub(crate) fn send_to(context: u32, reply: &Reply) {
    // A stream that is gone needs no answer.
    if hostcalls::set_effective_context(context).is_ok() {
        send(reply);
    }
}

/// Writes to the host's log.
pub(crate) fn log(level: LogLevel, message: &str) {
    let _ = hostcalls::log(level, message);
}
