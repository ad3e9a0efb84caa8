//! Any token: one that verifies is one that its issuer signed, and says what its issuer may say.
#![no_main]

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use filter::jwt::{self, Jwks, Verified};
use filter::public_key::PublicKey;
use filter_fuzz::gate::{GATE, POLICY, START};
use filter_fuzz::token::Signer;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static GOOD: LazyLock<[String; 2]> = LazyLock::new(|| [Signer::Corp.good(), Signer::Login.good()]);

#[derive(Debug)]
enum Input<'a> {
    /// Any text.
    Text(&'a [u8]),
    /// A good token, in which bytes are cut out and others put in.
    Changed { which: u8, at: u16, cut: u8, put: &'a [u8] },
    /// Any header and claims, signed well.
    Signed { signer: Signer, header: Json<'a>, claims: Json<'a> },
    /// Any set of keys.
    Keys(&'a [u8]),
    /// Any key.
    Key(&'a [u8]),
}

/// Any text, or a good object in which members are replaced by any values.
#[derive(Debug)]
enum Json<'a> {
    Text(&'a [u8]),
    With(Vec<(&'a str, &'a str)>),
}

const NAMES: [&str; 16] = [
    "alg", "typ", "kid", "crit", "jwk", "b64", "iss", "sub", "aud", "exp", "nbf", "iat", "jti",
    "scope", "zip", "x5u",
];
const VALUES: [&str; 24] = [
    "null",
    "\"\"",
    "\"none\"",
    "\"HS256\"",
    "\"EdDSA\"",
    "\"ES256\"",
    "\"RS256\"",
    "\"at+jwt\"",
    "\"application/JWT\"",
    "\"images\"",
    "[\"images\",\"other\"]",
    "[1]",
    "\"https://id.example\"",
    "\"https://login.example\"",
    "\"alice:bob\"",
    "1700000000",
    "1700000001",
    "1700003600.5",
    "1699999999",
    "1e300",
    "-1",
    "18446744073709551615",
    "[\"exp\"]",
    "{}",
];

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(input)? % 8 {
            0 => Self::Text(input.arbitrary()?),
            1 | 2 => Self::Changed {
                which: input.arbitrary()?,
                at: input.arbitrary()?,
                cut: input.arbitrary()?,
                put: input.arbitrary()?,
            },
            3 => Self::Keys(input.arbitrary()?),
            4 => Self::Key(input.arbitrary()?),
            _ => Self::Signed {
                signer: *input.choose(&[Signer::Corp, Signer::Login])?,
                header: input.arbitrary()?,
                claims: input.arbitrary()?,
            },
        })
    }
}

impl<'a> Arbitrary<'a> for Json<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        if input.ratio(1, 4)? {
            return Ok(Self::Text(input.arbitrary()?));
        }
        let mut members = Vec::new();
        while !input.is_empty() && members.len() < 4 && input.ratio(1, 2)? {
            let [name, value] = <[u8; 2]>::arbitrary(input)?;
            let name = NAMES[usize::from(name) % NAMES.len()];
            members.push(match VALUES.get(usize::from(value) % 32) {
                Some(value) => (name, *value),
                None => (name, input.arbitrary()?),
            });
        }
        Ok(Self::With(members))
    }
}

impl Json<'_> {
    /// The text. A name that is replaced twice is there twice.
    fn text(&self, good: &Value) -> Vec<u8> {
        let members = match self {
            Self::Text(text) => return text.to_vec(),
            Self::With(members) => members,
        };
        let mut object = good.clone();
        let map = object.as_object_mut().expect("an object");
        let mut front = String::new();
        for (name, value) in members {
            map.remove(*name);
            front += &format!("\"{name}\":{value},");
        }
        object.to_string().replacen('{', &format!("{{{front}"), 1).into_bytes()
    }
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Text(text) => assert_original(text),
    Input::Changed { which, at, cut, put } => {
        let mut token = GOOD[usize::from(which) % GOOD.len()].clone().into_bytes();
        let at = usize::from(at) % token.len();
        let end = (at + usize::from(cut)).min(token.len());
        token.splice(at..end, put.iter().copied());
        assert_original(&token);
    }
    Input::Signed { signer, header, claims } => {
        let header = header.text(&signer.header());
        let claims = claims.text(&signer.claims());
        if let Ok(verified) = verify(signer.token(&header, &claims).as_bytes()) {
            assert_allowed(signer, &header, &claims, &verified);
        }
    }
    Input::Keys(json) => {
        if let Ok(keys) = Jwks::parse(json) {
            assert!(keys.len() <= jwt::JWKS_MAX);
        }
    }
    Input::Key(der) => {
        if let Ok(key) = PublicKey::from_spki_der(der) {
            // The same key is read from what is written of it.
            let again = PublicKey::from_spki_der(&key.to_spki_der());
            assert_eq!(again.as_ref().map(PublicKey::algorithms), Ok(key.algorithms()));
        }
    }
});

/// Nobody makes a token verify without its issuer's key, nor another text of one that does.
fn assert_original(token: &[u8]) {
    if verify(token).is_ok() {
        assert!(GOOD.iter().any(|good| good.as_bytes() == token), "a forged token");
    }
}

fn verify(token: &[u8]) -> std::result::Result<Verified, jwt::Error> {
    jwt::parse(token)?.prepare(&POLICY.issuers, &**GATE, START)?.verify()
}

/// What a token that was taken says, read by another parser.
fn assert_allowed(signer: Signer, header: &[u8], claims: &[u8], verified: &Verified) {
    let now = START.0 / 1000;
    let header: Value = serde_json::from_slice(header).expect("a taken token is JSON");
    let claims: Value = serde_json::from_slice(claims).expect("a taken token is JSON");
    let (algorithm, issuer, name) = match signer {
        Signer::Corp => ("HS256", "https://id.example", "corp"),
        Signer::Login => ("EdDSA", "https://login.example", "login"),
    };
    // RFC 9864 has another name for it.
    assert!(header["alg"] == algorithm || (header["alg"] == "Ed25519" && algorithm == "EdDSA"));
    assert_eq!(claims["iss"], issuer);
    assert_eq!(verified.issuer, name);
    assert!(verified.principal.starts_with(&format!("{name}:")));
    for name in ["crit", "b64", "zip"] {
        assert!(header.get(name).is_none(), "{name}");
    }
    let audience = &claims["aud"];
    let listed = audience.as_array().is_some_and(|list| list.iter().any(|one| one == "images"));
    assert!(audience == "images" || listed);
    let time = |name: &str| claims[name].as_f64();
    let (exp, iat) = (time("exp").expect("exp"), time("iat").expect("iat"));
    let skew = 300.0;
    assert!(exp + skew > now as f64 && iat - skew <= now as f64 && exp - iat <= 7200.5);
    assert!(time("nbf").is_none_or(|nbf| nbf - skew <= now as f64));
}
