//! The ways of signing a request, and small sets of them.

use serde::{Deserialize, Serialize};

/// A way of signing a request. A key may use exactly one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// HTTP Message Signatures (RFC 9421).
    Rfc9421,
    /// Our own scheme for shells and old clients: one HMAC over eight lines.
    Simple,
    /// Kong's plugin `hmac-auth`, for clients that migrate.
    KongHmac,
    /// APISIX's plugin `hmac-auth`, for clients that migrate.
    ApisixHmac,
    /// Standard Webhooks: signs the body itself, and little else.
    StandardWebhooks,
    /// Cloudflare's timed HMAC in the query (`is_timed_hmac_valid_v0`): signs the path and a time.
    CloudflareTimed,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 6] = [
        Self::Rfc9421,
        Self::Simple,
        Self::KongHmac,
        Self::ApisixHmac,
        Self::StandardWebhooks,
        Self::CloudflareTimed,
    ];

    /// The word used in policies, key records and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rfc9421 => "rfc9421",
            Self::Simple => "simple",
            Self::KongHmac => "kong-hmac",
            Self::ApisixHmac => "apisix-hmac",
            Self::StandardWebhooks => "standard-webhooks",
            Self::CloudflareTimed => "cloudflare-timed",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of schemes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Schemes(u8);

impl Schemes {
    /// No scheme.
    pub const NONE: Self = Self(0);
    /// The two that are always understood; both cover the whole request.
    pub const STANDARD: Self = Self::NONE.with(Scheme::Rfc9421).with(Scheme::Simple);

    /// This set and `scheme`.
    #[must_use]
    pub const fn with(self, scheme: Scheme) -> Self {
        Self(self.0 | scheme.bit())
    }

    /// Whether `scheme` is in the set.
    pub const fn contains(self, scheme: Scheme) -> bool {
        self.0 & scheme.bit() != 0
    }

    /// The schemes of the set, in the order of [`Scheme`].
    pub fn iter(self) -> impl Iterator<Item = Scheme> {
        Scheme::ALL.into_iter().filter(move |scheme| self.contains(*scheme))
    }
}

/// [`Schemes::STANDARD`]: what nobody loosened.
impl Default for Schemes {
    fn default() -> Self {
        Self::STANDARD
    }
}

impl FromIterator<Scheme> for Schemes {
    fn from_iter<I: IntoIterator<Item = Scheme>>(schemes: I) -> Self {
        schemes.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_written_as_its_word() {
        for scheme in Scheme::ALL {
            assert_eq!(serde_json::to_value(scheme).unwrap(), scheme.as_str());
        }
    }

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let set = Schemes::default().with(Scheme::CloudflareTimed);
        let words: Vec<_> = set.iter().map(Scheme::as_str).collect();
        assert_eq!(words, ["rfc9421", "simple", "cloudflare-timed"]);
        assert!(!set.contains(Scheme::KongHmac));
        assert_eq!(set.iter().collect::<Schemes>(), set);
        assert_eq!(Schemes::NONE.iter().next(), None);
    }
}
