//! The client and the upstream of a bench of gateways.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::decision;

/// One grey pixel, the body of every request.
pub(super) const PNG: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b,
    0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00,
    0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];

/// A whole request with these fields.
pub(super) fn bytes(fields: &[(String, String)]) -> Vec<u8> {
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
pub(super) async fn round(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Vec<u8>>,
    status: &'static str,
) -> std::io::Result<Vec<Duration>> {
    let share = requests.len().div_ceil(connections);
    let mut requests = requests.into_iter();
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

async fn client(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    status: &'static str,
) -> std::io::Result<Vec<Duration>> {
    let mut stream = connect(address).await?;
    let (mut buffer, mut taken) = (vec![0; 16384], Vec::with_capacity(requests.len()));
    for request in requests {
        let begun = Instant::now();
        stream.write_all(&request).await?;
        // An answer is smaller than one read.
        let read = stream.read(&mut buffer).await?;
        taken.push(begun.elapsed());
        let answer = String::from_utf8_lossy(&buffer[..read]);
        if answer.get(9..12) != Some(status) {
            return Err(std::io::Error::other(format!("expected {status}, got {answer}")));
        }
        // An answer before the end of the request may end the connection.
        if answer.contains("\r\nconnection: close\r\n") {
            stream = connect(address).await?;
        }
    }
    Ok(taken)
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What all gateways of a bench stand before: it answers 200, and gives gates their snapshot.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
}

impl Upstream {
    pub(super) async fn start() -> std::io::Result<Self> {
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

/// Answers every request; each has the one body, or none if it asks for the snapshot.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut seen = Vec::new();
    loop {
        let Some(end) = seen.windows(4).position(|end| end == b"\r\n\r\n") else {
            if stream.read_buf(&mut seen).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let asks = seen.starts_with(b"GET /gate/snapshot");
        let whole = end + 4 + if asks { 0 } else { PNG.len() };
        if seen.len() < whole {
            if stream.read_buf(&mut seen).await? == 0 {
                return Ok(());
            }
            continue;
        }
        seen.drain(..whole);
        let body = if asks { decision::snapshot() } else { "done".to_owned() };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all([head, body].concat().as_bytes()).await?;
    }
}
