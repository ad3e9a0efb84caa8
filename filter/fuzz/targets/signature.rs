//! A signed request, changed in any way: if it still verifies, nothing changed that its signature
//! covers.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use filter::algorithm::Algorithm;
use filter::signature::{
    Error, Part, Scheme, Schemes, Terms, VerificationKey, Verified, presented,
};
use filter::{Headers, Peer, RequestHead};
use filter_fuzz::gate::{self, ED25519, SIGNERS, START};
use filter_fuzz::{Edit, Parts, Proof};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

const SKEW: u64 = 300_000;

#[derive(Debug)]
struct Input<'a> {
    signer: u8,
    offset: i64,
    accepted: u8,
    edits: Vec<Edit<'a>>,
}

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let [signer, offset, accepted] = input.arbitrary()?;
        let offset = [0, 300, -300, 301][usize::from(offset) % 4];
        let mut edits = Vec::new();
        while !input.is_empty() && edits.len() < 16 {
            edits.push(input.arbitrary()?);
        }
        Ok(Self { signer, offset, accepted, edits })
    }
}

fuzz_target!(|input: Input<'_>| {
    let signed = signed(input.signer, input.offset);
    let mut changed = signed.clone();
    input.edits.iter().for_each(|edit| changed.edit(edit));

    let (name, scheme) =
        SIGNERS.get(usize::from(input.signer) % 7).copied().unwrap_or((ED25519, Scheme::Rfc9421));
    // Most policies accept all, or nothing could be found out about most schemes.
    let accepted = if input.accepted < 128 {
        Scheme::ALL.into_iter().collect()
    } else {
        Scheme::ALL.into_iter().filter(|&scheme| input.accepted >> scheme as u8 & 1 == 1).collect()
    };
    let outcome = verify(&changed, name, scheme, accepted);
    if input.edits.is_empty() && accepted == Scheme::ALL.into_iter().collect() {
        assert_eq!(outcome.is_ok(), input.offset.abs() <= 300, "{outcome:?}");
    }
    if let Ok(verified) = outcome {
        assert_covered(&signed, &changed, &verified, input.offset);
    }
});

/// A request that one of the keys has signed.
fn signed(signer: u8, offset: i64) -> Parts {
    let body = b"not really an image".to_vec();
    let fields = vec![
        ("content-length".to_owned(), body.len().to_string().into_bytes()),
        ("content-type".to_owned(), b"image/png".to_vec()),
    ];
    let mut parts = Parts {
        method: "POST".into(),
        authority: "images.example".into(),
        target: "/v1/cut-out?a=1&b=2".into(),
        fields,
        body,
    };
    let headers = Headers::new(parts.fields.clone());
    let proof = Proof::Signature { signer, nonce: 0, offset, with_key: false };
    let (fields, target) = proof.fields(&head(&parts, &headers), &parts.body, START);
    let fields = fields.into_iter().filter(|(name, _)| *name != "x-api-key");
    parts.fields.extend(fields.map(|(name, value)| (name.to_lowercase(), value.into_bytes())));
    parts.target = target.unwrap_or(parts.target);
    parts
}

fn verify(
    parts: &Parts,
    name: &str,
    scheme: Scheme,
    accepted: Schemes,
) -> std::result::Result<Verified, Error> {
    let headers = Headers::new(parts.fields.clone());
    let head = head(parts, &headers);
    let presented = presented(&head, accepted)?.ok_or(Error::ParameterMissing("signature"))?;
    // The record of the key names one scheme, and decides.
    if presented.scheme() != scheme {
        return Err(Error::OtherAlgorithm);
    }
    let (key, algorithm) = if name == ED25519 {
        (VerificationKey::Public(gate::public_key()), Algorithm::Ed25519)
    } else {
        let secret = gate::signing_secret(name, scheme);
        (VerificationKey::Secret(Zeroizing::new(secret.to_vec())), Algorithm::HmacSha256)
    };
    let authorities = ["images.example".to_owned()];
    let terms = Terms { authorities: &authorities, skew: SKEW, has_body: true, algorithm };
    let mut verified = presented.prepare(&head, &terms, key, START)?.verify()?;
    if let Some(mut mac) = verified.body_mac.take() {
        mac.update(&parts.body);
        mac.finish()?;
    }
    if let Some(digest) = verified.digest {
        let mut digester = digest.digester();
        digester.update(&parts.body);
        digester.finish().map_err(|_| Error::Invalid)?;
    }
    Ok(verified)
}

/// What is not told to be open is as it was signed.
fn assert_covered(signed: &Parts, changed: &Parts, verified: &Verified, offset: i64) {
    let open = |part: Part| verified.weaker.contains(part);
    let trim = |text: &str| text.strip_suffix(":443").unwrap_or(text).to_ascii_lowercase();
    let split = |parts: &Parts| {
        let (path, query) = parts.target.split_once('?').unwrap_or((&parts.target, ""));
        (path.to_owned(), query.to_owned())
    };
    let media_type = |parts: &Parts| {
        let mut values = parts.fields.iter().filter(|(name, _)| name == "content-type");
        let first = values.next().map(|(_, value)| value.trim_ascii().to_vec());
        assert!(values.next().is_none(), "two media types");
        first
    };
    // The schemes of other gateways write the method in lower case.
    let same_method = match verified.scheme {
        Scheme::Rfc9421 | Scheme::Simple => changed.method == signed.method,
        _ => changed.method.eq_ignore_ascii_case(&signed.method),
    };
    assert!(open(Part::Method) || same_method);
    assert!(open(Part::Authority) || trim(&changed.authority) == trim(&signed.authority));
    assert!(open(Part::Path) || split(changed).0 == split(signed).0);
    assert!(open(Part::Query) || split(changed).1 == split(signed).1);
    assert!(open(Part::ContentType) || media_type(changed) == media_type(signed));
    assert!(open(Part::Body) || changed.body == signed.body);
    assert!(open(Part::Nonce) || verified.nonce.as_deref() == Some("nonce-number-one"));
    let created = START.0.saturating_add_signed(offset * 1000);
    assert_eq!(verified.created.0, created, "another time");
}

fn head<'a>(parts: &'a Parts, headers: &'a Headers) -> RequestHead<'a> {
    let Parts { method, authority, target, .. } = parts;
    RequestHead { method, authority, target, headers, peer: Peer::Unknown }
}
