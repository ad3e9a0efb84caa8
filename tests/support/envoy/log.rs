//! What Envoy wrote: its own log, and a line for each request.

use std::time::Duration;

use serde_json::Value;

use super::Envoy;

impl Envoy {
    /// Its own log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("envoy.log")).unwrap_or_default()
    }

    /// The access log as it is now.
    pub fn access_log(&self) -> String {
        std::fs::read_to_string(self.folder().join("access.log")).unwrap_or_default()
    }

    /// Every whole line of the access log.
    ///
    /// # Panics
    /// If a line is no JSON.
    pub fn access_lines(&self) -> Vec<Value> {
        let text = self.access_log();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// The line of one request.
    ///
    /// # Panics
    /// If there is none within ten seconds.
    pub async fn access_line(&self, request_id: &str) -> Value {
        for _ in 0..200 {
            let line =
                self.access_lines().into_iter().find(|line| line["request_id"] == request_id);
            if let Some(line) = line {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the access log says nothing of {request_id}:\n{}", self.access_log());
    }
}
