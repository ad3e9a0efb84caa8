//! Whom a key acts for and what it may do, checked.

use filter::key::{NAME_MAX, SCOPES_MAX};

/// How a name must look, for messages.
pub const NAME_RULE: &str = "expected 1 to 64 letters, digits, '-', '_', '.' or ':'";
const _: () = assert!(NAME_MAX == 64 && SCOPES_MAX == 16, "the messages name these numbers");

/// Whether a text may name a principal, scope, tier, gate or audience: it goes into permits,
/// metrics and logs, so it is short and has nothing to escape.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Principal, scopes and tier of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rights {
    principal: String,
    scopes: Vec<String>,
    tier: String,
}

/// Why rights were refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RightsError {
    /// A name breaks the rule.
    #[error("{what} {text:?}: {NAME_RULE}")]
    Name {
        /// What it names.
        what: &'static str,
        /// What was given.
        text: String,
    },
    /// More scopes than a permit carries.
    #[error("a key holds at most 16 scopes, got {0}")]
    TooManyScopes(usize),
}

impl Rights {
    /// Checks the names and their number. A scope that is given twice counts once.
    pub fn new(
        principal: String,
        given: impl IntoIterator<Item = String>,
        tier: String,
    ) -> Result<Self, RightsError> {
        let principal = name("principal", principal)?;
        let mut scopes = Vec::new();
        for scope in given {
            if !scopes.contains(&scope) {
                scopes.push(name("scope", scope)?);
            }
        }
        if scopes.len() > SCOPES_MAX {
            return Err(RightsError::TooManyScopes(scopes.len()));
        }
        Ok(Self { principal, scopes, tier: name("tier", tier)? })
    }

    /// Whom the key acts for.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// What it may do.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Which quotas apply.
    pub fn tier(&self) -> &str {
        &self.tier
    }
}

fn name(what: &'static str, text: String) -> Result<String, RightsError> {
    if is_name(&text) { Ok(text) } else { Err(RightsError::Name { what, text }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(principal: &str, scopes: &[&str], tier: &str) -> Result<Rights, RightsError> {
        Rights::new(principal.into(), scopes.iter().map(|&scope| scope.into()), tier.into())
    }

    #[test]
    fn names_are_short_and_plain() {
        let longest = "x".repeat(64);
        for good in ["a", "Acme-1_2.3:4", &longest] {
            assert!(rights(good, &[good], good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "ä", "a\n", "a\u{1b}[2J", "a,b", &format!("{longest}x")] {
            for refused in
                [rights(bad, &["s"], "t"), rights("p", &["s", bad], "t"), rights("p", &["s"], bad)]
            {
                let message = refused.unwrap_err().to_string();
                assert!(message.contains("expected 1 to 64"), "{message}");
                assert!(!message.contains(char::is_control), "{message:?}");
            }
        }
    }

    #[test]
    fn a_key_holds_sixteen_different_scopes_at_most() {
        let scopes: Vec<String> = (0..17).map(|n| format!("s{n}")).collect();
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        assert_eq!(rights("p", &scopes, "t"), Err(RightsError::TooManyScopes(17)));
        let twice = [&scopes[..16], &scopes[..16]].concat();
        assert_eq!(rights("p", &twice, "t").unwrap().scopes(), &scopes[..16]);
    }
}
