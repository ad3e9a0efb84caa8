//! Whom a key acts for and what it may do, checked.

use filter::key::{NAME_MAX, SCOPES_MAX};

/// The most routes a key may name.
pub const ROUTES_MAX: usize = 16;
/// How a name must look, for messages.
pub const NAME_RULE: &str = "expected 1 to 64 letters, digits, '-', '_', '.' or ':'";
const _: () = assert!(NAME_MAX == 64 && SCOPES_MAX == 16, "the messages name these numbers");

/// Whether a text may name a principal, scope, tier, gate or audience: it goes into permits,
/// metrics and logs, so it is short and has nothing to escape.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Principal, scopes, tier and routes of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rights {
    principal: String,
    scopes: Vec<String>,
    tier: String,
    routes: Vec<String>,
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
    /// More routes than a record holds.
    #[error("a key names at most {ROUTES_MAX} routes, got {0}")]
    TooManyRoutes(usize),
}

impl Rights {
    /// Checks the names and their number. A scope that is given twice counts once.
    pub fn new(
        principal: String,
        given: impl IntoIterator<Item = String>,
        tier: String,
    ) -> Result<Self, RightsError> {
        let principal = name("principal", principal)?;
        let scopes = names("scope", given)?;
        if scopes.len() > SCOPES_MAX {
            return Err(RightsError::TooManyScopes(scopes.len()));
        }
        Ok(Self { principal, scopes, tier: name("tier", tier)?, routes: Vec::new() })
    }

    /// The same on some routes only; with none given, on all that the scopes allow.
    pub fn on_routes(self, given: impl IntoIterator<Item = String>) -> Result<Self, RightsError> {
        let routes = names("route", given)?;
        if routes.len() > ROUTES_MAX {
            return Err(RightsError::TooManyRoutes(routes.len()));
        }
        Ok(Self { routes, ..self })
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

    /// The routes it may use; with none named, all that the scopes allow.
    pub fn routes(&self) -> &[String] {
        &self.routes
    }
}

fn names(
    what: &'static str,
    given: impl IntoIterator<Item = String>,
) -> Result<Vec<String>, RightsError> {
    let mut names = Vec::new();
    for text in given {
        if !names.contains(&text) {
            names.push(name(what, text)?);
        }
    }
    Ok(names)
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

    #[test]
    fn a_key_names_sixteen_different_routes_at_most() {
        let all = || rights("p", &["s"], "t").unwrap();
        let routes: Vec<String> = (0..17).map(|n| format!("r{n}")).collect();
        assert_eq!(all().on_routes(routes.clone()), Err(RightsError::TooManyRoutes(17)));
        let some = all().on_routes(routes[..16].iter().chain(&routes[..2]).cloned()).unwrap();
        assert_eq!((some.routes(), some.scopes()), (&routes[..16], all().scopes()));
        let problem = all().on_routes(["a b".to_owned()]).unwrap_err().to_string();
        assert!(problem.starts_with("route \"a b\": expected 1 to 64"), "{problem}");
        assert!(all().routes().is_empty());
    }
}
