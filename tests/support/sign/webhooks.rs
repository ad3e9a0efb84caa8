//! Standard Webhooks: an HMAC over id, time and body.

use base64ct::{Base64, Encoding as _};

use super::Sign;
use crate::vectors::{Moment, Request};

pub(super) fn sign(sign: &Sign, request: &mut Request, now: Moment) {
    let (id, timestamp) = (sign.nonce(), now.seconds(sign.created).to_string());
    let message = [format!("{id}.{timestamp}.").as_bytes(), &request.body].concat();
    let mac = format!("v1,{}", Base64::encode_string(&sign.sign(&message)));
    let list = sign.list.as_deref().unwrap_or("{mac}").replace("{mac}", &mac);
    let fields =
        [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", list)];
    for (name, value) in fields {
        if !sign.omits(name) {
            request.set(name, value);
        }
    }
}
