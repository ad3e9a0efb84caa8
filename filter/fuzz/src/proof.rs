//! What a request shows to be let through.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use ed25519_dalek::Signer as _;
use filter::signature::Scheme;
use filter::signature::client::{self, Signing, Statement};
use filter::{RequestHead, UnixMillis};

use crate::gate::{self, ED25519, HUMBLE, PLAIN, PRIVATE, SECRET, SIGNERS, WRONG};
use crate::token::Signer;
use crate::word;

/// Seconds by which a signature is dated back or ahead: as far as it verifies, and not.
const OFFSETS: [i64; 9] = [0, 1, -1, 150, -150, 300, -300, 301, -301];
const NONCES: [&str; 4] = ["nonce-number-one", "nonce-number-two", "nonce-of-a-third", "short"];

/// API keys: a good one, one that may do nothing, a wrong secret, an unknown one and one of another
/// environment.
static KEYS: LazyLock<[String; 5]> = LazyLock::new(|| {
    [
        gate::key(PLAIN, SECRET),
        gate::key(HUMBLE, SECRET),
        gate::key(PLAIN, WRONG),
        gate::key("unknown000", SECRET),
        gate::key(PLAIN, SECRET).replace("lun_test", "lun_live"),
    ]
});
static TOKENS: LazyLock<[String; 4]> = LazyLock::new(|| {
    let none = |signer: Signer| {
        let claims = signer.claims().to_string();
        signer.token(br#"{"alg":"none","typ":"JWT"}"#, claims.as_bytes())
    };
    let confused = |claims: Signer, signer: Signer| {
        let header = signer.header().to_string();
        signer.token(header.as_bytes(), claims.claims().to_string().as_bytes())
    };
    [
        Signer::Corp.good(),
        Signer::Login.good(),
        none(Signer::Corp),
        confused(Signer::Login, Signer::Corp),
    ]
});

/// What a request shows.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// Nothing, unless another field happens to be something.
    None,
    /// An API key, in one of two fields.
    Key { which: u8, bearer: bool },
    /// A token.
    Token { which: u8 },
    /// A signature, with or without the API key of its signer.
    Signature { signer: u8, nonce: u8, offset: i64, with_key: bool },
}

impl<'a> Arbitrary<'a> for Proof {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let [kind, which] = <[u8; 2]>::arbitrary(input)?;
        Ok(match kind % 8 {
            0 => Self::None,
            1 | 2 => Self::Key { which, bearer: kind & 8 == 0 },
            3 => Self::Token { which },
            _ => Self::Signature {
                signer: which,
                nonce: kind >> 4,
                offset: word::choose(input, &OFFSETS)?,
                with_key: kind & 8 == 0,
            },
        })
    }
}

impl Proof {
    /// Whether it can ever be good.
    pub fn may_be_good(self) -> bool {
        match self {
            Self::None => false,
            Self::Key { which, .. } => usize::from(which) % KEYS.len() < 2,
            Self::Token { which } => usize::from(which) % TOKENS.len() < 2,
            Self::Signature { .. } => true,
        }
    }

    /// The fields that show it for `head`, and the target, which one scheme changes.
    pub fn fields(
        self,
        head: &RequestHead<'_>,
        body: &[u8],
        now: UnixMillis,
    ) -> (Vec<(&'static str, String)>, Option<String>) {
        match self {
            Self::None => (vec![], None),
            Self::Key { which, bearer } => {
                let key = &KEYS[usize::from(which) % KEYS.len()];
                let field = if bearer {
                    ("authorization", format!("Bearer {key}"))
                } else {
                    ("x-api-key", key.clone())
                };
                (vec![field], None)
            }
            Self::Token { which } => {
                let token = &TOKENS[usize::from(which) % TOKENS.len()];
                (vec![("authorization", format!("Bearer {token}"))], None)
            }
            Self::Signature { signer, nonce, offset, with_key } => {
                let signer = usize::from(signer) % (SIGNERS.len() + 1);
                let (name, scheme) =
                    SIGNERS.get(signer).copied().unwrap_or((ED25519, Scheme::Rfc9421));
                let statement = Statement {
                    key_id: Some(name),
                    created: UnixMillis(now.0.saturating_add_signed(offset * 1000)),
                    expires: None,
                    nonce: NONCES[usize::from(nonce) % NONCES.len()],
                    body: Some(body),
                };
                let Some(mut signed) = sign(head, name, scheme, statement) else {
                    return (vec![], None);
                };
                let names_no_key =
                    matches!(scheme, Scheme::StandardWebhooks | Scheme::CloudflareTimed);
                if with_key || names_no_key {
                    signed.fields.push(("x-api-key", gate::key(name, SECRET)));
                }
                (signed.fields, Some(signed.target))
            }
        }
    }
}

/// Signs a head, unless it is one that cannot be signed.
fn sign(
    head: &RequestHead<'_>,
    name: &str,
    scheme: Scheme,
    statement: Statement<'_>,
) -> Option<client::Signed> {
    if name == ED25519 {
        let unsigned = client::unsigned(head, &statement).ok()?;
        let signature = PRIVATE.sign(unsigned.message());
        return Some(unsigned.signed(&signature.to_bytes()));
    }
    let secret = gate::signing_secret(name, scheme);
    client::sign(head, &Signing { scheme, secret: &*secret, statement }).ok()
}
