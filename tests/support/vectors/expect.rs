//! What must come of a request.

use serde::Deserialize;
use serde_json::Value;

/// What must come of a request.
#[derive(Clone, Debug)]
pub enum Expect {
    /// It reaches the upstream unchanged, with a permit.
    Accept(Accepted),
    /// It is answered, and the upstream never sees a whole request.
    Reject(Rejection),
}

/// A request that went on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Fields that the answer has, with these values.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Fields that the answer does not have.
    #[serde(default)]
    pub absent: Vec<String>,
    /// What the permit says, among other things.
    pub permit: Option<Value>,
    /// What the event says, among other things.
    pub event: Option<Value>,
}

/// An answer that refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// The status.
    pub status: u16,
    /// The public code.
    pub code: String,
    /// The internal reason, where it is not the code.
    pub reason: Option<String>,
    /// What the client is told, among other things.
    pub detail: Option<String>,
    /// What the problem says, among other things.
    pub problem: Option<Value>,
    /// What decides it.
    pub stage: Stage,
    /// Fields that the answer has, with these values.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Fields that the answer does not have.
    #[serde(default)]
    pub absent: Vec<String>,
    /// What the event says, among other things.
    pub event: Option<Value>,
}

/// What decides that a request is refused, and so how much of it the upstream may have seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The head alone. The upstream sees nothing, and the client is answered before it sends a body.
    Head,
    /// The beginning of the body as well. The upstream sees nothing.
    Prefix,
    /// The rest of the body. The upstream sees nothing, an abort, or a body that it refuses itself,
    /// undecoded and with the same answer.
    Tail,
}

impl Rejection {
    /// The internal reason.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or(&self.code)
    }
}

// A word or an object: serde's untagged form would lose the error that names the field.
impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        match Value::deserialize(input)? {
            Value::String(word) if word == "accept" => Ok(Self::Accept(Accepted::default())),
            Value::Object(mut object) if object.contains_key("accept") => {
                let accepted = object.remove("accept").unwrap_or_default();
                if !object.is_empty() {
                    return Err(D::Error::custom("beside `accept` there is nothing"));
                }
                Accepted::deserialize(accepted).map(Self::Accept).map_err(D::Error::custom)
            }
            object => Rejection::deserialize(object).map(Self::Reject).map_err(D::Error::custom),
        }
    }
}
