//! A real node that is sent images that mean it harm, and what must hold of each of its answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::node::{Home, Node, post};

/// How long one answer may take: generous, to tell an image that stops a decoder from a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The most memory that the node may ever have, in KiB: 25 megapixels of 16 bits in four channels are 200 MB, and an
/// image is there as it was decoded, turned, and cut out.
pub const MEMORY_KIB: u64 = 1 << 20;

/// How much more memory it may keep once it has nothing to do, in KiB.
pub const KEPT_KIB: u64 = 128 << 10;

/// A node that takes every image from one client, with `u2netp`.
pub struct Target {
    node: Node,
    key: String,
    /// Codes and their statuses, as the documentation lists them.
    documented: BTreeMap<String, u16>,
    /// What it had when it was ready.
    memory_kib: u64,
    home: Home,
}

impl Target {
    /// Starts the node, with the built-in policy but for quotas, and with GIFs, animations of 10 frames and metadata of
    /// 1 MiB before the dimensions.
    pub async fn start() -> Self {
        let home = Home::default();
        let file = home.path().with_extension("hostile.json");
        std::fs::write(&file, policy().to_string()).expect("a file");
        let policy = file.to_str().expect("text");
        let node = Node::start(&home, &["--policy", policy, "--text", "off"]).await;
        let (key, memory_kib) = (home.development_key(), node.memory_kib());
        Self { node, key, documented: documented(), memory_kib, home }
    }

    /// Sends an image and tells the code of its answer, `ok` for 200.
    ///
    /// # Panics
    /// If there is no answer in time, or one that is neither a picture nor a refusal that is documented.
    pub async fn send(&self, name: &str, media_type: &str, image: Vec<u8>) -> String {
        let begun = Instant::now();
        let request = post("/v1/background-removal", &self.key, media_type, image);
        let answer = self.node.send(&request).await;
        assert!(begun.elapsed() < PATIENCE, "{name}: {:?}", begun.elapsed());
        if answer.status == 200 {
            assert_eq!(answer.header("content-type"), Some("image/png"), "{name}");
            assert!(answer.body.starts_with(b"\x89PNG"), "{name}");
            return "ok".to_owned();
        }
        let problem = answer.problem();
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        assert!((400..500).contains(&answer.status), "{name}: {problem}");
        let documented = self.documented.get(&code);
        assert_eq!(documented, Some(&answer.status), "{name}: {code} is not documented");
        code
    }

    /// Asserts that the node never had more memory than it may have, and gives back what it took.
    ///
    /// # Panics
    /// If not.
    pub async fn assert_memory_returns(&self) {
        let peak = self.node.peak_memory_kib();
        assert!(peak < MEMORY_KIB, "{peak} KiB at its peak");
        // What a model holds for the next image is given back when there is none for ten seconds.
        let (most, begun) = (self.memory_kib + KEPT_KIB, Instant::now());
        while self.node.memory_kib() > most {
            let kept = self.node.memory_kib();
            assert!(begun.elapsed() < PATIENCE, "{kept} KiB are kept, {} before", self.memory_kib);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(self.home.path().exists(), "its folder is there to the end");
    }
}

fn policy() -> serde_json::Value {
    let built_in = include_str!("../../filter/policy.json");
    let mut policy: serde_json::Value = serde_json::from_str(built_in).expect("JSON");
    policy["header_bytes"] = "1MiB".into();
    policy["quotas"] = serde_json::json!([]);
    for tier in policy["tiers"].as_object_mut().expect("tiers").values_mut() {
        tier["quotas"] = serde_json::json!([]);
    }
    for route in policy["routes"].as_array_mut().expect("routes") {
        route["media_types"] =
            serde_json::json!(["image/png", "image/jpeg", "image/webp", "image/gif"]);
        route["max_frames"] = 10.into();
    }
    policy
}

/// The codes of the documentation: rows of code and status.
fn documented() -> BTreeMap<String, u16> {
    let row = |line: &'static str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (codes, status) = (cells.next()?, cells.next()?.parse().ok()?);
        Some(codes.split(", ").map(move |code| (code.trim_matches('`').to_owned(), status)))
    };
    let images = include_str!("../../docs/images.md").lines();
    let others = include_str!("../../docs/credentials.md").lines();
    images.chain(others).filter_map(row).flatten().collect()
}
