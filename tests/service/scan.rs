//! `sslyze` looks the listener through.

use std::process::Command;

use conformance::node::{Home, Node};
use serde_json::Value;

use crate::process::python;

/// Names of the cipher suites that a version of TLS takes.
fn suites<'a>(results: &'a Value, version: &str) -> Vec<&'a str> {
    let accepted = &results[format!("{version}_cipher_suites")]["result"]["accepted_cipher_suites"];
    let names = accepted.as_array().expect("a list").iter();
    names.map(|suite| suite["cipher_suite"]["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn sslyze_finds_nothing_but_that_this_machine_signed_for_itself() {
    let home = Home::default();
    let node = Node::start(&home, &["--dev-certificate"]).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let output = Command::new(python())
        .args(["-m", "sslyze", "--mozilla_config=intermediate"])
        .arg(format!("--json_out={}", report.display()))
        .arg(format!("localhost:{}", node.address.port()))
        .output()
        .expect("sslyze");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let results = &report["server_scan_results"][0]["scan_result"];
    for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
        assert!(suites(results, version).is_empty(), "{version}");
    }
    for version in ["tls_1_2", "tls_1_3"] {
        let suites = suites(results, version);
        assert_eq!(suites.len(), 3, "{version}: {suites:?}");
        let is_modern = |suite: &&str| suite.contains("GCM") || suite.contains("POLY1305");
        assert!(suites.iter().all(is_modern), "{suites:?}");
    }
    for (scan, fact, expected) in [
        ("tls_compression", "supports_compression", false),
        ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", false),
        ("heartbleed", "is_vulnerable_to_heartbleed", false),
        ("session_renegotiation", "supports_secure_renegotiation", true),
        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", false),
        ("tls_fallback_scsv", "supports_fallback_scsv", true),
        ("tls_extended_master_secret", "supports_ems_extension", true),
    ] {
        assert_eq!(results[scan]["result"][fact], expected, "{scan}: {fact}");
    }
    let robot = &results["robot"]["result"]["robot_result"];
    assert_eq!(*robot, "NOT_VULNERABLE_RSA_NOT_SUPPORTED");
    // What Mozilla's "intermediate" configuration asks for beside that.
    let (_, compliance) = text.split_once("COMPLIANCE").expect("its judgement");
    let findings = compliance.lines().filter_map(|line| line.trim().strip_prefix("* "));
    let findings: Vec<_> = findings.filter_map(|finding| finding.split(':').next()).collect();
    assert_eq!(findings, ["certificate_path_validation"], "{compliance}");
}
