//! Envoy's admin pages, by way of their Unix socket.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::Envoy;
use crate::client::Answer;

impl Envoy {
    /// Asks for an admin page: `/config_dump`, `/stats`, `/certs`.
    ///
    /// # Errors
    /// If the socket is not there.
    pub async fn admin(&self, target: &str) -> io::Result<Answer> {
        self.ask("GET", target).await
    }

    /// Does what an admin page is for: `/drain_listeners`.
    ///
    /// # Errors
    /// If the socket is not there.
    pub async fn admin_do(&self, target: &str) -> io::Result<Answer> {
        self.ask("POST", target).await
    }

    async fn ask(&self, method: &str, target: &str) -> io::Result<Answer> {
        let mut stream = UnixStream::connect(self.folder().join("envoy-admin.sock")).await?;
        let close = "Host: admin\r\nConnection: close";
        let request = format!("{method} {target} HTTP/1.1\r\n{close}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let body = bytes.split_off(end + 4);
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { joined(&body).ok_or(io::ErrorKind::InvalidData)? } else { body };
        Ok(Answer { status, headers: Vec::new(), body })
    }

    /// An admin page as text.
    ///
    /// # Panics
    /// If it is not there.
    pub async fn admin_text(&self, target: &str) -> String {
        let answer = self.admin(target).await.expect("an admin page");
        assert_eq!(answer.status, 200, "{target}");
        String::from_utf8(answer.body).expect("text")
    }

    /// An admin page as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub async fn admin_json(&self, target: &str) -> Value {
        serde_json::from_str(&self.admin_text(target).await).expect("JSON")
    }

    /// A counter or gauge, 0 if it is not there yet.
    ///
    /// # Panics
    /// If the statistics cannot be read.
    pub async fn stat(&self, name: &str) -> u64 {
        let page = self.admin_text("/stats").await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map_or(0, |value| value.trim().parse().expect("a number"))
    }
}

/// A body that came in chunks (RFC 9112, section 7.1).
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = std::str::from_utf8(&rest[..end]).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}
