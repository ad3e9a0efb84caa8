//! The calls of curl that rembg documents, with a key.

use std::path::Path;
use std::process::Command;

use conformance::node::{Home, Node};
use serde_json::Value;

use crate::tools::{is_cut_out, output, photo};

/// What curl is answered: the status, the media type and the body.
async fn curl(node: &Node, key: Option<&str>, arguments: &[&str]) -> (u16, String, Vec<u8>) {
    let mut command = Command::new("curl");
    command.args(["-s", "--noproxy", "*", "-w", "\n%{http_code} %{content_type}"]);
    if let Some(key) = key {
        command.args(["-H", &format!("X-API-Key: {key}")]);
    }
    let (url, options) = arguments.split_last().expect("a path");
    command.args(options).arg(format!("http://{}{url}", node.address));
    let mut body = output(command).await;
    let end = body.iter().rposition(|&byte| byte == b'\n').expect("a line of its own");
    let line = String::from_utf8(body.split_off(end)).expect("text");
    let (status, media_type) = line.trim().split_once(' ').expect("two words");
    (status.parse().expect("a status"), media_type.to_owned(), body)
}

fn file(photo: &Path) -> String {
    format!("file=@{}", photo.display())
}

#[tokio::test]
async fn the_documented_calls_of_curl_are_answered_as_rembg_answers() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let (key, folder) = (home.development_key(), tempfile::tempdir().unwrap());
    let file = file(&photo(folder.path()));
    let picture = async |arguments: &[&str]| {
        let (status, media_type, body) = curl(&node, Some(&key), arguments).await;
        let told = String::from_utf8_lossy(&body);
        assert_eq!((status, &*media_type), (200, "image/png"), "{arguments:?}: {told}");
        image::load_from_memory(&body).unwrap()
    };
    let cutout = picture(&["-F", &file, "/api/remove"]).await;
    assert!(is_cut_out(&cutout));
    let named = picture(&["-F", &file, "-F", "model=u2netp", "-F", "a=false", "/api/remove"]).await;
    assert_eq!(named, cutout);
    let mask = picture(&["-F", &file, "-F", "om=true", "/api/remove"]).await;
    assert_eq!(mask.color(), image::ColorType::L8);
    let alpha = cutout.to_rgba8().pixels().map(|pixel| pixel.0[3]).collect::<Vec<_>>();
    assert_eq!(mask.as_bytes(), alpha);
    let smooth = picture(&["-F", &file, "-F", "om=true", "-F", "ppm=true", "/api/remove"]).await;
    assert!(smooth.as_bytes().iter().all(|value| [0, 255].contains(value)));
    let coloured = picture(&["-F", &file, "/api/remove?bgc=0,0,255,255"]).await.to_rgba8();
    assert_eq!(coloured.get_pixel(4, 4).0, [0, 0, 255, 255]);
    assert_eq!(node.inferences().await, 5);
}

#[tokio::test]
async fn what_rembg_would_do_and_this_node_does_not_is_refused_before_the_model() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let (key, folder) = (home.development_key(), tempfile::tempdir().unwrap());
    let file = file(&photo(folder.path()));
    for (arguments, status, code, detail) in [
        (
            &["/api/remove?url=http://169.254.169.254/a.png"][..],
            405,
            "method-not-allowed",
            "nothing is fetched from URLs here",
        ),
        (&["-F", &file, "/api/remove?extras=%7B%7D"], 400, "field-unknown", "extras"),
        (&["-F", &file, "-F", "model=sam", "/api/remove"], 400, "field-value", "u2net"),
        (&["-F", &file, "-F", "model=u2net", "/api/remove"], 400, "model-not-served", "u2netp"),
        (&["-F", &file, "-F", "bgc=red", "/api/remove"], 400, "field-value", "red,green,blue"),
        (&["-F", &file, "-F", "a=true", "/api/remove"], 400, "field-value", "false"),
        (&["-F", &file, "-F", "af=256", "/api/remove"], 400, "field-value", "0 to 255"),
        (&["-F", &file, "-F", "om=1", "/api/remove?om=1"], 400, "field-repeated", "om"),
    ] {
        let (got, media_type, body) = curl(&node, Some(&key), arguments).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{arguments:?}");
        assert_eq!(media_type, "application/problem+json");
        // Clients of FastAPI read the same member.
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    let (status, ..) = curl(&node, None, &["-F", &file, "/api/remove"]).await;
    assert_eq!((status, node.inferences().await), (401, 0));
}

/// The shipped policy, with alpha matting at four times the price.
fn with_matting(folder: &Path) -> String {
    let mut policy: Value = serde_json::from_str(include_str!("../../filter/policy.json")).unwrap();
    let routes = policy["routes"].as_array_mut().unwrap();
    let route = routes.iter_mut().find(|route| route["name"] == "rembg").unwrap();
    route["weight"] = 4.into();
    for fields in ["/query", "/form/fields"] {
        let fields = route.pointer_mut(fields).and_then(Value::as_array_mut).unwrap();
        let field = fields.iter_mut().find(|field| field["name"] == "a").unwrap();
        field["values"].as_array_mut().unwrap().push("true".into());
    }
    let file = folder.join("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn alpha_matting_is_done_where_the_policy_takes_it_and_has_a_limit() {
    let (home, folder) = (Home::default(), tempfile::tempdir().unwrap());
    let node = Node::start(&home, &["--policy", &with_matting(folder.path())]).await;
    let key = home.development_key();
    let disc = file(&photo(folder.path()));
    let (status, _, body) = curl(&node, Some(&key), &["-F", &disc, "/api/remove"]).await;
    assert_eq!(status, 200);
    let plain = image::load_from_memory(&body).unwrap();
    let asked = ["-F", &disc, "-F", "a=true", "-F", "ae=7", "/api/remove"];
    let (status, _, body) = curl(&node, Some(&key), &asked).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let matted = image::load_from_memory(&body).unwrap();
    assert!(is_cut_out(&matted));
    // The edge of the disc is sharp, and nothing but the photo says where: the network sees it blurred.
    let unclear = |picture: &image::DynamicImage| {
        picture.to_rgba8().pixels().filter(|pixel| (30..225).contains(&pixel.0[3])).count()
    };
    assert!(unclear(&matted) < unclear(&plain), "{} of {}", unclear(&matted), unclear(&plain));

    let large = folder.path().join("large.jpg");
    image::RgbImage::new(1100, 1000).save(&large).unwrap();
    let arguments = ["-F", &file(&large), "/api/remove?a=true"];
    let (status, _, body) = curl(&node, Some(&key), &arguments).await;
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, problem["code"].as_str()), (422, Some("matting-too-costly")));
    assert_eq!(node.inferences().await, 2, "a photo that is too large is not even cut out");
}
