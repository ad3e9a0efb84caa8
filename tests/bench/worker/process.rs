//! A workerd with one of the Workers that ours is measured against.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use conformance::workerd;

/// A running workerd; killed when dropped.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    child: Child,
}

impl Peer {
    /// Starts the one whose socket has this name in `edge/workerd/peers.capnp`.
    pub(super) fn start(socket: &str) -> std::io::Result<Self> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let edge = workerd::folder();
        let child = Command::new(workerd::program())
            .arg("serve")
            .arg(edge.join("workerd/peers.capnp"))
            .arg("--socket-addr")
            .arg(format!("{socket}={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self { address, child })
    }

    /// Waits until it listens.
    pub(super) async fn listens(&self) -> std::io::Result<()> {
        let mut last = Ok(());
        for _ in 0..200 {
            match tokio::net::TcpStream::connect(self.address).await {
                Ok(_) => return Ok(()),
                Err(error) => last = Err(error),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        last
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
