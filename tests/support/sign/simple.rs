//! The simple scheme: an HMAC over eight lines.

use super::{DigestOf, Sign};
use crate::vectors::{Moment, Request};

pub(super) fn sign(sign: &Sign, request: &mut Request, now: Moment) {
    let authority = sign.authority(request).to_ascii_lowercase();
    let authority = authority.strip_suffix(":443").unwrap_or(&authority).to_owned();
    let timestamp = now.seconds(sign.created).to_string();
    let (nonce, digest) = (sign.nonce(), filter::hex::encode(&sign.sha256(&request.body)));
    let content_type = request.values("content-type").next().unwrap_or_default().trim().to_owned();
    let lines = [
        "LUNETTE1",
        &request.method,
        &authority,
        &request.target,
        &content_type,
        &timestamp,
        &nonce,
        &digest,
    ];
    let signature = filter::hex::encode(&sign.sign(lines.join("\n").as_bytes()));
    let digest = (sign.digest != Some(DigestOf::None)).then_some(digest);
    let fields = [
        ("X-Key-Id", Some(sign.key_id())),
        ("X-Timestamp", Some(timestamp)),
        ("X-Nonce", Some(nonce)),
        ("X-Content-SHA256", digest),
        ("X-Signature", Some(signature)),
    ];
    for (name, value) in fields {
        if let Some(value) = value.filter(|_| !sign.omits(name)) {
            request.set(name, value);
        }
    }
}
