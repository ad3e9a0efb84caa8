//! What one connection carries besides whole requests: several of them, heads that wait for leave to
//! send a body, bodies that pause.

use std::io;
use std::time::Duration;

use conformance::client::{self, Answer};
use conformance::envoy::{self, Envoy};
use conformance::gate::{self, Published};
use conformance::recorder::{Ended, Recorder};
use conformance::vectors::{self, Request, named};
use conformance::workerd::{Options, Source, Workerd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::front::{Server, Stream};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every host that speaks HTTP, each with an upstream of its own.
async fn hosts() -> Vec<(&'static str, Server, Recorder)> {
    let upstream = || Recorder::judging("default");
    let (first, second, third) = (upstream(), upstream(), upstream());
    let published = Published::with_policy("default");
    let embedded = gate::start_before(first.clone(), gate::options(published)).await;
    let told = envoy::snapshot(1, &vectors::policy("default"));
    let nodes = vec![envoy::NodeAt::new(second.serve(None).await)];
    let envoy = Envoy::start(envoy::Options { nodes, ..envoy::Options::told(told) }).await;
    let source = Source::of_vectors("default").await;
    let workerd = Workerd::start(Options::new(third.serve(None).await, &source)).await;
    vec![
        ("embedded", embedded.into(), first),
        ("envoy", envoy.into(), second),
        ("workerd", workerd.into(), third),
    ]
}

/// A connection whose answers are read one after the other.
struct Connection {
    stream: Stream,
    read: Vec<u8>,
}

impl Connection {
    async fn to(server: &Server) -> Self {
        let stream = server.connect("http/1.1").await.expect("a connection");
        Self { stream, read: Vec::new() }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next answer, interim ones as well; an error if there is none.
    async fn answer(&mut self) -> io::Result<Answer> {
        tokio::time::timeout(PATIENCE, self.next()).await?
    }

    async fn next(&mut self) -> io::Result<Answer> {
        loop {
            if let Some((answer, length)) = whole(&self.read) {
                self.read.drain(..length);
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// The answer at the beginning of `bytes` and its length, if all of it is there.
fn whole(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let mut answer = Answer { status, headers: fields.collect(), body: Vec::new() };
    let chunked = answer.header("transfer-encoding").is_some();
    assert!(!chunked, "{answer:?}");
    let length = answer.header("content-length").unwrap_or("0").parse::<usize>();
    let length = length.expect("a length");
    answer.body = bytes.get(head..head + length)?.to_vec();
    Some((answer, head + length))
}

fn bytes_of(server: &Server, request: &Request) -> (Vec<u8>, Vec<u8>) {
    let request = server.dress(request);
    (client::head_bytes(&request), request.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_request_among_others_on_a_connection_does_not_shift_them() {
    for (host, server, upstream) in hosts().await {
        let (good, bad) = (named("a PNG").request(), named("an unknown key").request());
        let mut connection = Connection::to(&server).await;
        let all: Vec<_> = [&good, &bad, &good]
            .into_iter()
            .flat_map(|request| [bytes_of(&server, request).0, request.body.clone()])
            .collect();
        connection.write(&all.concat()).await.unwrap();
        let first = connection.answer().await.unwrap();
        assert_eq!(first.status, 200, "{host}: {first:?}");
        let second = connection.answer().await.unwrap();
        assert_eq!(second.status, 401, "{host}: {second:?}");
        // The third is answered, or the connection ends: its bytes are never taken for something else.
        let third = connection.answer().await.ok();
        let statuses = third.as_ref().map(|third| third.status);
        assert!([None, Some(200)].contains(&statuses), "{host}: {third:?}");
        let expected = if third.is_some() { 2 } else { 1 };
        assert_eq!(upstream.count(), expected, "{host}");
        while let Some(seen) = upstream.pop() {
            assert_eq!(seen.ended, Ended::Cleanly(good.body.clone().into()), "{host}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_leave_is_told_by_the_head_alone() {
    for (host, server, upstream) in hosts().await {
        let expecting = |name: &str| {
            let mut request = named(name).request();
            request.headers.push(("Expect".to_owned(), "100-continue".to_owned()));
            request
        };
        let bad = expecting("an unknown key");
        let mut connection = Connection::to(&server).await;
        connection.write(&bytes_of(&server, &bad).0).await.unwrap();
        let mut answer = connection.answer().await.unwrap();
        // Envoy and workerd give leave before anything is judged; the refusal comes all the same, and
        // waits for no body.
        if host != "embedded" && answer.status == 100 {
            answer = connection.answer().await.unwrap();
        }
        assert_eq!(answer.status, 401, "{host}: {answer:?}");
        assert_eq!(upstream.count(), 0, "{host}");
        let good = expecting("a PNG");
        let mut connection = Connection::to(&server).await;
        let (head, body) = bytes_of(&server, &good);
        connection.write(&head).await.unwrap();
        let answer = connection.answer().await.unwrap();
        assert_eq!(answer.status, 100, "{host}: {answer:?}");
        connection.write(&body).await.unwrap();
        let answer = connection.answer().await.unwrap();
        assert_eq!(answer.status, 200, "{host}: {answer:?}");
        let seen = upstream.pop().expect("a request");
        assert_eq!(seen.ended, Ended::Cleanly(good.body.into()), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_pauses_is_judged_all_the_same() {
    for (host, server, upstream) in hosts().await {
        for (name, status) in [("a PNG", 200), ("a GIF with text after its end", 422)] {
            let request = named(name).request();
            let (head, body) = bytes_of(&server, &request);
            let mut connection = Connection::to(&server).await;
            let (first, second) = body.split_at(body.len() / 2);
            connection.write(&[head.as_slice(), &first[..10]].concat()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            connection.write(&first[10..]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            connection.write(second).await.unwrap();
            let answer = connection.answer().await.unwrap();
            assert_eq!(answer.status, status, "{host}: {name}: {answer:?}");
            if status == 200 {
                let seen = upstream.pop().expect("a request");
                assert_eq!(seen.ended, Ended::Cleanly(request.body.into()), "{host}");
            } else if let Some(seen) = upstream.pop() {
                assert_eq!(seen.body(), None, "{host}: {name}");
            }
        }
    }
}
