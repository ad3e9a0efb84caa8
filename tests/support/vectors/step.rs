//! One step of a vector: what happens before, what is sent, and what must come of it.

use serde::Deserialize;

use super::{Expect, Request};
use crate::bodies::{Body, Envelope};
use crate::sign::Sign;
use crate::token::Token;

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(default = "post")]
    pub(super) method: String,
    #[serde(default = "background_removal")]
    pub(super) target: String,
    pub(super) authority: Option<String>,
    #[serde(default)]
    key: Choice,
    #[serde(default)]
    pub(super) headers: Vec<(String, String)>,
    #[serde(default)]
    client: Choice,
    #[serde(default)]
    content_type: Choice,
    #[serde(default = "exact")]
    pub(super) content_length: String,
    #[serde(default)]
    pub(super) body: Body,
    /// What the body is wrapped in.
    #[serde(default)]
    pub(super) envelope: Envelope,
    pub(super) keep: Option<usize>,
    pub(super) sign: Option<Sign>,
    pub(super) token: Option<Token>,
    /// The number, from 1, of the step whose request is sent again.
    again: Option<usize>,
    #[serde(default = "once")]
    times: usize,
    advance: Option<u64>,
    wall: Option<i64>,
    #[serde(default)]
    restart: bool,
    #[serde(default)]
    store_fails: bool,
    upstream: Option<String>,
    /// What must come of the request, each time that it is sent.
    pub expect: Expect,
}

/// What happens in a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// A new request is sent.
    Send,
    /// The request of the step with this index is sent again, byte for byte.
    Again(usize),
}

impl Step {
    /// What is sent.
    pub fn action(&self) -> Action {
        self.again.map_or(Action::Send, |number| Action::Again(number - 1))
    }

    /// An earlier step's request, from this step's client if it names one.
    pub(crate) fn sent_again(&self, mut request: Request) -> Request {
        if let Choice::Text(client) = &self.client {
            request.set("X-Forwarded-For", client.clone());
        }
        request
    }

    /// How often it is sent. A signed request is signed anew each time.
    pub fn times(&self) -> usize {
        self.times
    }

    /// How many seconds pass before, on both clocks.
    pub fn advance(&self) -> u64 {
        self.advance.unwrap_or(0)
    }

    /// By how many seconds the wall clock alone is set forward before.
    pub fn wall(&self) -> i64 {
        self.wall.unwrap_or(0)
    }

    /// Whether the host loses its memory before.
    pub fn restarts(&self) -> bool {
        self.restart
    }

    /// Whether the host's store cannot answer.
    pub fn store_fails(&self) -> bool {
        self.store_fails
    }

    /// What the upstream tells the gate with its answer.
    pub fn upstream(&self) -> Option<&str> {
        self.upstream.as_deref()
    }

    /// How long its body is; none if it sends an earlier request again.
    pub(super) fn body_len(&self) -> usize {
        if self.again.is_some() { 0 } else { self.wrapped().1.len() }
    }

    /// Wraps the body in another envelope.
    pub fn wrap(&mut self, envelope: Envelope) {
        self.envelope = envelope;
    }

    /// The media type that is declared, and the body in its envelope.
    pub(super) fn wrapped(&self) -> (Option<String>, Vec<u8>) {
        let body = self.body.bytes();
        match (self.envelope, self.declared_type()) {
            (Envelope::Raw, declared) => (declared.map(str::to_owned), body),
            (envelope, declared) => {
                let (media_type, body) = envelope.wrap(&body, declared);
                (Some(media_type), body)
            }
        }
    }

    pub(super) fn needs_fixed_clock(&self) -> bool {
        self.advance.is_some() || self.wall.is_some() || self.restart || self.store_fails
    }

    /// Whether nothing of it is made when it is sent.
    pub(super) fn is_plain(&self) -> bool {
        self.sign.is_none()
            && self.token.is_none()
            && matches!(self.client, Choice::Usual)
            && self.times == 1
    }

    /// The key that is presented, by its name.
    pub(super) fn presented_key(&self) -> Option<&str> {
        let other = self.sign.is_some() || self.token.is_some();
        self.key.or((!other).then_some("good"))
    }

    /// The client that is named, where `usual` is the one of the vector.
    pub(super) fn named_client<'a>(&'a self, usual: Option<&'a str>) -> Option<&'a str> {
        self.client.or(usual)
    }

    /// The media type that is declared.
    fn declared_type(&self) -> Option<&str> {
        self.content_type.or(Some("image/png"))
    }
}

/// A field that may be left out, or null, or a text.
#[derive(Clone, Debug, Default)]
enum Choice {
    #[default]
    Usual,
    Nothing,
    Text(String),
}

impl Choice {
    fn or<'a>(&'a self, usual: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Usual => usual,
            Self::Nothing => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Option::deserialize(input).map(|text| text.map_or(Self::Nothing, Self::Text))
    }
}

fn post() -> String {
    "POST".to_owned()
}

fn background_removal() -> String {
    "/v1/background-removal".to_owned()
}

fn exact() -> String {
    "exact".to_owned()
}

fn once() -> usize {
    1
}
