//! What a host tells the filter about a request.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, by the host's clock.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// This time and `millis` more, saturating.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// What time it is for a host.
///
/// The two clocks answer different questions. Whether a signature is fresh is asked of the wall
/// clock, which its signer also reads; how long something has been remembered is asked of the steady
/// clock, which nobody can set back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    /// The wall clock.
    pub unix: UnixMillis,
    /// Milliseconds of a clock that never goes back and whose zero means nothing. A host without
    /// one gives the wall clock here too.
    pub steady: u64,
}

impl Clock {
    /// A host whose two clocks show the same, as hosts without a steady clock have it.
    pub const fn both(millis: u64) -> Self {
        Self { unix: UnixMillis(millis), steady: millis }
    }
}

/// Everything before the body, as received.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The host and port the client addressed: `:authority`, or the one `Host` field (RFC 9110 §7.2).
    /// Empty where there is none.
    pub authority: &'a str,
    /// The raw path with its query, never normalised (RFC 9112 §3.2.1, origin form).
    pub target: &'a str,
    /// The header fields.
    pub headers: &'a Headers,
    /// Who is at the other end.
    pub peer: Peer,
}

/// Who is at the other end of the connection, as far as the host can tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// The host cannot tell.
    Unknown,
    /// The address the connection came from: a client, or a proxy that names it.
    Direct(IpAddr),
    /// The client itself, because the host saw it or has it from its own network.
    Client(IpAddr),
}

/// Header fields in the order received, with lower-case names.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

/// A field that may appear once appeared again; holds the field's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Duplicate(pub &'static str);

impl Headers {
    /// Collects fields; names are lower-cased here, so that every later look-up can be exact.
    pub fn new<N, V>(fields: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<Vec<u8>>,
    {
        Self(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let mut name: String = name.into();
                    name.make_ascii_lowercase();
                    (name, value.into())
                })
                .collect(),
        )
    }

    /// Every field as name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The value of a single-valued field.
    pub fn one(&self, name: &'static str) -> Result<Option<&[u8]>, Duplicate> {
        let mut values = self.iter().filter(|(n, _)| *n == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() { Err(Duplicate(name)) } else { Ok(first) }
    }

    /// Whether the field is there at all.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(n, _)| n == name)
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all names and values.
    pub fn byte_len(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}
