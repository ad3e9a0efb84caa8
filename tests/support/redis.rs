//! A real Redis server, on a free port, with nothing of it left behind.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::node::free_address;

/// A running Redis; killed when dropped.
pub struct Redis {
    /// Where it listens, without TLS.
    pub address: SocketAddr,
    folder: TempDir,
    arguments: Vec<String>,
    child: Child,
}

impl Redis {
    /// Starts `redis-server` with more arguments, and waits until it answers.
    pub fn start(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let address = free_address();
        let child = spawn(address, &folder, &arguments);
        let redis = Self { address, folder, arguments, child };
        redis.until_it_answers();
        redis
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("its end");
    }

    /// Starts it again at its address; it has forgotten everything.
    pub fn start_again(&mut self) {
        self.child = spawn(self.address, &self.folder, &self.arguments);
        self.until_it_answers();
    }

    /// Sends it a signal such as `STOP`.
    pub fn signal(&self, name: &str) {
        let (signal, pid) = (format!("-{name}"), self.child.id().to_string());
        let sent = Command::new("kill").args([signal, pid]).status().expect("kill");
        assert!(sent.success());
    }

    /// What it answers to a command, line by line.
    pub fn ask(&self, command: &[&str]) -> Vec<String> {
        let port = self.address.port().to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(command).output();
        let output = output.expect("redis-cli is installed with redis-server");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    fn until_it_answers(&self) {
        for _ in 0..200 {
            // With a password it answers that there is one.
            let answer = self.ask(&["PING"]).concat();
            if answer.contains("PONG") || answer.contains("NOAUTH") {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("redis-server does not answer");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(address: SocketAddr, folder: &TempDir, arguments: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is there: `scripts/setup servers` installs it")
}
