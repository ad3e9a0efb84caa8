//! Heads of requests and refusals, each carried over to or from JavaScript in one call.
//!
//! Such a call costs more than what the filter does with a head, and it would take one for each field.

use filter::Reply;
use wasm_bindgen::prelude::*;

/// The one field that every answer has for itself.
const REQUEST_ID: &str = "x-request-id";

#[wasm_bindgen(module = "/src/host.js")]
extern "C" {
    #[wasm_bindgen(js_name = head)]
    fn head_of(request: &web_sys::Request) -> String;

    #[wasm_bindgen(catch)]
    fn answer(status: u16, text: &str) -> Result<web_sys::Response, JsValue>;
}

/// A head as the platform shows it.
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) url: String,
    /// Names, in lower case, and values.
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn of(request: &web_sys::Request) -> Self {
        let text = head_of(request);
        let mut lines = text.split('\n').map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        let (method, url) = (next(), next());
        let mut fields = Vec::new();
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            fields.push((name, value));
        }
        Self { method, url, fields }
    }
}

/// A refusal, byte for byte as every host gives it.
pub(crate) fn response(reply: &Reply) -> Result<web_sys::Response, JsValue> {
    let (ids, others): (Vec<_>, Vec<_>) =
        reply.headers.iter().partition(|(name, _)| name == REQUEST_ID);
    let [(_, id)] = ids.as_slice() else { return Err("a refusal has one id".into()) };
    let mut text = String::with_capacity(512);
    text.extend([id, "\n"]);
    for (name, value) in others {
        if value.is_empty() || value.contains('\n') {
            return Err("a field of a refusal is not one line".into());
        }
        text.extend([name.as_str(), "\n", value, "\n"]);
    }
    text.push('\n');
    text.push_str(std::str::from_utf8(&reply.body).map_err(|_| "a refusal is not text")?);
    answer(reply.status.as_u16(), &text)
}
