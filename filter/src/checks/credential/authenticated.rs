//! Evidence of who is asking.

use crate::address::AddressList;
use crate::checks::remembered;
use crate::digest::ContentDigest;
use crate::key::{KeyRecord, TokenId};
use crate::permit::{Credential, Token};
use crate::signature::{BodyMac, Verified, Weaker};
use crate::{Route, UnixMillis, jwt};

/// Whom a credential that failed is taken for, where failures are only reported.
const UNVERIFIED: &str = "unverified";
/// Whom a request is from where nobody is asked.
const ANONYMOUS: &str = "anonymous";

/// Evidence that the request's credential is known, right and valid now; or that its failure is only
/// to be reported.
#[derive(Clone, Debug)]
pub struct Authenticated {
    pub(crate) credential: Credential,
    pub(crate) principal: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) tier: String,
    pub(crate) clients: AddressList,
    pub(crate) routes: Vec<String>,
    pub(crate) signed: Option<Signed>,
    /// A signature over the body itself that is right only once the body was seen.
    pub(super) body_mac: Option<BodyMac>,
}

/// What a verified signature says.
#[derive(Clone, Debug)]
pub struct Signed {
    pub(crate) created: UnixMillis,
    pub(crate) nonce: Option<String>,
    pub(crate) digest: Option<ContentDigest>,
    pub(crate) weaker: Weaker,
}

impl Authenticated {
    /// The holder of a key, whose secret or signature was right.
    pub(super) fn holder(record: KeyRecord, verified: Option<Verified>) -> Self {
        let (signed, body_mac) = verified.map_or((None, None), |verified| {
            let Verified { created, nonce, digest, weaker, body_mac, .. } = verified;
            (Some(Signed { created, nonce, digest, weaker }), body_mac)
        });
        Self {
            credential: Credential::Key(record.id),
            principal: record.principal,
            scopes: record.scopes,
            tier: record.tier,
            clients: record.clients,
            routes: record.routes,
            signed,
            body_mac,
        }
    }

    /// The bearer of a token that an issuer signed.
    pub(super) fn bearer(token: jwt::Verified) -> Self {
        let id = token.jti.as_ref().map(|jti| TokenId::of(&token.issuer, jti));
        Self {
            credential: Credential::Token(Token {
                issuer: token.issuer,
                id,
                expires: token.expires.0,
            }),
            principal: token.principal,
            scopes: token.scopes,
            tier: token.tier,
            clients: AddressList::default(),
            routes: Vec::new(),
            signed: None,
            body_mac: None,
        }
    }

    /// Whoever reads a page that is for everybody.
    pub(crate) fn anonymous() -> Self {
        let nobody = ANONYMOUS.to_owned();
        Self {
            credential: Credential::Anonymous,
            principal: nobody.clone(),
            tier: nobody,
            ..Self::unverified(&[])
        }
    }

    /// Nobody in particular. Only for a route that reports failures: it may do what the route asks
    /// for, within a small quota of its own, and the node can tell.
    pub(crate) fn unverified(scopes: &[String]) -> Self {
        Self {
            credential: Credential::Unverified,
            principal: UNVERIFIED.to_owned(),
            scopes: scopes.to_vec(),
            tier: UNVERIFIED.to_owned(),
            clients: AddressList::default(),
            routes: Vec::new(),
            signed: None,
            body_mac: None,
        }
    }

    /// Whether there is a credential, and it is right.
    pub(crate) fn is_verified(&self) -> bool {
        matches!(self.credential, Credential::Key(_) | Credential::Token(_))
    }

    /// Whether the signature is one over the body itself, and not verified yet.
    pub(crate) fn is_signed_with_its_body(&self) -> bool {
        self.body_mac.is_some()
    }

    /// What is still to be verified over the body.
    pub(crate) fn take_body_mac(&mut self) -> Option<BodyMac> {
        self.body_mac.take()
    }

    /// By what a body is remembered that the node refuses as malformed; only one with a digest that
    /// a signature covers.
    pub(crate) fn remembered_name(&self, route: &Route, epoch: u64) -> Option<remembered::Name> {
        let digest = self.signed.as_ref()?.digest.as_ref()?.to_string();
        Some(remembered::Name::new(&self.subject(), &route.name, &digest, epoch))
    }

    /// A stable name of the credential: what quotas and nonces are kept by.
    pub(crate) fn subject(&self) -> String {
        match &self.credential {
            Credential::Key(id) => id.to_string(),
            Credential::Token(_) | Credential::Unverified | Credential::Anonymous => {
                self.principal.clone()
            }
        }
    }
}
