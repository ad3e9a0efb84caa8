//! A proxy for clients whose host is built in: whatever they want to reach, they reach the node.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a free port, takes every `CONNECT`, and connects it to `node`. It ends with the test.
pub(crate) async fn to(node: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connect(client, node));
        }
    });
    address
}

async fn connect(mut client: TcpStream, node: SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 4096 {
        head.push(client.read_u8().await?);
    }
    assert!(head.starts_with(b"CONNECT api.remove.bg:443 "), "{}", String::from_utf8_lossy(&head));
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let mut node = TcpStream::connect(node).await?;
    copy_bidirectional(&mut client, &mut node).await?;
    Ok(())
}
