//! Requests to the node: with the mTLS certificate if one is bound, and never redirected.

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use worker::{Env, Response};

use crate::config;

/// Sends a request made of `init`; its answer may be a redirect, which is not followed.
pub(crate) async fn send(
    env: &Env,
    url: &str,
    init: &web_sys::RequestInit,
) -> worker::Result<Response> {
    init.set_redirect(web_sys::RequestRedirect::Manual);
    let request = web_sys::Request::new_with_str_and_init(url, init)?;
    if let Ok(node) = env.service(config::NODE) {
        return node.fetch_request(worker::Request::from(request)).await;
    }
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    let answer = JsFuture::from(scope.fetch_with_request(&request)).await?;
    Ok(answer.unchecked_into::<web_sys::Response>().into())
}
