//! The vectors, against the filter as a library.

use std::net::{IpAddr, Ipv4Addr};

use conformance::gate::{self, native_filter};
use conformance::keys;
use conformance::vectors::{self, Expect, Request, Vector};
use filter::{
    Filter, Headers, Keys, PermitId, PermitKey, Rejection, Release, RequestHead, Step, UnixMillis,
    permit,
};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// The single place that exercises the API: one request, its body in pieces.
fn inspect(filter: &Filter, request: &Request, pieces: &[&[u8]]) -> Result<Release, Rejection> {
    let headers = Headers::new(request.headers.iter().map(|(n, v)| (n.clone(), v.clone())));
    let head = RequestHead {
        method: &request.method,
        target: &request.target,
        headers: &headers,
        client: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    let keys: Keys = keys::records().into_iter().collect();
    let mut step = filter.begin(NOW, [7; 16]).head(&head, &keys);
    for (index, piece) in pieces.iter().enumerate() {
        step = match step {
            Step::NeedsPrefix(prefix) => prefix.chunk(piece),
            Step::Reject(rejection) => return Err(rejection),
            Step::Release(mut release) => {
                for piece in &pieces[index..] {
                    release.tail.chunk(piece.len())?;
                }
                step = Step::Release(release);
                break;
            }
        };
    }
    match step {
        Step::Release(release) => release.tail.end().map(|()| release),
        Step::NeedsPrefix(prefix) => Err(prefix.end()),
        Step::Reject(rejection) => Err(rejection),
    }
}

fn check(vector: &Vector, request: &Request, pieces: &[&[u8]], context: &str) {
    match (&vector.expect, inspect(&native_filter(), request, pieces)) {
        (Expect::Accept, Ok(release)) => {
            let claims = release.permit.claims();
            assert_eq!(claims.target, request.target, "{context}");
            assert_eq!(claims.content_length, request.body.len() as u64, "{context}");
        }
        (Expect::Reject(expected), Err(rejection)) => {
            let reply = rejection.reply(PermitId([7; 16]));
            let got = (reply.status.as_u16(), rejection.code(), rejection.reason());
            assert_eq!(
                got,
                (expected.status, expected.code.as_str(), expected.reason()),
                "{context}"
            );
            for (name, value) in &expected.headers {
                let has = reply.headers.iter().any(|(n, v)| n.as_str() == name && v == value);
                assert!(has, "{context}: {name}: {value} is not in {:?}", reply.headers);
            }
        }
        (expected, got) => panic!("{context}: expected {expected:?}, got {got:?}"),
    }
}

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = vectors::all();
    assert!(vectors.len() > 80, "only {} vectors were found", vectors.len());
    for (file, vector) in vectors {
        let request = vector.request();
        check(&vector, &request, &[&request.body], &format!("{file}: {}", vector.name));
    }
}

#[test]
fn where_the_body_is_cut_makes_no_difference() {
    for (file, vector) in vectors::all() {
        let request = vector.request();
        let len = request.body.len();
        // Everywhere in the header, and then here and there.
        for cut in (0..len.min(100)).chain((100..len).step_by(len / 50 + 1)) {
            let (left, right) = request.body.split_at(cut);
            let context = format!("{file}: {}, cut at {cut}", vector.name);
            check(&vector, &request, &[left, right], &context);
        }
        let pieces: Vec<&[u8]> = request.body.chunks(len / 999 + 1).collect();
        check(&vector, &request, &pieces, &format!("{file}: {}, in small pieces", vector.name));
    }
}

#[test]
fn a_permit_binds_what_was_judged() {
    let (_, vector) = vectors::all().into_iter().find(|(_, v)| v.name == "a JPEG").unwrap();
    let request = vector.request();
    let filter = native_filter();
    let release = inspect(&filter, &request, &[&request.body]).unwrap();
    let sealed = filter.gate().permit_key.seal(release.permit.claims().clone()).unwrap();
    let keys = [PermitKey::new(gate::NAME, 1, keys::PERMIT_KEY)];
    let claims = permit::open(&sealed, &keys, NOW).unwrap();
    let json = serde_json::to_value(&claims).unwrap();
    let expected = serde_json::json!({
        "id": "07070707070707070707070707070707",
        "gate": gate::NAME, "gate_key": 1, "audience": "tests", "environment": "test",
        "key": "good000000", "principal": "acme", "scopes": ["background-removal"], "tier": "free",
        "client": "127.0.0.1", "method": "POST", "target": "/v1/background-removal",
        "content_type": "image/jpeg", "content_length": request.body.len(), "content_digest": null,
        "format": "jpeg", "width": 640, "height": 480, "frames": 1, "cost_pixels": 307_200,
        "nonce": null, "mode": "enforce", "epoch": 1, "issued_at": NOW.0
    });
    assert_eq!(json, expected);
}

#[test]
fn a_rejection_is_a_problem_of_rfc_9457_and_keeps_its_secrets() {
    let find = |name: &str| vectors::all().into_iter().find(|(_, v)| v.name == name).unwrap().1;
    let body_of = |name: &str| {
        let request = find(name).request();
        let rejection = inspect(&native_filter(), &request, &[&request.body]).unwrap_err();
        rejection.reply(PermitId([7; 16]))
    };
    let unknown = body_of("an unknown key");
    let problem: serde_json::Value = serde_json::from_slice(&unknown.body).unwrap();
    assert_eq!(
        problem,
        serde_json::json!({
            "type": "urn:lunette:problem:invalid-key", "title": "Unauthorized", "status": 401,
            "detail": "the API key is not valid", "code": "invalid-key",
            "request_id": "07070707070707070707070707070707"
        })
    );
    for name in [
        "a known id with a wrong secret",
        "a revoked key",
        "an expired key",
        "a key whose time has not come",
        "a key of another environment",
    ] {
        assert_eq!(body_of(name), unknown, "{name} can be told from an unknown key");
    }
}

#[test]
fn a_body_of_another_length_is_refused_before_its_end() {
    let (_, vector) = vectors::all().into_iter().find(|(_, v)| v.name == "a PNG").unwrap();
    let mut request = vector.request();
    let longer = [request.body.clone(), vec![0]].concat();
    let (start, rest) = longer.split_at(200);
    let got = inspect(&native_filter(), &request, &[start, rest]).unwrap_err();
    assert_eq!(got.code(), "length-differs");
    request.body.pop();
    let got = inspect(&native_filter(), &request, &[&request.body]).unwrap_err();
    assert_eq!(got.code(), "length-differs");
}
