//! The files that a deployment takes as they are.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use conformance::envoy::binary;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn manifests_are_what_kubernetes_and_istio_take() {
    let binary = binary();
    let python = binary.parent().expect("a folder").join("bin/python");
    let output = Command::new(python)
        .arg(root().join("tests/envoy/manifests.py"))
        .current_dir(root().join("envoy"))
        .output()
        .expect("python of target/envoy");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_image_that_the_manifest_names_is_what_the_containerfile_makes() {
    let hadolint = binary().parent().expect("a folder").join("bin/hadolint");
    let output = Command::new(hadolint)
        .arg(root().join("Containerfile"))
        .output()
        .expect("hadolint of target/envoy: scripts/setup envoy installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("a file");
    let image = concat!("lunette:", env!("CARGO_PKG_VERSION"));
    let manifests = ["envoy/kubernetes-sidecar.yaml", "envoy/kubernetes-first-key.yaml"];
    for file in [&manifests[..], &["envoy/README.md", "Containerfile"]].concat() {
        assert!(read(file).contains(image), "{file} names {image}");
    }
}

#[test]
fn the_script_writes_what_envoy_watches_for() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let snapshot = crate::default_policy();
    let mut script = Command::new(binary().parent().expect("a folder").join("bin/python"))
        .args([root().join("envoy/ecds/push.py"), root().join("envoy/ecds/lunette.yaml")])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("python of target/envoy");
    script.stdin.take().expect("its input").write_all(snapshot.as_bytes()).expect("a snapshot");
    assert!(script.wait().expect("its end").success());
    let written = std::fs::read_to_string(folder.path().join("lunette.yaml")).expect("a file");
    let written: serde_json::Value = serde_saphyr::from_str(&written).expect("YAML");
    let plugin = &written["resources"][0]["typed_config"]["config"]["configuration"]["value"];
    let plugin: serde_json::Value =
        serde_json::from_str(plugin.as_str().expect("text")).expect("JSON");
    assert_eq!(plugin["snapshot"], snapshot);
}
