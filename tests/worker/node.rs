//! What stands behind the Worker: it reads one request of each connection, however that ends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A node, and what it saw.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// One request.
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether as many bytes came as the head says.
    pub(crate) is_whole: bool,
}

impl Node {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(take(stream, log));
            }
        });
        Self { address, seen }
    }

    /// What it saw last; it is asked for once.
    pub(crate) fn pop(&self) -> Option<Seen> {
        self.seen.lock().expect("a lock").pop()
    }

    /// The same, once it is there.
    pub(crate) async fn wait(&self) -> Seen {
        for _ in 0..500 {
            if let Some(seen) = self.pop() {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the node saw nothing")
    }
}

/// What was seen is noted before the answer, or a test would look too early.
async fn take(mut stream: TcpStream, log: Arc<Mutex<Vec<Seen>>>) {
    let Some(seen) = read(&mut stream).await else { return };
    let is_whole = seen.is_whole;
    log.lock().expect("a lock").push(seen);
    if is_whole {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone";
        // A gate that has gone does not hear it.
        let _ = stream.write_all(answer).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    // An error is an end that is not clean.
    while bytes.len() - end < length? && stream.read_buf(&mut bytes).await.is_ok_and(|n| n > 0) {}
    let body = bytes.split_off(end);
    let is_whole = Some(body.len()) == length;
    Some(Seen { head, body, is_whole })
}
