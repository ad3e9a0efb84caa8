//! One request as the filter's host functions reach it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Response, StatusCode, Version, request};
use proxy_wasm_host::abi::v0_2_1::types::{Action, BufferType, MapType, Status, StreamType};
use proxy_wasm_host::abi::v0_2_1::{
    Access, Callback, ContextId, Invocation, LocalResponse, StreamState,
};
use proxy_wasm_host::{Buffer, HeaderMap as GuestMap, NotAllowed};

use crate::head::Head;

/// The address of the direct peer: put it into the request's extensions before the gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer(pub SocketAddr);

/// The most properties a filter may leave on one request, and the most bytes of a name and a value.
const MAX_NOTES: usize = 16;
const MAX_NOTE_NAME: usize = 64;
const MAX_NOTE_VALUE: usize = 8 * 1024;

/// What the filter decided in one callback.
pub(crate) enum Decision {
    Continue,
    Pause,
    /// It answered in the inner service's place.
    Answer(Response<Bytes>),
    /// It closed the stream, or answered with what HTTP cannot carry.
    Abandon,
}

/// The state of one request that is lent to the filter for each call.
pub(crate) struct Stream {
    context: Option<ContextId>,
    request: Head,
    response: Option<Head>,
    body: Body,
    peer: Option<SocketAddr>,
    protocol: &'static str,
    notes: BTreeMap<String, String>,
    /// What the filter decided by a call, whatever its callback returns.
    called: Option<Decision>,
}

impl Stream {
    /// The request of `parts`, whose header fields move here.
    pub(crate) fn new(parts: &mut request::Parts) -> Self {
        Self {
            context: None,
            peer: parts.extensions.get::<Peer>().map(|peer| peer.0),
            protocol: match parts.version {
                Version::HTTP_09 => "HTTP/0.9",
                Version::HTTP_10 => "HTTP/1.0",
                Version::HTTP_2 => "HTTP/2",
                Version::HTTP_3 => "HTTP/3",
                _ => "HTTP/1.1",
            },
            request: Head::of_request(parts),
            response: None,
            body: Body::default(),
            notes: BTreeMap::new(),
            called: None,
        }
    }

    /// Binds this request to the context that the filter knows it by.
    pub(crate) fn bind(&mut self, context: ContextId) {
        self.context = Some(context);
    }

    pub(crate) fn request(&mut self) -> &mut Head {
        &mut self.request
    }

    /// The response whose head is being judged.
    pub(crate) fn response(&mut self) -> &mut Option<Head> {
        &mut self.response
    }

    /// The body bytes that the filter sees and that have not been released.
    pub(crate) fn body(&mut self) -> &mut BytesMut {
        &mut self.body.0
    }

    pub(crate) fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// What the filter decided by returning `action` and by what it called meanwhile.
    pub(crate) fn decide(&mut self, action: Action) -> Decision {
        self.called.take().unwrap_or(match action {
            Action::Continue => Decision::Continue,
            Action::Pause => Decision::Pause,
        })
    }

    /// Ends the request as `decide` says, unless it has ended already.
    fn overrule(&mut self, decide: impl FnOnce() -> Decision) {
        if matches!(self.called, None | Some(Decision::Continue)) {
            self.called = Some(decide());
        }
    }

    /// Refuses a call that the filter makes on behalf of another request of its VM.
    fn require_own(&self, call: Invocation) -> Result<(), Status> {
        match self.context {
            Some(own) if own != call.context => Err(Status::NotFound),
            // Before `bind` there is only `proxy_on_context_create`, for this very request.
            _ => Ok(()),
        }
    }
}

impl StreamState for Stream {
    fn header_map(
        &mut self,
        call: Invocation,
        _: Access,
        map: MapType,
    ) -> Result<&mut dyn GuestMap, Status> {
        self.require_own(call)?;
        match map {
            MapType::HttpRequestHeaders => Ok(&mut self.request),
            MapType::HttpResponseHeaders => match &mut self.response {
                Some(head) => Ok(head),
                None => Err(Status::BadArgument),
            },
            _ => Err(Status::BadArgument),
        }
    }

    fn buffer(
        &mut self,
        call: Invocation,
        _: Access,
        buffer: BufferType,
    ) -> Result<&mut dyn Buffer, Status> {
        self.require_own(call)?;
        match buffer {
            BufferType::HttpRequestBody => Ok(&mut self.body),
            _ => Err(Status::NotFound),
        }
    }

    /// A filter that resumes inside the callback of that direction means "continue", whatever it
    /// returns there. Anywhere else nothing waits for it.
    fn continue_stream(&mut self, call: Invocation, direction: StreamType) -> Result<(), Status> {
        self.require_own(call)?;
        match (call.callback, direction) {
            (Some(Callback::RequestHeaders | Callback::RequestBody), StreamType::HttpRequest)
            | (Some(Callback::ResponseHeaders), StreamType::HttpResponse) => {
                self.called.get_or_insert(Decision::Continue);
            }
            _ => {}
        }
        Ok(())
    }

    fn close_stream(&mut self, call: Invocation, _: StreamType) -> Result<(), Status> {
        self.require_own(call)?;
        self.overrule(|| Decision::Abandon);
        Ok(())
    }

    /// The first answer counts, as in Envoy.
    fn send_local_response(
        &mut self,
        call: Invocation,
        response: LocalResponse<'_>,
    ) -> Result<(), Status> {
        self.require_own(call)?;
        self.overrule(|| http_response(&response).map_or(Decision::Abandon, Decision::Answer));
        Ok(())
    }

    fn property(
        &mut self,
        call: Invocation,
        path: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        self.require_own(call)?;
        match path {
            [b"source", b"address"] => {
                let peer = self.peer.ok_or(Status::NotFound)?;
                out.extend_from_slice(peer.to_string().as_bytes());
            }
            [b"request", b"protocol"] => out.extend_from_slice(self.protocol.as_bytes()),
            [path] => {
                let value = note_name(path).and_then(|name| self.notes.get(name));
                out.extend_from_slice(value.ok_or(Status::NotFound)?.as_bytes());
            }
            _ => return Err(Status::NotFound),
        }
        Ok(())
    }

    fn set_property(
        &mut self,
        call: Invocation,
        path: &[&[u8]],
        value: &[u8],
    ) -> Result<(), Status> {
        self.require_own(call)?;
        let [path] = path else { return Err(Status::NotFound) };
        let name = note_name(path).ok_or(Status::NotFound)?;
        let known = self.notes.contains_key(name);
        if name.len() > MAX_NOTE_NAME
            || value.len() > MAX_NOTE_VALUE
            || !(known || self.notes.len() < MAX_NOTES)
        {
            return Err(Status::BadArgument);
        }
        self.notes.insert(name.to_owned(), String::from_utf8_lossy(value).into_owned());
        Ok(())
    }
}

/// The name of a property that is the filter's to set: `lunette.NAME`, one segment, because that is
/// what an access log of Envoy can name.
fn note_name(path: &[u8]) -> Option<&str> {
    str::from_utf8(path).ok()?.strip_prefix("lunette.")
}

/// The filter's answer as a response, or `None` where HTTP has no such response.
///
/// The length is the body's own; a `content-length` or pseudo-header of the filter is left out.
fn http_response(local: &LocalResponse<'_>) -> Option<Response<Bytes>> {
    let status = u16::try_from(local.status_code).ok().filter(|code| (200..600).contains(code))?;
    let mut response = Response::new(Bytes::copy_from_slice(&local.body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in &local.headers {
        if name.starts_with(b":") {
            continue;
        }
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value).ok()?;
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            response.headers_mut().try_append(name, value).ok()?;
        }
    }
    Some(response)
}

/// The request body that the filter sees; it can read and not write.
#[derive(Default)]
struct Body(BytesMut);

impl Buffer for Body {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn copy_range_into(&self, start: usize, max_size: usize, out: &mut Vec<u8>) {
        let rest = self.0.get(start..).unwrap_or_default();
        out.extend_from_slice(&rest[..rest.len().min(max_size)]);
    }

    fn replace(&mut self, _: usize, _: usize, _: &[u8]) -> Result<(), NotAllowed> {
        Err(NotAllowed)
    }
}
