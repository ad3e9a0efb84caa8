//! The client and the upstream of a bench of gateways.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::decision::{self, Fields};

/// One grey pixel, the body of every request.
pub(crate) const PNG: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b,
    0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00,
    0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];

/// A whole request with these fields.
fn bytes(fields: &[(String, String)]) -> Vec<u8> {
    let mut head =
        format!("POST {} HTTP/1.1\r\nhost: {}\r\n", decision::TARGET, decision::AUTHORITY);
    for (name, value) in fields {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    [head.as_bytes(), &PNG].concat()
}

/// Sends each request once, spread over so many connections, and returns how long each took.
///
/// # Errors
/// If an answer has another status.
pub(crate) async fn round(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Fields>,
    status: u16,
) -> std::io::Result<Vec<Duration>> {
    let share = requests.len().div_ceil(connections);
    let mut requests = requests.iter().map(|fields| bytes(fields));
    let mut clients = Vec::new();
    for _ in 0..connections {
        let own: Vec<_> = requests.by_ref().take(share).collect();
        clients.push(tokio::spawn(client(address, own, status)));
    }
    let mut taken = Vec::new();
    for client in clients {
        taken.extend(client.await.map_err(std::io::Error::other)??);
    }
    Ok(taken)
}

/// Waits until a server answers with this status.
///
/// # Errors
/// With what it answers in place of that.
pub(crate) async fn ready(
    address: SocketAddr,
    request: &Fields,
    status: u16,
) -> std::io::Result<()> {
    let mut last = Ok(());
    for _ in 0..200 {
        match round(address, 1, vec![request.clone()], status).await {
            Ok(_) => return Ok(()),
            Err(error) => last = Err(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    last
}

async fn client(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    status: u16,
) -> std::io::Result<Vec<Duration>> {
    let mut stream = connect(address).await?;
    let (mut buffer, mut taken) = (vec![0; 16384], Vec::with_capacity(requests.len()));
    for request in requests {
        let begun = Instant::now();
        stream.write_all(&request).await?;
        let answer = whole_answer(&mut stream, &mut buffer).await?;
        taken.push(begun.elapsed());
        if answer.get(9..12).and_then(|text| text.parse().ok()) != Some(status) {
            return Err(std::io::Error::other(format!("expected {status}, got {answer}")));
        }
        // An answer before the end of the request may end the connection.
        if answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n") {
            stream = connect(address).await?;
        }
    }
    Ok(taken)
}

/// Reads an answer as far as its length or its last chunk says. Some servers write head and body apart.
pub(crate) async fn whole_answer(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
) -> std::io::Result<String> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        filled += read;
        let seen = &buffer[..filled];
        let end = seen.windows(4).position(|end| end == b"\r\n\r\n");
        let whole = end.is_some_and(|end| {
            let chunked = seen[..end].to_ascii_lowercase();
            let chunked = chunked.windows(7).any(|word| word == b"chunked");
            if chunked {
                seen.ends_with(b"0\r\n\r\n")
            } else {
                filled >= end + 4 + length(&seen[..end])
            }
        });
        // At the end of the connection, or of the buffer, what there is must do.
        if whole || read == 0 {
            return Ok(String::from_utf8_lossy(seen).into_owned());
        }
    }
}

pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What all gateways of a bench stand before: it answers 200, and gives gates their snapshot.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
}

impl Upstream {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Ok(Self { address })
    }
}

/// Answers every request, once its whole body is there.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut seen = Vec::with_capacity(64 * 1024);
    loop {
        let Some(end) = seen.windows(4).position(|end| end == b"\r\n\r\n") else {
            if stream.read_buf(&mut seen).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let asks = seen.starts_with(b"GET /gate/snapshot");
        let mut left = length(&seen[..end]) + end + 4;
        while seen.len() < left {
            left -= seen.len();
            seen.clear();
            if stream.read_buf(&mut seen).await? == 0 {
                return Ok(());
            }
        }
        seen.drain(..left);
        let body = if asks { decision::snapshot() } else { "done".to_owned() };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all([head, body].concat().as_bytes()).await?;
    }
}

/// How long the body behind a head is.
fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}
