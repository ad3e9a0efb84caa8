//! The same request gets the same answer, however its body comes.

use conformance::library::{Cut, Filters};
use conformance::outcome::{Outcome, Upstream};
use conformance::run::Host as _;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::bodies::damaged_bodies;
use crate::made;
use crate::requests::arbitrary_request;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn where_a_body_is_cut_makes_no_difference(
        credential in credentials(),
        (body, content_type) in damaged_bodies(),
        cuts in prop::collection::vec(any::<Index>(), 0..6),
        declared in prop_oneof![9 => Just(0isize), 1 => -3isize..3],
    ) {
        let mut description = credential;
        let policy = description.as_object_mut().unwrap().remove("policy").unwrap();
        let policy = policy.as_str().unwrap();
        description["body"] = body;
        description["content_type"] = content_type.into();
        let mut filters = Filters::default();
        let mut whole = filters.under(policy, Cut::Nowhere);
        let mut request = made(&whole, &description);
        for (name, value) in &mut request.headers {
            if name == "Content-Length" && declared != 0 {
                *value = request.body.len().saturating_add_signed(declared).to_string();
            }
        }
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(request.body.len() + 1)).collect();
        at.sort_unstable();
        let (mut pieces, mut rest, mut from) = (Vec::new(), request.body.as_slice(), 0);
        for cut in at {
            let (piece, after) = rest.split_at(cut - from);
            pieces.push(piece);
            (rest, from) = (after, cut);
        }
        pieces.push(rest);
        let mut cut = filters.under(policy, Cut::Nowhere);
        let expected = told(&whole.inspect(&request, "internal"));
        let got = told(&cut.inspect_pieces(&request, &pieces, "internal"));
        prop_assert_eq!(&got, &expected, "cut into {:?}", pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>());
        // And what it cost is the same: the next request is answered alike.
        let next = made(&whole, &description);
        let expected = told(&whole.inspect(&next, "internal"));
        prop_assert_eq!(told(&cut.inspect(&next, "internal")), expected);
    }

    #[test]
    fn the_same_requests_get_the_same_answers(
        requests in prop::collection::vec(arbitrary_request(), 1..12),
        passes in prop::collection::vec(0u64..100, 12),
    ) {
        let mut filters = Filters::default();
        let mut one = filters.under("strict", Cut::Nowhere);
        let mut other = Filters::default().under("strict", Cut::Every(10));
        for (description, seconds) in requests.iter().zip(&passes) {
            let request = made(&one, description);
            let (first, second) = (one.inspect(&request, "refund"), other.inspect(&request, "refund"));
            prop_assert_eq!(told(&first), told(&second));
            // A fault of the tail is found after the event is told where the body comes in pieces.
            if !matches!(second.upstream, Upstream::Abort) {
                prop_assert_eq!(first.event, second.event);
            }
            one.pass(*seconds, 0);
            other.pass(*seconds, 0);
        }
    }
}

/// All that may not depend on how a request came: everything but that the head had gone on already.
fn told(outcome: &Outcome) -> (String, Value, Option<Value>) {
    let Outcome { answer, upstream, .. } = outcome;
    let claims = match upstream {
        Upstream::Whole(received) => serde_json::to_value(&received.claims).ok(),
        Upstream::Nothing | Upstream::Abort | Upstream::Refused => None,
    };
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (format!("{} {:?}", answer.status, answer.headers), body, claims)
}

/// Ways to come with it: with a key or signed, held or streaming, with quotas or without.
fn credentials() -> impl Strategy<Value = Value> {
    select(vec![
        json!({ "policy": "default", "key": "good" }),
        json!({ "policy": "default", "key": "good", "target": "/v1/held" }),
        json!({ "policy": "default", "sign": { "key": "signer" } }),
        json!({ "policy": "default", "sign": { "key": "signer", "digest": "other-body" } }),
        json!({ "policy": "default", "sign": { "key": "signer", "digest": "both-one-wrong" } }),
        json!({ "policy": "default", "sign": { "key": "signer" }, "target": "/v1/held" }),
        json!({ "policy": "default", "sign": { "key": "signer", "digest": "other-body" }, "target": "/v1/held" }),
        json!({ "policy": "default", "sign": { "scheme": "simple", "key": "simple" } }),
        json!({ "policy": "compat", "key": "webhooks", "sign": { "scheme": "standard-webhooks", "key": "webhooks" }, "target": "/v1/held" }),
        json!({ "policy": "compat", "key": "webhooks", "sign": { "scheme": "standard-webhooks", "key": "webhooks", "signature": "flipped" } }),
        json!({ "policy": "compat", "sign": { "scheme": "kong-hmac", "key": "kong" } }),
        json!({ "policy": "strict", "key": "pixels-a" }),
        json!({ "policy": "strict", "key": "pixels-a", "target": "/v1/animated" }),
        json!({ "policy": "strict", "sign": { "key": "pixels-f", "digest": "other-body" }, "target": "/v1/heavy" }),
        json!({ "policy": "report", "key": null }),
        json!({ "policy": "report", "key": "one-a", "target": "/v1/heavy" }),
    ])
}
