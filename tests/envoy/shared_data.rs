//! What the filter's store relies on in this Envoy: a version that no entry has makes of `set` a call
//! that only creates.

use conformance::envoy::{Envoy, Options};
use serde_json::Value;

use crate::default_policy;

/// A module that sets one key with different versions as it is configured, and logs each outcome as a
/// digit: created, refused, overwritten, refused.
const MODULE: &str = r#"(module
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "a key")
  (data (i32.const 16) "value")
  (data (i32.const 32) "outcomes: ????")
  (func $try (param $at i32) (param $version i32)
    (i32.store8 (i32.add (i32.const 42) (local.get $at))
      (i32.add (i32.const 48)
        (call $set (i32.const 0) (i32.const 5) (i32.const 16) (i32.const 5) (local.get $version)))))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $try (i32.const 0) (i32.const -1))
    (call $try (i32.const 1) (i32.const -1))
    (call $try (i32.const 2) (i32.const 0))
    (call $try (i32.const 3) (i32.const -1))
    (drop (call $log (i32.const 2) (i32.const 32) (i32.const 14)))
    (i32.const 1))
)"#;

/// Statuses of the ABI.
const OK: char = '0';
const CAS_MISMATCH: char = '8';

#[tokio::test]
async fn a_version_that_no_entry_has_creates_and_never_overwrites() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let module = folder.path().join("shared_data.wasm");
    std::fs::write(&module, wat::parse_str(MODULE).expect("a module")).expect("a file");
    // Its own VM, so that the first of its configurations finds no entry.
    let change = |envoy: &mut Value| {
        let filter =
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
        let config = envoy.pointer_mut(filter).expect("the filter");
        config["typed_config"]["config"]["vm_config"]["vm_id"] = "shared-data".into();
    };
    let envoy = Envoy::start(Options { module, change, ..Options::told(default_policy()) }).await;
    let log = envoy.log();
    let outcomes: Vec<_> = log.lines().filter_map(|line| line.split_once("outcomes: ")).collect();
    let first = [OK, CAS_MISMATCH, OK, CAS_MISMATCH].iter().collect::<String>();
    let later = [CAS_MISMATCH, CAS_MISMATCH, OK, CAS_MISMATCH].iter().collect::<String>();
    assert_eq!(outcomes.first().expect("it was configured").1, first);
    // Each thread configures a VM of its own, and all share the data.
    assert!(
        outcomes.len() > 1 && outcomes[1..].iter().all(|(_, outcome)| *outcome == later),
        "{outcomes:?}"
    );
}
