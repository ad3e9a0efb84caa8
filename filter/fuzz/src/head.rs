//! The heads of requests.

use std::net::IpAddr;

use arbitrary::{Arbitrary, Result, Unstructured};
use filter::{Headers, Peer, RequestHead, UnixMillis};

use crate::{AnyBody, Proof, word};

const METHODS: [&str; 4] = ["POST", "GET", "post", "CONNECT"];
const AUTHORITIES: [&str; 4] = ["images.example", "IMAGES.example:443", "", "[2001:db8::1]:8080"];
const PATHS: [&str; 5] = ["/v1/cut-out", "/v1/animate", "/v1/held", "/v1/both", "/v1/watched"];
const TARGETS: [&str; 10] = [
    "/v1/cut-out",
    "/v1/animate",
    "/v1/held",
    "/v1/both",
    "/v1/watched",
    "/v1/cut-out?model=u2net&b=%20",
    "/v1/cut-out?",
    "/v1/../v1/cut-out",
    "/v1/cut%2Dout",
    "*",
];
const PEERS: [Peer; 4] = [
    Peer::Unknown,
    Peer::Direct(v4(10, 0, 0, 1)),
    Peer::Direct(v4(203, 0, 113, 9)),
    Peer::Client(v4(192, 0, 2, 7)),
];
const NAMES: [&str; 28] = [
    "content-length",
    "content-type",
    "x-api-key",
    "Authorization",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "host",
    "expect",
    "x-forwarded-for",
    "content-digest",
    "signature",
    "signature-input",
    "x-signature",
    "x-timestamp",
    "x-nonce",
    "x-content-sha256",
    "x-key-id",
    "date",
    "digest",
    "proxy-authorization",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "cf-connecting-ip",
    "forwarded",
    "lunette-permit",
    "cookie",
];
const VALUES: [&str; 27] = [
    "64",
    "65536",
    "65537",
    "1048576",
    "0",
    "+1",
    "18446744073709551616",
    "image/png",
    "IMAGE/JPEG; q=1",
    "image/webp",
    "text/plain",
    "identity",
    "gzip",
    "chunked",
    "keep-alive, upgrade",
    "close, X-API-Key",
    "203.0.113.9, 10.0.0.1",
    "[2001:db8::9]:443",
    "192.0.2.7",
    "Bearer x",
    "Basic YTpi",
    "Bearer sk_live_0123456789abcdef",
    "Signature keyId=\"kong000000\",algorithm=\"hmac-sha256\",headers=\"date\",signature=\"AA==\"",
    "lunette=(\"@method\" \"@path\");created=1700000000;keyid=\"rfc9421000\";tag=\"lunette\"",
    "lunette=:AAAA:",
    "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    "v1,AAAA",
];

/// A request head in the host's hands.
#[derive(Clone, Debug)]
pub struct AnyHead<'a> {
    pub method: &'a str,
    pub authority: &'a str,
    pub target: String,
    pub headers: Headers,
    pub peer: Peer,
    /// What it shows, besides what its other fields happen to be.
    pub proof: Proof,
}

/// What a head is made of before it is signed.
#[derive(Debug)]
pub struct Draft<'a> {
    method: &'a str,
    authority: &'a str,
    target: &'a str,
    peer: Peer,
    fields: Vec<(&'a str, Vec<u8>)>,
    proof: Proof,
    /// Whether it is signed for another body than the one that is sent.
    lies: bool,
    /// Fields that are added once it is signed.
    late: Vec<(&'a str, Vec<u8>)>,
}

impl AnyHead<'_> {
    /// The head as the filter takes it.
    pub fn as_head(&self) -> RequestHead<'_> {
        let Self { method, authority, target, headers, peer, .. } = self;
        RequestHead { method, authority, target, headers, peer: *peer }
    }
}

impl<'a> Draft<'a> {
    /// A head that mostly fits `body`.
    pub fn of_body(input: &mut Unstructured<'a>, body: &AnyBody) -> Result<Self> {
        let AnyBody { bytes, media_type } = body;
        let mut fields = vec![
            ("content-length", bytes.len().to_string().into_bytes()),
            ("content-type", (*media_type).into()),
        ];
        let odd = u8::arbitrary(input)?;
        match odd {
            // A length that is not the body's.
            0..4 => fields[0].1 = usize::from(odd).abs_diff(bytes.len()).to_string().into(),
            4..16 => fields.extend(more_fields(input)?),
            16..32 => return Self::arbitrary(input),
            _ => {}
        }
        let late = if odd < 48 { more_fields(input)? } else { Vec::new() };
        Ok(Self {
            method: "POST",
            authority: "images.example",
            target: word::choose(input, &PATHS)?,
            peer: word::choose(input, &PEERS)?,
            fields,
            proof: Proof::arbitrary(input)?,
            lies: (48..80).contains(&odd),
            late,
        })
    }

    /// The head as it is sent at `now`, ahead of `body`.
    pub fn send(self, body: &[u8], now: UnixMillis) -> AnyHead<'a> {
        let Self { method, authority, target, peer, fields, proof, lies, late } = self;
        let headers = Headers::new(fields.iter().map(|(name, value)| (*name, value.clone())));
        let head = RequestHead { method, authority, target, headers: &headers, peer };
        let (shown, signed_target) = proof.fields(&head, if lies { b"another" } else { body }, now);
        let shown = shown.into_iter().map(|(name, value)| (name, value.into_bytes()));
        let all = fields.into_iter().chain(shown).chain(late);
        AnyHead {
            method,
            authority,
            target: signed_target.unwrap_or_else(|| target.to_owned()),
            headers: Headers::new(all),
            peer,
            proof,
        }
    }
}

impl<'a> Arbitrary<'a> for Draft<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let mut fields = Vec::new();
        if !input.ratio(1, 4)? {
            let media_type = word::choose(input, &["image/png", "image/jpeg", "image/webp"])?;
            fields.push(("content-length", u16::arbitrary(input)?.to_string().into_bytes()));
            fields.push(("content-type", media_type.into()));
        }
        fields.extend(more_fields(input)?);
        Ok(Self {
            method: word::text(input, &METHODS)?,
            authority: word::text(input, &AUTHORITIES)?,
            target: word::text(input, &TARGETS)?,
            peer: peer(input)?,
            fields,
            proof: Proof::arbitrary(input)?,
            lies: false,
            late: more_fields(input)?,
        })
    }
}

fn peer(input: &mut Unstructured<'_>) -> Result<Peer> {
    let kind = u8::arbitrary(input)?;
    Ok(match kind {
        0..32 => Peer::Direct(IpAddr::arbitrary(input)?),
        32..64 => Peer::Client(IpAddr::arbitrary(input)?),
        _ => PEERS[usize::from(kind) % PEERS.len()],
    })
}

fn more_fields<'a>(input: &mut Unstructured<'a>) -> Result<Vec<(&'a str, Vec<u8>)>> {
    let mut fields = Vec::new();
    while !input.is_empty() && input.ratio(1, 3)? {
        let name = word::text(input, &NAMES)?;
        fields.push((name, word::bytes(input, &VALUES)?.to_vec()));
    }
    Ok(fields)
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d))
}
