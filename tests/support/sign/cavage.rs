//! `hmac-auth` of Kong and of APISIX, as their documentation has it.

use std::time::{Duration, UNIX_EPOCH};

use base64ct::{Base64, Encoding as _};
use filter::signature::Scheme;

use super::{DigestOf, Sign};
use crate::vectors::{Moment, Request};

pub(super) fn sign(sign: &Sign, request: &mut Request, now: Moment) {
    let kong = sign.scheme == Scheme::KongHmac;
    let covered = sign.covered.as_deref();
    let covered = covered.unwrap_or("@request-target date host content-type digest");
    let date = if covered.split(' ').any(|name| name == "x-date") { "X-Date" } else { "Date" };
    let time = UNIX_EPOCH + Duration::from_secs(now.seconds(sign.created));
    request.set(date, httpdate::fmt_http_date(time));
    if sign.digest != Some(DigestOf::None) {
        let digest = Base64::encode_string(&sign.sha256(&request.body));
        request.set("Digest", format!("SHA-256={digest}"));
        request.set("Content-Digest", format!("sha-256=:{digest}:"));
    }
    let key_id = sign.key_id();
    let mut lines = if kong { vec![] } else { vec![key_id.clone()] };
    let target = &request.target;
    for name in covered.split(' ').filter(|name| !name.is_empty()) {
        lines.push(match name {
            "@request-target" if kong => {
                format!("@request-target: {} {target}", request.method.to_ascii_lowercase())
            }
            "@request-target" => format!("{} {target}", request.method),
            "request-line" if kong => format!("{} {target} HTTP/1.1", request.method),
            "host" => format!("host: {}", sign.authority(request)),
            name => format!("{name}: {}", request.values(name).next().unwrap_or_default()),
        });
    }
    let text = lines.join("\n") + if kong { "" } else { "\n" };
    let signature = Base64::encode_string(&sign.sign(text.as_bytes()));
    let parameters = [
        (if kong { "username" } else { "keyId" }, key_id),
        ("algorithm", sign.alg.clone().unwrap_or_else(|| "hmac-sha256".to_owned())),
        ("headers", covered.to_owned()),
        ("signature", signature),
    ];
    let parameters: Vec<_> = parameters
        .into_iter()
        .filter(|(name, _)| !sign.omits(name))
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    let scheme = if kong { "hmac" } else { "Signature" };
    let field = sign.field.as_deref().unwrap_or("Authorization");
    request.headers.push((field.to_owned(), format!("{scheme} {}", parameters.join(", "))));
}
