//! What loads and what does not, and what the error says.

use std::path::Path;

use filter_wasmtime::{Gate, GateOptions, LoadError, LoadFault, Secret};

use crate::support::{OBEDIENT, module, options};

fn load(wat: &str) -> Result<Gate, LoadError> {
    Gate::load(&module(wat), options(1))
}

fn fault(wat: &str) -> LoadFault {
    load(wat).err().expect("this filter must not load").fault
}

/// The obedient filter with one passage changed.
fn changed(from: &str, to: &str) -> String {
    assert!(OBEDIENT.contains(from), "{from}");
    OBEDIENT.replacen(from, to, 1)
}

fn configured(configuration: &str) -> GateOptions {
    GateOptions { configuration: configuration.into(), ..options(2) }
}

#[test]
fn the_gate_states_the_digest_of_the_file_it_runs() {
    let path = module(OBEDIENT);
    let gate = Gate::load(&path, options(2)).expect("it loads");
    let output = std::process::Command::new("sha256sum").arg(&path).output().expect("sha256sum");
    let digest = String::from_utf8(output.stdout).expect("text");
    assert_eq!(gate.sha256(), digest.split(' ').next().expect("a digest"));
    assert_eq!(gate.stats().serving_vms, 2);
}

#[test]
fn an_absent_file_is_named() {
    let error = Gate::load(Path::new("no/such/filter.wasm"), options(1)).err().expect("absent");
    assert!(matches!(error.fault, LoadFault::Unreadable(_)));
    assert!(error.to_string().starts_with("cannot load the filter no/such/filter.wasm: "));
}

#[test]
fn bytes_that_are_no_module_do_not_load() {
    let path = module("(module)");
    std::fs::write(&path, b"\0asm but not really").expect("written");
    let error = Gate::load(&path, options(1)).err().expect("no module");
    assert!(matches!(error.fault, LoadFault::Compile(_)), "{error}");
}

#[test]
fn an_unknown_import_does_not_load_and_is_named() {
    let wat = changed(
        "(module",
        r#"(module (import "env" "proxy_open_the_gate" (func (param i32) (result i32)))"#,
    );
    // The first `(module` of the text is the module itself.
    let fault = fault(&wat);
    assert!(matches!(&fault, LoadFault::Instantiate(why) if why.contains("proxy_open_the_gate")));
}

#[test]
fn a_file_system_import_does_not_load() {
    let import = r#"(module (import "wasi_snapshot_preview1" "fd_read"
        (func (param i32 i32 i32 i32) (result i32)))"#;
    let fault = fault(&changed("(module", import));
    assert!(matches!(&fault, LoadFault::Instantiate(why) if why.contains("fd_read")), "{fault}");
}

#[test]
fn a_module_without_the_abi_does_not_load() {
    let fault = fault(&changed("proxy_abi_version_0_2_1", "proxy_abi_version_0_1_0"));
    assert!(matches!(&fault, LoadFault::Abi(why) if why.contains("0_1_0")), "{fault}");
}

#[test]
fn a_module_without_a_deciding_callback_does_not_load_because_that_would_open_the_gate() {
    for export in [
        "proxy_on_context_create",
        "proxy_on_configure",
        "proxy_on_request_headers",
        "proxy_on_request_body",
        "proxy_on_response_headers",
        "proxy_on_memory_allocate",
    ] {
        let fault = fault(&changed(&format!("(export \"{export}\")"), "(export \"other\")"));
        assert!(matches!(&fault, LoadFault::Export(name) if name == export), "{export}: {fault}");
    }
}

#[test]
fn a_callback_of_another_type_does_not_load() {
    let fault = fault(&changed(
        "(func (export \"proxy_on_log\") (param i32)",
        "(func (export \"proxy_on_log\") (param i64)",
    ));
    assert!(matches!(&fault, LoadFault::Export(name) if name == "proxy_on_log"), "{fault}");
}

#[test]
fn a_module_that_starts_with_too_much_memory_does_not_load() {
    let fault = fault(&changed("(export \"memory\") 32", "(export \"memory\") 1000"));
    assert!(matches!(&fault, LoadFault::Instantiate(why) if why.contains("memory")), "{fault}");
}

#[test]
fn a_refused_configuration_does_not_load_and_the_error_quotes_the_filter() {
    let error = Gate::load(&module(OBEDIENT), configured("no")).err().expect("refused");
    let text = error.to_string();
    assert!(text.contains("proxy_on_configure"), "{text}");
    assert!(text.contains("the policy names no key"), "{text}");
    assert!(matches!(error.fault, LoadFault::Refused { .. }));
}

#[test]
fn a_refused_vm_start_does_not_load() {
    let fault = fault(&changed("    (i32.const 1))\n", "    (i32.const 0))\n"));
    assert!(matches!(&fault, LoadFault::Refused { callback: "proxy_on_vm_start", .. }), "{fault}");
}

#[test]
fn a_filter_that_traps_while_it_starts_does_not_load() {
    let error = Gate::load(&module(OBEDIENT), configured("trap")).err().expect("trap");
    assert!(matches!(error.fault, LoadFault::Start { .. }), "{error}");
}

#[test]
fn an_environment_that_cannot_be_handed_over_is_named_and_its_value_is_not() {
    let secret = || Secret::from("s3cr\0t".to_owned());
    let options = GateOptions { environment: vec![("KEY".into(), secret())], ..options(1) };
    let error = Gate::load(&module(OBEDIENT), options).err().expect("a NUL");
    assert!(matches!(&error.fault, LoadFault::Environment(name) if name == "KEY"));
    assert!(!error.to_string().contains("s3cr"));
}
