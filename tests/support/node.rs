//! The real binary `lunette`, started as a user would, on free ports and in a folder of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::client::{self, Answer};
use crate::gate;
use crate::vectors::{POLICY, Request};

/// The binary: beside the folder that this test runs from, or beside this bench.
pub fn binary() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let folder = program.parent().expect("target/PROFILE/deps/TEST or target/PROFILE/bench");
    let profile = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    profile.expect("target/PROFILE").join("lunette")
}

/// A folder of keys and secrets, and commands on it.
pub struct Home(TempDir);

impl Default for Home {
    fn default() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }
}

impl Home {
    /// The folder.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A command on this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LUNETTE_")) {
            command.env_remove(name);
        }
        if let Some(models) = std::env::var_os("LUNETTE_MODELS") {
            command.env("LUNETTE_MODELS", models);
        }
        command.current_dir(self.0.path()).arg("--data").arg(self.path()).args(arguments);
        command
    }

    /// Runs a command that prints JSON.
    ///
    /// # Panics
    /// If it fails.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(arguments).arg("--json").output().expect("lunette runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lunette {arguments:?}: {complaint}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The text of a new key with the scope of background removal.
    pub fn new_key(&self) -> String {
        let created =
            self.json(&["keys", "new", "--principal", "acme", "--scope", "background-removal"]);
        created["key"].as_str().expect("the key").to_owned()
    }

    /// A file with the policy of the vectors, without issuers: their secrets are in no file.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn policy(&self) -> String {
        let mut policy: serde_json::Value = serde_json::from_str(POLICY).expect("JSON");
        policy.as_object_mut().expect("an object").remove("issuers");
        let file = self.path().with_extension("policy.json");
        std::fs::write(&file, policy.to_string()).expect("a file");
        file.to_str().expect("text").to_owned()
    }

    /// The text of the development key.
    pub fn development_key(&self) -> String {
        let text = std::fs::read_to_string(self.path().join("development.key"));
        text.expect("the development key").trim().to_owned()
    }
}

/// A running node; killed when dropped.
pub struct Node {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where health and metrics are.
    pub operator: SocketAddr,
    child: Child,
}

impl Node {
    /// Starts `lunette serve` with more arguments, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready.
    pub async fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut node = Self::spawn(home, arguments, Stdio::inherit());
        node.until_ready().await;
        node
    }

    /// Starts `lunette serve` with more arguments and variables, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready.
    pub async fn start_in(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut node = Self::spawn_in(home, arguments, variables, Stdio::inherit());
        node.until_ready().await;
        node
    }

    /// Starts `lunette serve` with more arguments, its log in a file of its own, and waits until it
    /// is ready.
    pub async fn start_with_log(home: &Home, arguments: &[&str], log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("a file for the log");
        let mut node = Self::spawn(home, arguments, log.into());
        node.until_ready().await;
        node
    }

    /// Starts `lunette serve` with more arguments, and does not wait.
    pub fn spawn(home: &Home, arguments: &[&str], log: Stdio) -> Self {
        Self::spawn_in(home, arguments, &[], log)
    }

    /// Ends it as a deployment does, and starts it again at its addresses with these arguments.
    ///
    /// # Panics
    /// If it does not end well, or does not become ready.
    pub async fn restart(&mut self, home: &Home, arguments: &[&str]) {
        self.terminate();
        assert!(self.ended_well().await);
        *self =
            Self::spawn_at((self.address, self.operator), home, arguments, &[], Stdio::inherit());
        self.until_ready().await;
    }

    fn spawn_in(home: &Home, arguments: &[&str], variables: &[(&str, &str)], log: Stdio) -> Self {
        Self::spawn_at((free_address(), free_address()), home, arguments, variables, log)
    }

    fn spawn_at(
        (address, operator): (SocketAddr, SocketAddr),
        home: &Home,
        arguments: &[&str],
        variables: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        let child = home
            .command(&[
                "serve",
                "--listen",
                &address.to_string(),
                "--operator",
                &operator.to_string(),
            ])
            .env("LUNETTE_FILTER", gate::module())
            .envs(variables.iter().copied())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("lunette starts");
        Self { address, operator, child }
    }

    async fn until_ready(&mut self) {
        for _ in 0..1200 {
            if let Ok(answer) = client::send(self.operator, &get("/readyz"), usize::MAX).await
                && answer.status == 200
            {
                return;
            }
            assert_eq!(self.child.try_wait().expect("its state"), None, "lunette serve ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("lunette serve did not become ready");
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its operator connects.
    pub fn operator_address(&self) -> SocketAddr {
        self.operator
    }

    /// Sends one request to the public listener.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn send(&self, request: &Request) -> Answer {
        client::send(self.address, request, usize::MAX).await.expect("an answer")
    }

    /// The value of a metric, 0 if it is not there yet.
    pub async fn metric(&self, name: &str) -> u64 {
        let page =
            client::send(self.operator, &get("/metrics"), usize::MAX).await.expect("metrics");
        let page = String::from_utf8(page.body).expect("text");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("a number"))
    }

    /// How often the model ran on an image of a client.
    pub async fn inferences(&self) -> u64 {
        self.metric("lunette_inference_seconds_count").await
    }

    /// Sends a request to the operator's listener.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn operator(&self, path: &str) -> Answer {
        client::send(self.operator, &get(path), usize::MAX).await.expect("an answer")
    }

    /// Resident memory in KiB.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn memory_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// The most resident memory that it ever had, in KiB.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn peak_memory_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    fn status_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for the end; true if it ended well.
    pub async fn ended_well(&mut self) -> bool {
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request without a body.
pub fn get(path: &str) -> Request {
    let close = ("Connection".to_owned(), "close".to_owned());
    Request {
        method: "GET".to_owned(),
        target: path.to_owned(),
        headers: vec![close],
        body: Vec::new(),
    }
}

/// A body, sent with an API key.
pub fn post(target: &str, key: &str, content_type: &str, body: Vec<u8>) -> Request {
    let headers = [
        ("X-API-Key", key.to_owned()),
        ("Content-Type", content_type.to_owned()),
        ("Content-Length", body.len().to_string()),
    ];
    Request {
        method: "POST".to_owned(),
        target: target.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body,
    }
}

/// An address that nobody listens on now.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}
