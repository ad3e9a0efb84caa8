//! The clients of remove.bg that npm and `PyPI` have, in which its host is built in.

use std::path::Path;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use conformance::node::{Home, Node, get};
use conformance::tls::{Authority, private_file};
use conformance::vectors::Request;
use image::GenericImageView as _;
use serde_json::{Value, json};

use crate::tools::{is_cut_out, output, photo, python, scripts};
use crate::tunnel;

/// A node that its clients take for remove.bg.
struct RemoveBg {
    node: Node,
    key: String,
    /// Whose word clients believe.
    authority: String,
    proxy: String,
    /// Keys and secrets, until the test ends.
    _home: Home,
}

impl RemoveBg {
    async fn start(folder: &Path) -> Self {
        let (home, authority) = (Home::default(), Authority::default());
        let identity = authority.sign("api.remove.bg");
        let file = |name, text: &str| private_file(folder, name, text).to_str().unwrap().to_owned();
        let certificate = file("tls.pem", &identity.certificate);
        let key = file("tls.key", &identity.key);
        let node =
            Node::start(&home, &["--tls-certificate", &certificate, "--tls-key", &key]).await;
        let proxy = format!("http://{}", tunnel::to(node.address).await);
        let authority = file("authority.pem", &authority.certificate());
        Self { node, key: home.development_key(), authority, proxy, _home: home }
    }

    /// A command whose requests for remove.bg reach the node.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env("HTTPS_PROXY", &self.proxy)
            .env("https_proxy", &self.proxy)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .env("NODE_EXTRA_CA_CERTS", &self.authority)
            .env("REQUESTS_CA_BUNDLE", &self.authority);
        command
    }
}

#[tokio::test]
async fn the_client_from_npm_gets_pictures_and_errors_that_it_understands() {
    let folder = tempfile::tempdir().unwrap();
    let remove_bg = RemoveBg::start(folder.path()).await;
    let (picture, of_file) = (folder.path().join("cut.png"), folder.path().join("file.png"));
    let mut command = remove_bg.command("node");
    command.env("REMOVE_BG_PORT", remove_bg.node.address.port().to_string());
    command.arg("--require").arg(scripts().join("redirect.cjs"));
    command.arg(scripts().join("remove_bg.mjs"));
    command.args([&remove_bg.key]).args([&photo(folder.path()), &picture, &of_file]);
    let told: Value = serde_json::from_slice(&output(command).await).unwrap();

    // The disc and little else: the client asked for a crop.
    let cut = image::open(&picture).unwrap();
    let (width, height) = cut.dimensions();
    assert!((100..200).contains(&width) && (100..180).contains(&height), "{width} x {height}");
    let result = &told["base64"]["result"];
    assert_eq!(result["resultWidth"], width.to_string());
    assert_eq!(result["resultHeight"], height.to_string());
    assert_eq!(result["creditsCharged"], "0");
    assert!(is_cut_out(&image::open(&of_file).unwrap()), "{told}");
    for (call, code) in [
        ("url", "failed_image_download"),
        ("wrongKey", "auth_failed"),
        ("noImage", "invalid_file_type"),
    ] {
        assert_eq!(told[call]["errors"][0]["code"], code, "{call}: {told}");
        assert!(told[call]["errors"][0]["title"].is_string(), "{told}");
    }
    assert_eq!(remove_bg.node.inferences().await, 2);
}

#[tokio::test]
async fn the_client_from_pypi_gets_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let remove_bg = RemoveBg::start(folder.path()).await;
    let photo = photo(folder.path());
    let mut command = remove_bg.command(python());
    command.arg(scripts().join("remove_bg.py")).arg(&remove_bg.key).arg(&photo);
    let of_text = folder.path().join("text.png");
    command.arg(&of_text).arg(folder.path().join("log"));
    output(command).await;
    for picture in [folder.path().join("photo.jpg_no_bg.png"), of_text] {
        assert!(is_cut_out(&image::open(picture).unwrap()));
    }
}

#[tokio::test]
async fn a_form_may_hold_the_picture_in_base64() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let photo = std::fs::read(photo(folder.path())).unwrap();
    let part = |name: &str, text: &str| {
        format!("--XyZzY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let text = Base64::encode_string(&photo);
    let body = [part("size", "full"), part("image_file_b64", &text), "--XyZzY--\r\n".to_owned()];
    let body = body.concat().into_bytes();
    let headers = [
        ("X-Api-Key", home.development_key()),
        ("Content-Type", "multipart/form-data; boundary=XyZzY".to_owned()),
        ("Content-Length", body.len().to_string()),
    ];
    let request = Request {
        method: "POST".to_owned(),
        target: "/v1.0/removebg".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body,
    };
    let answer = node.send(&request).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")));
    assert!(is_cut_out(&image::load_from_memory(&answer.body).unwrap()));
}

#[tokio::test]
async fn an_account_has_no_credits_and_is_told_only_to_whom_it_belongs() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let mut request = get("/v1.0/account");
    let answer = node.send(&request).await;
    assert_eq!(
        (answer.status, &answer.problem()["errors"][0]["code"]),
        (401, &json!("auth_failed"))
    );
    request.headers.push(("X-Api-Key".to_owned(), home.development_key()));
    let answer = node.send(&request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let account: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(account["data"]["attributes"]["credits"]["total"], 0);
}
