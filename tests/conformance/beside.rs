//! A host with the library beside it, which is sent the same requests.

use conformance::client::Answer;
use conformance::library::{Cut, Library};
use conformance::outcome::Outcome;
use conformance::run::{Host, Sent};
use conformance::vectors::{Moment, Request, Stage};
use filter::Clock;

/// A host, and the library beside it.
pub(crate) struct Beside<H> {
    /// The host.
    pub(crate) host: H,
    /// What the library answered, in order.
    pub(crate) reference_answers: Vec<Answer>,
    reference: Library,
    /// Whether a host that needs no more of a body to refuse it is sent no more.
    pub(crate) staged: bool,
}

impl<H> Beside<H> {
    /// Both have seen nothing yet.
    pub(crate) fn new(host: H, reference: Library) -> Self {
        Self { host, reference_answers: Vec::new(), reference, staged: false }
    }
}

impl<H: Host> Host for Beside<H> {
    fn now(&self) -> Moment {
        self.host.now()
    }

    async fn send(&mut self, request: &Request, verdict: &str) -> Outcome {
        self.reference.clock = Clock::both(self.now().0.0);
        let cut = Cut::finest(request.body.len());
        let ours = self.reference.inspect_pieces(request, &cut.pieces(&request.body), verdict);
        let needed = match ours.decided_by {
            Some(Stage::Head | Stage::Prefix) if self.staged => self.reference.held,
            _ => request.body.len(),
        };
        self.reference_answers.push(ours.answer);
        if needed < request.body.len() {
            let mut beginning = request.clone();
            beginning.body.truncate(needed);
            return self.host.send(&beginning, verdict).await;
        }
        self.host.send(request, verdict).await
    }

    async fn learn(&mut self, sent: &mut [Sent]) {
        self.host.learn(sent).await;
    }
}
