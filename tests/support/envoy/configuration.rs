//! `envoy/envoy.yaml`, for ports, paths and nodes of a test.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{GATE, NodeAt, Options, Told, root};
use crate::keys;

/// Where the parts lie that tests change.
const LISTENERS: &str = "/static_resources/listeners";
const CLUSTERS: &str = "/static_resources/clusters";
const MANAGER: &str = "/filter_chains/0/filters/0/typed_config";
const TLS: &str = "/filter_chains/0/transport_socket/typed_config";

/// Writes the configuration and what it names into `folder`; the path of the former.
pub(super) fn write(options: &Options, folder: &Path) -> PathBuf {
    std::fs::create_dir(folder.join("tls")).expect("a folder");
    options.certificates.write(&folder.join("tls"));
    std::fs::create_dir(folder.join("sds")).expect("a folder");
    for name in ["server.yaml", "clients.yaml", "gate.yaml", "nodes.yaml", "logged-refusals.yaml"] {
        write_json(&folder.join("sds").join(name), &read(&format!("sds/{name}"), options, folder));
    }
    let mut envoy = read("envoy.yaml", options, folder);
    listeners(&mut envoy, options);
    clusters(&mut envoy, options);
    let filter = at(&mut envoy, &format!("{LISTENERS}/0{MANAGER}/http_filters/0"));
    match &options.told {
        Told::Pushed(snapshot) => {
            *filter = read("ecds/filter.yaml", options, folder);
            let mut pushed = read("ecds/lunette.yaml", options, folder);
            configure(at(&mut pushed, "/resources/0/typed_config"), options, Some(snapshot));
            std::fs::create_dir(folder.join("ecds")).expect("a folder");
            write_json(&folder.join("ecds.template"), &pushed);
            push(folder, snapshot);
        }
        Told::Fixed(snapshot) => configure(at(filter, "/typed_config"), options, Some(snapshot)),
        Told::Pull => configure(at(filter, "/typed_config"), options, None),
    }
    (options.change)(&mut envoy);
    let file = folder.join("envoy.json");
    write_json(&file, &envoy);
    file
}

/// Puts another snapshot where Envoy watches.
pub(super) fn push(folder: &Path, snapshot: &str) {
    let template = std::fs::read(folder.join("ecds.template")).expect("a template");
    let mut pushed: Value = serde_json::from_slice(&template).expect("JSON");
    tell(at(&mut pushed, "/resources/0/typed_config"), |plugin| {
        plugin["snapshot"] = snapshot.into();
    });
    let next = folder.join("ecds/next.json");
    write_json(&next, &pushed);
    // In one step: Envoy must not see half of it.
    std::fs::rename(next, folder.join("ecds/lunette.yaml")).expect("a rename");
}

/// A file of `envoy/`, with this machine's paths in it.
fn read(name: &str, options: &Options, folder: &Path) -> Value {
    let path = root().join("envoy").join(name);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut value: Value =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let module = options.module.to_str().expect("a path that is text");
    let folder = folder.to_str().expect("a path that is text");
    replace(&mut value, &mut |text| match text {
        "/etc/lunette/filter.wasm" => module.to_owned(),
        "/dev/stdout" => format!("{folder}/access.log"),
        // The pushed file lies under this name, and holds JSON, which is YAML.
        _ => text.replace("/etc/lunette", folder).replace("/run/lunette", folder),
    });
    value
}

/// Free ports of the loopback, and clients with or without a certificate.
fn listeners(envoy: &mut Value, options: &Options) {
    let listeners = at(envoy, LISTENERS).as_array_mut().expect("listeners");
    for listener in listeners.iter_mut() {
        *at(listener, "/address/socket_address") =
            json!({ "address": "127.0.0.1", "port_value": 0 });
    }
    let required = at(&mut listeners[0], &format!("{TLS}/require_client_certificate"));
    assert_eq!(*required, false, "it is shipped without mutual TLS");
    *required = options.client_certificates.into();
}

fn clusters(envoy: &mut Value, options: &Options) {
    for cluster in at(envoy, CLUSTERS).as_array_mut().expect("clusters") {
        let operator = cluster["name"] == "node-operator";
        if !operator && cluster["name"] != "node" {
            continue;
        }
        let endpoint = |node: &NodeAt| {
            let address = if operator { node.operator? } else { node.address };
            let mut endpoint = json!({ "address": { "socket_address": {
                "address": address.ip().to_string(), "port_value": address.port() } } });
            if let (false, Some(operator)) = (operator, node.operator) {
                endpoint["health_check_config"] = json!({ "port_value": operator.port() });
            }
            Some(json!({ "endpoint": endpoint }))
        };
        let endpoints: Vec<_> = options.nodes.iter().filter_map(endpoint).collect();
        *at(cluster, "/load_assignment/endpoints/0/lb_endpoints") = endpoints.into();
        let cluster = cluster.as_object_mut().expect("a cluster");
        if !options.node_tls {
            cluster.remove("transport_socket").expect("TLS to the nodes");
        }
        if !operator && options.nodes.iter().any(|node| node.operator.is_none()) {
            cluster.remove("health_checks").expect("health checks");
        }
    }
}

/// Sets the configuration of the plugin; it pulls where it has no snapshot.
fn configure(wasm: &mut Value, options: &Options, snapshot: Option<&str>) {
    tell(wasm, |plugin| {
        assert_eq!(plugin["gate"], GATE);
        plugin["audience"] = options.audience.as_str().into();
        plugin["environment"] = keys::ENVIRONMENT.as_str().into();
        if let Some(snapshot) = snapshot {
            plugin.as_object_mut().expect("an object").remove("pull");
            plugin["snapshot"] = snapshot.into();
        }
    });
}

/// Changes the plugin's configuration, which is JSON in a string.
fn tell(wasm: &mut Value, change: impl FnOnce(&mut Value)) {
    let text = at(wasm, "/config/configuration/value");
    let mut plugin = serde_json::from_str(text.as_str().expect("text")).expect("JSON");
    change(&mut plugin);
    *text = plugin.to_string().into();
}

/// What is at this place, which must be there.
fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing is at {pointer}"))
}

fn replace(value: &mut Value, with: &mut impl FnMut(&str) -> String) {
    match value {
        Value::String(text) => *text = with(text),
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, with)),
        Value::Object(members) => members.values_mut().for_each(|value| replace(value, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn write_json(path: &Path, value: &Value) {
    std::fs::write(path, value.to_string()).expect("a file");
}
