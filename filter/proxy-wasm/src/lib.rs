//! The filter as a proxy-wasm module, for Envoy and for the embedded gate.
//!
//! It moves facts in and verdicts out; every decision is in [`filter`]. The host must be told to
//! hold a paused head (`allow_on_headers_stop_iteration: true` in Envoy), or no body ever arrives.
#![expect(missing_docs, reason = "`proxy_wasm::main!` exports a symbol that cannot be documented")]

mod config;
mod host;
mod policies;
mod stream;

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};

use policies::Policies;
use stream::Stream;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root { policies: None }));
}}

/// The plugin: configured once, it makes a [`Stream`] for each request.
struct Root {
    policies: Option<Rc<Policies>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        match host::plugin_configuration().and_then(|json| config::read(&json)) {
            Ok(policies) => {
                self.policies = Some(Rc::new(policies));
                true
            }
            Err(error) => {
                host::log(LogLevel::Error, &format!("configuration refused: {error}"));
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.policies.clone()?)))
    }
}
