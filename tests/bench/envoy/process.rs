//! An Envoy of a bench: one listener, one upstream, one way to check a key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conformance::gate;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::load;
use crate::{cpu, decision};

/// How keys are checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Check {
    /// Not at all.
    None,
    /// Envoy's own filter.
    ApiKeyAuth,
    /// Some lines of Lua that compare the key with a table.
    Lua,
    /// Not at all, by a Wasm filter.
    Noop,
    /// Not at all, by a Wasm filter that makes the calls of a gate.
    Calls,
    /// By Lunette.
    Lunette,
}

/// A running Envoy; killed when dropped.
pub(super) struct Envoy {
    pub(super) address: SocketAddr,
    check: Check,
    child: Child,
    _folder: TempDir,
}

impl Envoy {
    pub(super) fn start(check: Check, upstream: SocketAddr) -> std::io::Result<Self> {
        let folder = TempDir::new()?;
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = folder.path().join("envoy.json");
        std::fs::write(&file, configuration(check, address, upstream).to_string())?;
        let secrets = decision::secrets();
        let child = Command::new(super::binary()?)
            .args(["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error", "-c"])
            .arg(&file)
            .envs(secrets)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self { address, check, child, _folder: folder })
    }

    /// Waits until it answers as it must.
    pub(super) async fn ready(&self) -> std::io::Result<()> {
        let request = decision::upload("image/png", load::PNG.len());
        let ready = load::ready(self.address, &request, 200).await;
        let check = self.check;
        ready.map_err(|error| std::io::Error::other(format!("{check:?} does not start: {error}")))
    }

    /// The CPU time of all its threads.
    pub(super) fn cpu(&self) -> std::io::Result<Duration> {
        cpu::of(self.child.id())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(check: Check, address: SocketAddr, upstream: SocketAddr) -> Value {
    let socket = |address: SocketAddr| json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } });
    let kind = |name: &str| format!("type.googleapis.com/envoy.extensions.filters.http.{name}");
    let router = json!({ "name": "envoy.filters.http.router",
        "typed_config": { "@type": kind("router.v3.Router") } });
    let filters: Vec<Value> = filter(check).into_iter().chain([router]).collect();
    json!({ "static_resources": {
        "clusters": [{ "name": "node", "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": { "cluster_name": "node", "endpoints": [{ "lb_endpoints": [
                { "endpoint": { "address": socket(upstream) } }] }] } }],
        "listeners": [{ "name": "bench", "address": socket(address),
            "per_connection_buffer_limit_bytes": 2_097_152,
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "bench",
                // As `envoy/envoy.yaml` has it.
                "generate_request_id": false,
                "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"],
                    "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "node" } }] }] },
                "http_filters": filters
            } }] }] }]
    } })
}

fn filter(check: Check) -> Option<Value> {
    let kind = |name: &str| format!("type.googleapis.com/envoy.extensions.filters.http.{name}");
    let key = decision::good_key();
    match check {
        Check::None => None,
        Check::ApiKeyAuth => Some(json!({ "name": "envoy.filters.http.api_key_auth",
            "typed_config": { "@type": kind("api_key_auth.v3.ApiKeyAuth"),
                "credentials": [{ "key": key, "client": "acme" }],
                "key_sources": [{ "header": "Authorization" }] } })),
        Check::Lua => Some(json!({ "name": "envoy.filters.http.lua",
            "typed_config": { "@type": kind("lua.v3.Lua"), "default_source_code": { "inline_string":
                format!(r#"
local keys = {{ ["Bearer {key}"] = "acme" }}
function envoy_on_request(request)
  if keys[request:headers():get("authorization") or ""] == nil then
    request:respond({{ [":status"] = "401" }}, "unauthorized")
  end
end"#) } } })),
        Check::Noop => Some(wasm(&sibling("examples/noop.wasm"), None)),
        Check::Calls => Some(wasm(&sibling("examples/calls.wasm"), None)),
        Check::Lunette => {
            let configuration = json!({ "gate": gate::NAME, "audience": "tests", "environment": "test",
                "keep_connections": true, "pull": { "cluster": "node", "authority": "node" } });
            Some(wasm(&gate::module(), Some(configuration.to_string())))
        }
    }
}

/// A file beside the compiled filter.
fn sibling(name: &str) -> PathBuf {
    gate::module().with_file_name(name)
}

fn wasm(file: &Path, configuration: Option<String>) -> Value {
    let variables: Vec<_> = decision::secrets().into_iter().map(|(name, _)| name).collect();
    let mut config = json!({
        "name": "lunette", "root_id": "lunette", "failure_policy": "FAIL_RELOAD",
        "allow_on_headers_stop_iteration": true,
        "vm_config": { "vm_id": "lunette", "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": file } },
            "environment_variables": { "host_env_keys": variables } }
    });
    if let Some(configuration) = configuration {
        config["configuration"] = json!({
            "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration });
    }
    json!({ "name": "envoy.filters.http.wasm", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": config } })
}
