//! A filter that judges nothing, and makes the calls of the host that a gate of uploads cannot do without:
//! it reads the clock, the head, the client's address and the body, takes the credential off and adds a
//! permit. `make bench` measures it, for what is left to the judging itself.
#![expect(missing_docs, reason = "`proxy_wasm::main!` exports a symbol that cannot be documented")]

use std::hint::black_box;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, MapType, Status};

/// As long as the permit of a plain upload with a key.
const PERMIT: &str = concat!(
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
);

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Calls));
}}

struct Calls;

impl Context for Calls {}

impl RootContext for Calls {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Self))
    }
}

impl HttpContext for Calls {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if read_head().is_ok() { Action::Pause } else { Action::Continue }
    }

    fn on_http_request_body(&mut self, size: usize, _: bool) -> Action {
        if send_on(size).is_ok() { Action::Continue } else { Action::Pause }
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        let verdict = hostcalls::get_map_value(MapType::HttpResponseHeaders, "lunette-verdict");
        let _ = black_box(verdict);
        Action::Continue
    }
}

fn read_head() -> Result<(), Status> {
    black_box(hostcalls::get_current_time()?);
    black_box(hostcalls::get_map_bytes(MapType::HttpRequestHeaders)?);
    black_box(hostcalls::get_property(vec!["source", "address"])?);
    Ok(())
}

fn send_on(size: usize) -> Result<(), Status> {
    black_box(hostcalls::get_buffer(BufferType::HttpRequestBody, 0, size)?);
    hostcalls::remove_map_value(MapType::HttpRequestHeaders, "authorization")?;
    hostcalls::add_map_value(MapType::HttpRequestHeaders, "lunette-permit", PERMIT)
}
