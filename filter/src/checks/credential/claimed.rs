//! A credential that was looked up, and is right as far as cheap work can tell.

use base64ct::{Base64, Encoding as _};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::presented::{Bearer, Presented};
use super::{Authenticated, Error, Fault};
use crate::algorithm::Algorithm;
use crate::gate::GateIdentity;
use crate::key::{
    KeyDigest as _, KeyId, KeyRecord, KeyRing, RealmKey, Signing, Standing, TokenId, Unavailable,
};
use crate::policy::SignatureRule;
use crate::public_key::PublicKey;
use crate::signature::{self, Prepared, Scheme, Terms, VerificationKey};
use crate::{Policy, RequestHead, Route, UnixMillis, jwt};

/// What is left to do for a credential. It has no `Debug`: it may hold a secret.
pub(crate) enum Claimed {
    /// The secret of an API key was right.
    Key(KeyRecord),
    /// A signature that is fresh and covers what it must; no record where its key is unknown.
    Signed { record: Option<KeyRecord>, prepared: Box<Prepared> },
    /// A token whose claims are in order.
    Token(Box<jwt::Prepared>),
}

impl From<Unavailable> for Error {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

/// By what a credential is judged.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) route: &'a Route,
    pub(crate) gate: &'a GateIdentity,
    pub(crate) now: UnixMillis,
}

/// Looks a credential up and does everything but a costly verification.
///
/// Every path costs one look-up, and one digest and one comparison for an API key, whether the id
/// exists or not.
pub(crate) fn claim(
    presented: Presented<'_>,
    head: &RequestHead<'_>,
    keys: &impl KeyRing,
    by: By<'_>,
) -> Result<Claimed, Error> {
    let holder = match presented.bearer {
        None => None,
        Some(Bearer::Key(key)) => {
            if key.environment() != by.gate.environment {
                return Err(Error::Key(Fault::OtherEnvironment));
            }
            let verifier = by.gate.pepper.verifier(key.secret());
            Some(holder(keys.find(key.id())?, &verifier, by)?)
        }
        Some(Bearer::Imported(text)) => {
            let verifier = by.gate.pepper.verifier(&text);
            Some(holder(keys.find_imported(&verifier)?, &verifier, by)?)
        }
        // A token has no signature beside it.
        Some(Bearer::Token(_)) if by.route.signature.demands_one() => {
            return Err(Error::SignatureRequired);
        }
        Some(Bearer::Token(token)) => return self::token(*token, keys, by),
    };
    match (presented.signature, holder) {
        (Some(signature), holder) => signed(signature, holder, head, keys, by),
        (None, Some(record)) => {
            let by_key = record.signing.as_ref().is_some_and(|signing| signing.required);
            if by_key || by.route.signature.demands_one() {
                Err(Error::SignatureRequired)
            } else {
                Ok(Claimed::Key(record))
            }
        }
        (None, None) => Err(Error::Missing { signed: false }),
    }
}

/// The record that was found, if the secret is its secret and it is valid now.
fn holder(found: Option<KeyRecord>, verifier: &[u8; 32], by: By<'_>) -> Result<KeyRecord, Error> {
    // An unknown id is compared with a verifier that no secret has.
    let expected = found.as_ref().map_or([0; 32], |record| record.verifier);
    let right = bool::from(verifier.ct_eq(&expected));
    match found {
        None => Err(Fault::Unknown),
        Some(_) if !right => Err(Fault::WrongSecret),
        Some(record) => valid(&record, by).map(|()| record),
    }
    .map_err(Error::Key)
}

fn valid(record: &KeyRecord, by: By<'_>) -> Result<(), Fault> {
    match record.standing(by.now) {
        _ if record.environment != by.gate.environment => Err(Fault::OtherEnvironment),
        Standing::Valid => Ok(()),
        Standing::Revoked => Err(Fault::Revoked),
        Standing::Expired => Err(Fault::Expired),
        Standing::NotYetValid => Err(Fault::NotYetValid),
    }
}

fn token(token: jwt::Presented, keys: &impl KeyRing, by: By<'_>) -> Result<Claimed, Error> {
    let prepared = token.prepare(&by.policy.issuers, by.gate, by.now)?;
    // Asked before the verification, which may have to wait for an answer of the host; what an
    // unverified token says of its own id can only refuse it.
    if let Some(jti) = prepared.jti()
        && keys.is_revoked(&TokenId::of(prepared.issuer(), jti))?
    {
        return Err(Error::TokenRevoked);
    }
    Ok(Claimed::Token(Box::new(prepared)))
}

/// A signature, with the record of the API key beside it if there is one.
fn signed(
    signature: signature::Presented<'_>,
    holder: Option<KeyRecord>,
    head: &RequestHead<'_>,
    keys: &impl KeyRing,
    by: By<'_>,
) -> Result<Claimed, Error> {
    let named =
        signature.key_id().map(|text| KeyId::parse(text).ok_or(Error::Signed(Fault::Unknown)));
    let record = match (named.transpose()?, holder) {
        (Some(id), Some(holder)) if id != holder.id => return Err(Error::Ambiguous),
        (_, Some(holder)) => Some(holder),
        (None, None) => return Err(Error::NamesNoKey),
        (Some(_), None) if by.route.signature == SignatureRule::WithKey => {
            return Err(Error::KeyRequired);
        }
        (Some(id), None) => match keys.find(&id)? {
            None => return unknown(signature, &id, head, by),
            found => found,
        },
    };
    let Some(record) = record else { return Err(Error::Unavailable) };
    let scheme = signature.scheme();
    // The answer is that of a wrong signature: which scheme a key has is nobody else's business.
    let Some(signing) = record.signing.as_ref().filter(|signing| signing.scheme == scheme) else {
        return Err(Error::Signed(Fault::OtherScheme));
    };
    let key = verification_key(&record.id, signing, by)?;
    let prepared = signature.prepare(head, &terms(by, signing.algorithm), key, by.now)?;
    Ok(Claimed::Signed { record: Some(record), prepared: Box::new(prepared) })
}

/// A signature of a key that does not exist costs what another one costs.
fn unknown(
    signature: signature::Presented<'_>,
    id: &KeyId,
    head: &RequestHead<'_>,
    by: By<'_>,
) -> Result<Claimed, Error> {
    let nobody = RealmKey::new(0, *by.gate.pepper.derive("no such key"));
    let secret = nobody.client_secret(id, 0, Scheme::Rfc9421);
    let key = VerificationKey::Secret(Zeroizing::new(secret.to_vec()));
    let prepared = signature.prepare(head, &terms(by, Algorithm::HmacSha256), key, by.now)?;
    Ok(Claimed::Signed { record: None, prepared: Box::new(prepared) })
}

fn terms(by: By<'_>, algorithm: Algorithm) -> Terms<'_> {
    Terms { authorities: &by.policy.authorities, skew: by.policy.skew, has_body: true, algorithm }
}

/// The key that a record's signatures verify with. A record that cannot be used is the operator's
/// fault and not the client's.
fn verification_key(id: &KeyId, signing: &Signing, by: By<'_>) -> Result<VerificationKey, Error> {
    if signing.algorithm == Algorithm::HmacSha256 {
        let mut realms = by.gate.realm_keys.iter();
        let realm = realms.find(|realm| realm.version() == signing.realm);
        let realm = realm.ok_or(Error::RealmUnknown(signing.realm))?;
        let secret = realm.client_secret(id, signing.secret, signing.scheme);
        return Ok(VerificationKey::Secret(Zeroizing::new(secret.to_vec())));
    }
    let text = signing.public_key.as_deref().ok_or(Error::Unavailable)?;
    let der = Base64::decode_vec(text).map_err(|_| Error::Unavailable)?;
    let key = PublicKey::from_spki_der(&der).map_err(|_| Error::Unavailable)?;
    Ok(VerificationKey::Public(key))
}

impl Claimed {
    /// Whether settling it costs a verification with a public key.
    pub(crate) fn is_costly(&self) -> bool {
        match self {
            Self::Key(_) => false,
            Self::Signed { prepared, .. } => prepared.is_asymmetric(),
            Self::Token(prepared) => prepared.is_asymmetric(),
        }
    }

    /// Verifies what is left to verify.
    pub(crate) fn settle(self, by: By<'_>) -> Result<Authenticated, Error> {
        match self {
            Self::Key(record) => Ok(Authenticated::holder(record, None)),
            Self::Signed { record, prepared } => {
                let verified = prepared.verify();
                let record = record.ok_or(Error::Signed(Fault::Unknown))?;
                let verified = verified?;
                valid(&record, by).map_err(Error::Signed)?;
                Ok(Authenticated::holder(record, Some(verified)))
            }
            Self::Token(prepared) => Ok(Authenticated::bearer(prepared.verify()?)),
        }
    }
}
