//! The whole product: the real binary, the compiled filter, the real weights, real sockets. What
//! matters is asserted at the far end: whether the model saw anything.

use std::fmt::Write as _;
use std::io::Cursor;
use std::time::{Duration, Instant};

use conformance::bodies::Envelope;
use conformance::client::{self, Answer};
use conformance::differences;
use conformance::flood::{self, Flood};
use conformance::keys;
use conformance::node::{self, Home, Node};
use conformance::vectors::{self, Expect, Request, Stage, Vector};
use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgb, RgbImage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATH: &str = "/v1/background-removal";

/// A dark disc on a bright ground: something to cut out.
fn disc(width: u32, height: u32) -> RgbImage {
    let (cx, cy, r) = (width / 2, height / 2, width.min(height) / 3);
    RgbImage::from_fn(width, height, |x, y| {
        let inside = x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) < r * r;
        if inside { Rgb([180, 40, 30]) } else { Rgb([235, 240, 245]) }
    })
}

fn encoded(image: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn post(key: &str, content_type: &str, body: Vec<u8>) -> Request {
    node::post(PATH, key, content_type, body)
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem()["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_photo_comes_back_cut_out() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let key = home.development_key();
    for (content_type, format) in [
        ("image/png", ImageFormat::Png),
        ("image/jpeg", ImageFormat::Jpeg),
        ("image/webp", ImageFormat::WebP),
    ] {
        let answer = node.send(&post(&key, content_type, encoded(disc(200, 120), format))).await;
        assert_eq!(answer.status, 200, "{content_type}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("image/png"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("server-timing").is_some_and(|timing| timing.contains("model;dur=")));
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("lunette-")));
        let cut = image::load_from_memory(&answer.body).unwrap();
        assert_eq!(cut.dimensions(), (200, 120));
        let alpha = |x, y| cut.get_pixel(x, y).0[3];
        assert!(alpha(100, 60) > 200, "{content_type}: the disc is gone: {}", alpha(100, 60));
        assert!(alpha(5, 5) < 50, "{content_type}: the ground is still there: {}", alpha(5, 5));
    }
    assert_eq!(node.inferences().await, 3);
}

#[tokio::test]
async fn a_photo_comes_back_cut_out_whatever_it_came_in() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let key = home.development_key();
    let photo = encoded(disc(200, 120), ImageFormat::Jpeg);
    let mut answers = Vec::new();
    for envelope in Envelope::ALL {
        let (content_type, body) = envelope.wrap(&photo, Some("image/jpeg"));
        let answer = node.send(&post(&key, &content_type, body)).await;
        assert_eq!(answer.status, 200, "{envelope:?}: {answer:?}");
        answers.push(answer.body);
    }
    assert_eq!(answers[1], answers[0], "a form");
    assert_eq!(answers[2], answers[0], "JSON");
    let cut = image::load_from_memory(&answers[0]).unwrap();

    // The field `output` asks for the alpha alone; it may come before the file or after it.
    let field = "--XyZ\r\nContent-Disposition: form-data; name=\"output\"\r\n\r\nmask\r\n";
    let file = "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n";
    let parts: [&[u8]; 2] = [field.as_bytes(), &[file.as_bytes(), &photo, b"\r\n"].concat()];
    for (first, second) in [(0, 1), (1, 0)] {
        let body = [parts[first], parts[second], b"--XyZ--\r\n"].concat();
        let answer = node.send(&post(&key, "multipart/form-data; boundary=XyZ", body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let mask = image::load_from_memory(&answer.body).unwrap();
        assert_eq!(mask.color(), image::ColorType::L8);
        let (mask, cut) = (mask.to_luma8(), cut.to_rgba8());
        let alpha = cut.pixels().map(|pixel| pixel.0[3]);
        assert!(mask.pixels().map(|pixel| pixel.0[0]).eq(alpha), "another mask");
    }
    assert_eq!(node.inferences().await, 5);

    // What a gate cannot know before the file has passed reaches neither decoder nor model.
    let twice = [parts[1], parts[1], b"--XyZ--\r\n"].concat();
    let answer = node.send(&post(&key, "multipart/form-data; boundary=XyZ", twice)).await;
    assert_eq!(code(&answer), (400, "field-repeated".to_owned()));
    assert_eq!(node.inferences().await, 5);
    assert_eq!(node.metric("lunette_images_total{format=\"jpeg\"}").await, 5);
}

#[tokio::test]
async fn orientation_is_applied_and_no_metadata_comes_out() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    // An EXIF segment that says "turn by 90 degrees" (TIFF 6.0, tag 0x0112, value 6).
    let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let exif = [&b"Exif\0\0"[..], tiff].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let jpeg = encoded(disc(200, 120), ImageFormat::Jpeg);
    let turned = [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat();
    let answer = node.send(&post(&home.development_key(), "image/jpeg", turned)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(image::load_from_memory(&answer.body).unwrap().dimensions(), (120, 200));
    let mut kinds = Vec::new();
    let mut rest = &answer.body[8..];
    while let Some((header, data)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes(header[..4].try_into().unwrap()) as usize;
        kinds.push(String::from_utf8_lossy(&header[4..]).into_owned());
        rest = &data[length + 4..];
    }
    kinds.dedup();
    assert_eq!(kinds, ["IHDR", "IDAT", "IEND"]);
}

/// The vectors whose key is the good one, with the key of a real node in its place.
fn vectors_for(key: &str) -> Vec<(Vector, Request)> {
    let good = keys::text("good");
    let plain = |vector: &Vector| vector.is_plain() && vector.file != "credential";
    let for_node = |vector: Vector| {
        let mut request = vector.request();
        let is_good = request.headers.iter().any(|(_, value)| value.contains(&good));
        for (_, value) in &mut request.headers {
            *value = value.replace(&good, key);
        }
        is_good.then_some((vector, request))
    };
    vectors::all().into_iter().filter(plain).filter_map(for_node).collect()
}

fn is_known_at_its_end(vector: &Vector) -> bool {
    matches!(vector.expect(), Expect::Reject(refusal) if refusal.stage == Stage::Tail)
}

#[tokio::test]
async fn bad_requests_are_refused_before_the_model_sees_anything() {
    let home = Home::default();
    let node = Node::start(&home, &["--policy", &home.policy()]).await;
    let differences = differences::rows();
    let (mut refused, mut late) = (0, 0);
    // Those whose end is bad come last: of them the node may have seen the beginning.
    let mut bad = vectors_for(&home.development_key());
    bad.retain(|(vector, _)| matches!(vector.expect(), Expect::Reject(_)));
    bad.sort_by_key(|(vector, _)| is_known_at_its_end(vector));
    for (vector, request) in bad {
        let Expect::Reject(expected) = vector.expect() else { continue };
        if is_known_at_its_end(&vector) && late == 0 {
            let released = node.metric("lunette_gate_released_total").await;
            assert_eq!(released, 0, "the node saw a bad request");
        }
        late += usize::from(is_known_at_its_end(&vector));
        let answer = node.send(&request).await;
        refused += 1;
        assert!(answer.status >= 400, "{}: {}: {}", vector.file, vector.name, answer.status);
        if differences.iter().any(|row| row.is_about("embedded", &vector)) {
            assert!((400..500).contains(&answer.status), "{}: {answer:?}", vector.name);
        } else {
            assert_eq!(code(&answer), (expected.status, expected.code.clone()), "{}", vector.name);
        }
    }
    for (key, expected) in [
        (keys::text("unknown"), "invalid-key"),
        (keys::text("good:other-environment"), "invalid-key"),
        (keys::text("good:wrong-checksum"), "key-malformed"),
    ] {
        let answer =
            node.send(&post(&key, "image/png", encoded(disc(64, 64), ImageFormat::Png))).await;
        assert_eq!(code(&answer), (401, expected.to_owned()));
    }
    assert!(refused > 200 && late > 60, "only {refused} vectors were sent, {late} of them late");
    assert_eq!(node.inferences().await, 0, "the model saw a bad request");
}

#[tokio::test]
async fn files_whose_pixels_are_corrupt_are_refused_by_the_node_and_harm_nothing() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let key = home.development_key();
    let png = encoded(disc(200, 120), ImageFormat::Png);
    let jpeg = encoded(disc(200, 120), ImageFormat::Jpeg);
    let webp = encoded(disc(200, 120), ImageFormat::WebP);
    let mut damaged = png.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    for (content_type, body, what) in [
        ("image/png", damaged, "a PNG with a wrong byte"),
        ("image/png", png[..png.len() / 2].to_vec(), "half a PNG"),
        ("image/jpeg", jpeg[..jpeg.len() / 2].to_vec(), "half a JPEG"),
        ("image/jpeg", jpeg[..jpeg.len() - 2].to_vec(), "a JPEG without its end"),
        ("image/webp", [&webp[..30], &vec![0; webp.len() - 30]].concat(), "a WebP of zeros"),
    ] {
        let answer = node.send(&post(&key, content_type, body)).await;
        assert_eq!(answer.status, 422, "{what}");
        assert!(answer.problem()["code"].as_str().unwrap().starts_with("image-"), "{what}");
    }
    assert_eq!(node.inferences().await, 0);
    let answer = node.send(&post(&key, "image/png", png)).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_key_lives_from_the_moment_it_is_made_to_the_moment_it_is_revoked() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    // A clean key is refused for its image, 415, and any other key with 401.
    let probe = |key: &str| post(key, "image/png", b"not an image, but enough text".to_vec());
    let key = home.new_key();
    assert_eq!(node.send(&probe(&key)).await.status, 415);
    let id = key.split('_').nth(2).unwrap();
    let rotated = home.json(&["keys", "rotate", id, "--overlap", "1h"]);
    let new = rotated["key"].as_str().unwrap();
    assert_eq!(node.send(&probe(new)).await.status, 415, "the new key");
    assert_eq!(node.send(&probe(&key)).await.status, 415, "the old key within the overlap");
    for _ in 0..20 {
        let key = home.new_key();
        let id = key.split('_').nth(2).unwrap().to_owned();
        assert_eq!(node.send(&probe(&key)).await.status, 415);
        assert!(home.command(&["keys", "revoke", &id]).output().unwrap().status.success());
        assert_eq!(code(&node.send(&probe(&key)).await), (401, "invalid-key".to_owned()));
    }
}

/// As many clients do that send a whole body before they read: one that is cut off while it writes never sees why.
#[tokio::test]
async fn a_client_that_is_refused_while_it_sends_gets_its_answer_and_keeps_its_connection() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let by_its_head = post("lun_test_no", "image/png", vec![0; 4_000_000]);
    let by_its_prefix = post(&home.development_key(), "image/png", vec![0; 4_000_000]);
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    for _ in 0..4 {
        for (request, status) in [(&by_its_head, 401), (&by_its_prefix, 415)] {
            stream.write_all(&client::head_bytes(request)).await.unwrap();
            stream.write_all(&request.body).await.expect("the whole body is taken");
            assert_eq!(client::read_answer(&mut stream).await.unwrap().status, status);
        }
    }
}

#[tokio::test]
async fn a_client_that_stops_sending_gets_408_and_blocks_nobody() {
    let home = Home::default();
    let arguments =
        ["--upload-idle", "1s", "--upload-share-per-key", "1/2", "--upload-total", "24MiB"];
    let node = Node::start(&home, &arguments).await;
    let (slow, good) = (home.development_key(), home.new_key());
    // Headers are judged and released; then the bodies stop. Each reserves ten megabytes.
    let png = encoded(disc(200, 120), ImageFormat::Png);
    let mut request = post(&slow, "image/png", png.clone());
    request.headers[2].1 = "10000000".to_owned();
    let mut stopped = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(&client::head_bytes(&request)).await.unwrap();
        stream.write_all(&png).await.unwrap();
        stopped.push(stream);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(node.metric("lunette_uploads_reserved_bytes").await, 10_000_000);
    let answer = node.send(&post(&good, "image/png", png)).await;
    assert_eq!(answer.status, 200, "another key is served meanwhile");
    let mut answers = Vec::new();
    for stream in &mut stopped {
        answers.push(code(&client::read_answer(stream).await.unwrap()));
    }
    answers.sort();
    let expected = [(408, "request-timeout"), (429, "uploads-of-key"), (429, "uploads-of-key")];
    assert_eq!(answers, expected.map(|(status, code)| (status, code.to_owned())));
    assert_eq!(node.metric("lunette_uploads_reserved_bytes").await, 0);
    assert_eq!(node.metric("lunette_gate_contexts").await, 0);
}

#[tokio::test]
async fn a_shut_down_finishes_what_is_in_flight_and_refuses_what_is_new() {
    let home = Home::default();
    let mut node = Node::start(&home, &[]).await;
    let request =
        post(&home.development_key(), "image/png", encoded(disc(300, 300), ImageFormat::Png));
    let address = node.address;
    // The server must know of the request before it is told to stop.
    let in_flight = tokio::spawn({
        let request = request.clone();
        async move { client::send(address, &request, usize::MAX).await.unwrap() }
    });
    while node.metric("lunette_jobs_admitted").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    node.terminate();
    while node.operator("/readyz").await.status == 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(code(&node.send(&request).await), (503, "draining".to_owned()));
    assert_eq!(in_flight.await.unwrap().status, 200, "what was in flight is finished");
    assert!(node.ended_well().await);
}

#[tokio::test]
async fn the_answers_come_from_the_wasm_file_and_nothing_starts_without_it() {
    let home = Home::default();
    let filter = std::fs::read(conformance::gate::module()).unwrap();
    let text = b"there is no such path here";
    let at = filter.windows(text.len()).position(|window| window == text).expect("the text");
    let mut changed = filter;
    changed[at..at + 5].copy_from_slice(b"THERE");
    let file = home.path().with_extension("wasm");
    std::fs::write(&file, changed).unwrap();
    let node = Node::start(&home, &["--filter", file.to_str().unwrap()]).await;
    let answer = node.send(&node::get("/nowhere")).await;
    assert_eq!(answer.problem()["detail"], "THERE is no such path here");

    let output = home.command(&["serve", "--filter", "/nowhere/filter.wasm"]).output().unwrap();
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("/nowhere/filter.wasm"), "{complaint}");
}

/// Sends `count` requests, all bad and all different, on one connection, a hundred at a time.
async fn junk(address: std::net::SocketAddr, first: u64, count: u64) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    for batch in 0..count / 100 {
        let mut bytes = String::new();
        for n in 0..100 {
            let n = first + batch * 100 + n;
            let (id, secret) = (format!("{n:010}"), format!("{n:032}"));
            // Every third one has a right checksum, so that it costs the gate a look-up.
            let key = match n % 3 {
                0 => filter::ApiKey::compose(
                    filter::Environment::Test,
                    &filter::KeyId::parse(&id).unwrap(),
                    secret.as_bytes().try_into().unwrap(),
                )
                .unwrap()
                .to_string(),
                _ => format!("lun_test_{id}_{secret}000000"),
            };
            let _ = write!(
                bytes,
                "POST {PATH}?{n} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\n."
            );
        }
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let (mut answers, mut tail) = (0, Vec::new());
        while answers < 100 {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            tail.extend_from_slice(&buffer[..read]);
            // Soon the network is told to come back later.
            let is_refusal =
                |window: &&[u8]| *window == b"HTTP/1.1 401" || *window == b"HTTP/1.1 429";
            answers += tail.windows(12).filter(is_refusal).count();
            tail.drain(..tail.len().saturating_sub(11));
        }
    }
}

/// How many seconds a flood lasts, if nobody says.
const FLOOD: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_junk_costs_bounded_memory_and_log_and_others_are_served() {
    let home = Home::default();
    let log = home.path().with_extension("log");
    let node = Node::start_with_log(&home, &[], &log).await;
    let image = vectors::named("a PNG").request().body;
    let good = post(&home.development_key(), "image/png", image);
    for _ in 0..3 {
        assert_eq!(node.send(&good).await.status, 200);
    }
    let before = node.memory_kib();
    let address = node.address;
    let flood = Flood::begin(&flood::junk(), move || TcpStream::connect(address));
    let (began, mut served) = (Instant::now(), 3);
    while began.elapsed() < flood::lasts(FLOOD) {
        assert_eq!(node.send(&good).await.status, 200, "a good request during the flood");
        served += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let growth = node.memory_kib().saturating_sub(before);
    let (refused, took) = flood.end().await;
    #[expect(clippy::print_stdout, reason = "the rate is worth seeing")]
    {
        println!("{refused} requests of junk in {took:?}, {growth} KiB more, {served} served");
    }
    assert!(refused / took.as_secs().max(1) > 1_000, "only {refused} in {took:?}: no flood");
    assert!(growth < 64 * 1024, "{growth} KiB more after {refused} requests of junk");
    assert_eq!(node.metric("lunette_gate_requests_total").await, refused + served);
    assert_eq!(node.metric("lunette_gate_released_total").await, served);
    let log = std::fs::read_to_string(log).expect("the log");
    let lines = |of: &str| log.lines().filter(|line| line.contains(of)).count() as u64;
    assert_eq!(lines("code=\"ok\""), served, "what was served is all in the log");
    // What `inference-node/src/api/refusal_lines.rs` allows.
    let most = 1000 + 100 * (took.as_secs() + 2);
    let refusals = lines("by=\"gate\"");
    assert!((1000..=most).contains(&refusals), "{refusals} lines, and at most {most}");
    assert!(lines("refusals came too fast for the log") > 0, "it says that some are left out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_million_distinct_bad_requests_leave_memory_as_it_was() {
    let home = Home::default();
    let node = Node::start(&home, &[]).await;
    let flood = async |first: u64, count: u64| {
        let tasks: Vec<_> = (0..8)
            .map(|n| tokio::spawn(junk(node.address, first + n * count / 8, count / 8)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    flood(0, 16_000).await;
    let before = node.memory_kib();
    flood(16_000, 1_000_000).await;
    let after = node.memory_kib();
    assert!(after <= before + 16 * 1024, "memory grew from {before} to {after} KiB");
    assert_eq!(node.metric("lunette_gate_requests_total").await, 1_016_000);
    assert_eq!(node.metric("lunette_gate_released_total").await, 0);
    assert_eq!(node.metric("lunette_gate_contexts").await, 0);
}
