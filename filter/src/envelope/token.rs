//! What may stand between the names and values of a JSON object (RFC 8259 §4).

/// What may come next, after white space.
#[derive(Clone, Copy)]
pub(super) enum Token {
    Object,
    FirstName,
    Name,
    Colon,
    Value,
    AfterValue,
    Nothing,
}

impl Token {
    /// What is expected there, for a message.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::FirstName => "a name in quotes, or the end of the object",
            Self::Name => "a name in quotes",
            Self::Colon => "a colon after the name",
            Self::Value => VALUE,
            Self::AfterValue => "a comma, or the end of the object",
            Self::Nothing => "nothing after the object",
        }
    }
}

/// What a value may be.
pub(super) const VALUE: &str = "a string, a number, true or false";
