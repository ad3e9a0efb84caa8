//! `lunette bench` against a real `lunette serve`, and against servers that do what ours must not.

use std::convert::Infallible;
use std::io::Cursor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use conformance::node::{Home, Node, free_address};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;

/// A file with a dark disc on a bright ground.
fn disc(home: &Home) -> String {
    let picture = RgbImage::from_fn(160, 120, |x, y| {
        let inside = x.abs_diff(80).pow(2) + y.abs_diff(60).pow(2) < 1600;
        if inside { Rgb([180, 40, 30]) } else { Rgb([235, 240, 245]) }
    });
    let file = home.path().with_extension("jpg");
    picture.save_with_format(&file, ImageFormat::Jpeg).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Runs `lunette bench` beside this test, which may be its server.
async fn bench(home: &Home, url: &str, arguments: &[&str], key: Option<&str>) -> Output {
    let mut command = home.command(&[&["bench", "--url", url, "--json"], arguments].concat());
    if let Some(key) = key {
        command.env("LUNETTE_KEY", key);
    }
    run(command).await
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn report(output: &Output) -> Value {
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaint}"))
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn sum(members: &Value) -> u64 {
    members.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn every_answer_of_a_node_is_right_over_each_face_and_protocol() {
    let home = Home::default();
    let node = Node::start(&home, &["--text", "off"]).await;
    let (image, key, url) =
        (disc(&home), home.development_key(), format!("http://{}", node.address));
    for (face, more) in
        [("background-removal", &["--http2"][..]), ("rembg", &[]), ("remove-bg", &[])]
    {
        let load =
            ["--face", face, "--image", &image, "--clients", "2", "--duration", "1s", "--verify"];
        let arguments = &[&load, more].concat();
        let output = bench(&home, &url, arguments, Some(&key)).await;
        let report = report(&output);
        assert!(output.status.success(), "{face}: {report}");
        assert!(report["sent"].as_u64().unwrap() >= 2, "{face}: {report}");
        assert_eq!(report["statuses"]["200"], report["sent"], "{face}: {report}");
        assert_eq!((&report["verified"], &report["wrong"]), (&true.into(), &0.into()));
        let latency = &report["good_ms"];
        assert_eq!(latency["count"], report["sent"]);
        assert!(latency["p50"].as_f64() <= latency["max"].as_f64(), "{report}");
        assert!(report["received_bytes"].as_u64() > Some(100), "{report}");
    }
    let load = ["--face", "ocr", "--image", &image, "--clients", "1", "--verify"];
    let refused = bench(&home, &url, &load, None).await;
    assert_eq!(refused.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&refused.stderr);
    assert!(complaint.contains("was answered 401"), "{complaint}");
}

#[tokio::test]
async fn more_than_a_node_can_carry_is_refused_honestly_and_all_of_it_is_counted() {
    let home = Home::default();
    let node = Node::start(&home, &["--text", "off", "--queue-waiting", "1"]).await;
    let (image, key, url) =
        (disc(&home), home.development_key(), format!("http://{}", node.address));
    let load = [
        "--face",
        "background-removal",
        "--image",
        &image,
        "--rate",
        "20",
        "--duration",
        "2s",
        "--verify",
    ];
    let output = bench(&home, &url, &load, Some(&key)).await;
    let all = report(&output);
    assert!(output.status.success(), "{all}");
    assert_eq!(all["sent"].as_u64().unwrap() + all["not_sent"].as_u64().unwrap(), 40, "{all}");
    assert_eq!(sum(&all["statuses"]) + sum(&all["failed"]), all["sent"].as_u64().unwrap(), "{all}");
    assert!(all["statuses"]["200"].as_u64() >= Some(1), "{all}");
    assert!(all["statuses"]["503"].as_u64() >= Some(1), "{all}");
    assert_eq!(sum(&all["codes"]), all["refused_ms"]["count"].as_u64().unwrap(), "{all}");
    assert_eq!(sum(&all["failed"]), 0, "{all}");

    // With one connection, what is due while it is busy cannot be sent.
    let output =
        bench(&home, &url, &[&load[..8], &["--connections", "1"]].concat(), Some(&key)).await;
    let few = report(&output);
    assert_eq!(few["sent"].as_u64().unwrap() + few["not_sent"].as_u64().unwrap(), 40, "{few}");
    assert!(few["not_sent"].as_u64() > Some(0), "{few}");
    assert_eq!(few["statuses"]["200"], few["sent"], "{few}");
}

/// A server that answers the n-th request with `answer(n)`.
async fn server<A>(answer: impl Fn(u64) -> A + Clone + Send + Sync + 'static) -> SocketAddr
where
    A: axum::response::IntoResponse,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = std::sync::Arc::new(AtomicU64::new(0));
    let service = tower::service_fn(move |_: axum::extract::Request| {
        let answer = answer(count.fetch_add(1, Ordering::Relaxed)).into_response();
        async move { Ok::<_, Infallible>(answer) }
    });
    let router = Router::new().fallback_service(service);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn the_picture_of_another_request_is_found_out() {
    let home = Home::default();
    let image = disc(&home);
    let address = server(|number| {
        let mut bytes = Cursor::new(Vec::new());
        let shade = if number % 2 == 0 { 10 } else { 60 };
        RgbImage::from_pixel(160, 120, Rgb([shade; 3]))
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        ([(CONTENT_TYPE, "image/png")], bytes.into_inner())
    });
    let url = format!("http://{}", address.await);
    let load = ["--image", &image, "--rate", "20", "--duration", "1s", "--verify"];
    let output = bench(&home, &url, &load, None).await;
    assert_eq!(output.status.code(), Some(1));
    let report = report(&output);
    assert_eq!((&report["sent"], &report["wrong"]), (&20.into(), &10.into()), "{report}");
    let example = report["wrong_examples"][0].as_str().unwrap();
    assert!(example.contains("another picture, by up to 50"), "{example}");
}

#[tokio::test]
async fn times_of_strangers_are_the_same_for_the_same_seed() {
    let home = Home::default();
    let url = format!("http://{}", server(|_| "").await);
    let sent = async |seed: &str| {
        let load = ["--rate", "100", "--duration", "1s", "--arrivals", "poisson", "--seed", seed];
        let report = report(&bench(&home, &url, &load, None).await);
        report["sent"].as_u64().unwrap() + report["not_sent"].as_u64().unwrap()
    };
    let first = sent("1").await;
    assert_eq!(sent("1").await, first);
    assert!((60..140).contains(&first), "{first}");
}

#[tokio::test]
async fn nobody_listening_is_a_failure_of_each_request() {
    let home = Home::default();
    let url = format!("http://{}", free_address());
    let output = bench(&home, &url, &["--rate", "20", "--duration", "500ms"], None).await;
    let report = report(&output);
    assert_eq!(
        (&report["failed"]["no-connection"], &report["good_ms"]["count"]),
        (&10.into(), &0.into())
    );
}

#[tokio::test]
async fn another_machine_and_an_open_key_file_are_refused() {
    let home = Home::default();
    let output = bench(&home, "http://192.0.2.1/", &["--clients", "1"], None).await;
    assert!(refusal(&output).contains("--allow-remote"));
    let file: PathBuf = home.path().with_extension("key");
    std::fs::write(&file, "lun_test_x").unwrap();
    let file = file.to_str().unwrap();
    let load = ["--clients", "1", "--key-file", file];
    let output = bench(&home, "http://127.0.0.1:9/", &load, None).await;
    assert!(refusal(&output).contains("chmod 600"));
    let output = bench(&home, "http://127.0.0.1:9/", &[], None).await;
    let complaint = refusal(&output);
    assert!(complaint.contains("--rate") && complaint.contains("--clients"), "{complaint}");
}
