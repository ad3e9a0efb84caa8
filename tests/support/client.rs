//! A raw HTTP/1.1 client: it sends exactly what it is told, also what no library would.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::vectors::{HOST, Request};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as a problem of RFC 9457.
    ///
    /// # Panics
    /// If it is none.
    pub fn problem(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        serde_json::from_slice(&self.body).expect("a problem is JSON")
    }
}

/// The bytes of a request's head.
pub fn head_bytes(request: &Request) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    if request.values("host").next().is_none() {
        let _ = write!(head, "Host: {HOST}\r\n");
    }
    for (name, value) in &request.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Sends a request in pieces of at most `piece` bytes and reads the answer.
///
/// # Errors
/// If the connection fails before a whole answer arrived.
pub async fn send(to: SocketAddr, request: &Request, piece: usize) -> io::Result<Answer> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    send_on(stream, request, piece).await
}

/// Sends a request on a connection that is there, likewise.
///
/// # Errors
/// If the connection fails before a whole answer arrived.
pub async fn send_on(
    stream: impl AsyncRead + AsyncWrite,
    request: &Request,
    piece: usize,
) -> io::Result<Answer> {
    let (mut read, mut write) = tokio::io::split(stream);
    let writing = async {
        write.write_all(&head_bytes(request)).await?;
        for piece in request.body.chunks(piece.max(1)) {
            write.write_all(piece).await?;
            write.flush().await?;
        }
        Ok::<_, io::Error>(())
    };
    let reading = tokio::time::timeout(PATIENCE, read_answer(&mut read));
    tokio::pin!(writing, reading);
    // The answer may come before the body is sent; then the server may also stop reading.
    tokio::select! {
        answer = &mut reading => return answer?,
        _ = &mut writing => {}
    }
    reading.await?
}

/// Reads one answer.
///
/// # Errors
/// If the connection ends inside it, or it is no HTTP/1.1.
pub async fn read_answer(read: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            // An interim answer (100 Continue) announces the final one.
            if bytes.starts_with(b"HTTP/1.1 1") {
                bytes.drain(..end + 4);
                continue;
            }
            break end;
        }
        if read.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(Ok(0), |(_, value)| value.parse::<usize>());
    let length = length.map_err(|_| io::ErrorKind::InvalidData)?;
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if read.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    body.truncate(length);
    Ok(Answer { status, headers, body })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
