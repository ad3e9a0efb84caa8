//! Cloudflare's timed HMAC: a time and an HMAC over path and time, at the end of the query.

use base64ct::{Base64, Encoding as _};

use super::Sign;
use crate::vectors::{Moment, Request};

pub(super) fn sign(sign: &Sign, request: &mut Request, now: Moment) {
    let path = request.target.split('?').next().unwrap_or_default();
    let timestamp = now.seconds(sign.created).to_string();
    let mac = Base64::encode_string(&sign.sign(format!("{path}{timestamp}").as_bytes()));
    let mac = mac.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let separator = if request.target.contains('?') { '&' } else { '?' };
    request.target = format!("{}{separator}verify={timestamp}-{mac}{}", request.target, sign.after);
}
