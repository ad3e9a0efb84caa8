//! Who a request is from, where what one may have at once is counted.

use filter::permit::Credential;
use filter::{Claims, KeyId};

/// Who holds a share of what all have together.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Holder {
    /// Whoever has this key.
    Key(KeyId),
    /// Whom the tokens of an issuer name: one may have any number of them.
    Principal(String),
    /// All whose credential failed and was only reported, together.
    Unverified,
    /// This node, for the first run of its models.
    Node,
}

impl Holder {
    /// Whose the request with this permit is.
    pub fn of(claims: &Claims) -> Self {
        match &claims.credential {
            Credential::Key(id) => Self::Key(id.clone()),
            // The principal's name begins with the issuer's.
            Credential::Token(_) => Self::Principal(claims.principal.clone()),
            Credential::Unverified | Credential::Anonymous => Self::Unverified,
        }
    }
}
