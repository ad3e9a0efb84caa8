//! The vectors, against the filter as a library.

use conformance::bodies::Envelope;
use conformance::library::{Cut, Filters, Library, NOW, keys_of_vectors};
use conformance::outcome::Upstream;
use conformance::run::{Failures, run};
use conformance::vectors::{self, HOST, Moment, Request, named};
use conformance::{gate, keys};
use filter::signature::Scheme;
use filter::signature::client::{self, Statement};
use filter::{
    Filter, Headers, KeyId, Peer, Pepper, PermitKey, Policy, RealmKey, RequestHead, body, permit,
};
use sha2::Digest as _;

#[tokio::test]
async fn every_vector_gets_its_verdict() {
    let vectors = vectors::all();
    assert!(vectors.len() > 400, "only {} vectors were found", vectors.len());
    let (mut filters, mut failures) = (Filters::default(), Failures::default());
    for vector in vectors {
        let mut library = filters.under(&vector.policy, Cut::Nowhere);
        failures.note(run(&vector, &mut library, "2001:db8::1", "whole").await);
    }
    failures.none();
}

#[tokio::test]
async fn where_the_body_is_cut_makes_no_difference() {
    let (mut filters, mut failures) = (Filters::default(), Failures::default());
    for vector in vectors::all() {
        let longest = vector.longest_body();
        // Everywhere in the header where it is what the vector is about, and then here and there.
        let header = if vector.file == "image" { 1 } else { 9 };
        let cuts =
            (0..longest.min(100)).step_by(header).chain((100..longest).step_by(longest / 9 + 1));
        let cuts = cuts.map(Cut::At).chain([Cut::Every(longest / 999 + 1), Cut::Every(1)]);
        for cut in cuts.filter(|&cut| cut != Cut::Every(1) || longest < 5_000) {
            let mut library = filters.under(&vector.policy, cut);
            let what = format!("{cut:?}");
            let outcome = run(&vector, &mut library, "2001:db8::1", &what).await;
            let failed = outcome.is_err();
            failures.note(outcome);
            // One cut says it all.
            if failed {
                break;
            }
        }
    }
    failures.none();
}

#[tokio::test]
async fn a_vector_names_what_decides_it() {
    let (mut filters, mut failures) = (Filters::default(), Failures::default());
    for vector in vectors::all() {
        let mut library = filters.under(&vector.policy, Cut::finest(vector.longest_body()));
        failures.note(run(&vector, &mut library, "2001:db8::1", "as fine as it goes").await);
    }
    failures.none();
}

#[tokio::test]
async fn the_same_image_gets_the_same_verdict_in_every_envelope() {
    let (mut filters, mut failures, mut wrapped) = (Filters::default(), Failures::default(), 0);
    for mut vector in vectors::all() {
        // Those of whole bodies and of what surrounds an image are in other files.
        if !vector.file.starts_with("image") || vector.steps.len() > 1 {
            continue;
        }
        for envelope in [Envelope::Multipart, Envelope::Json, Envelope::Urlencoded] {
            vector.steps[0].wrap(envelope);
            for cut in [Cut::Nowhere, Cut::Every(997)] {
                let mut library = filters.under(&vector.policy, cut);
                let what = format!("{envelope:?}, {cut:?}");
                failures.note(run(&vector, &mut library, "2001:db8::1", &what).await);
                wrapped += 1;
            }
        }
    }
    assert!(wrapped > 900, "only {wrapped}");
    failures.none();
}

#[test]
fn the_node_judges_what_no_gate_saw_and_answers_byte_for_byte_as_a_gate_would() {
    let (mut filters, mut taken, mut refused) = (Filters::default(), 0, 0);
    for vector in vectors::all().iter().filter(|vector| vector.steps.len() == 1) {
        let Some(request) = vector.steps[0].compose(Moment(NOW), None) else { continue };
        let mut fresh = || filters.under(&vector.policy, Cut::Nowhere);
        let Some(claims) = fresh().permit_unseen(&request) else { continue };
        if claims.format.is_none() {
            // Of a page there is no body to judge.
            continue;
        }
        let gate = fresh();
        let path = request.target.split('?').next().unwrap();
        let route = gate.filter().policy().route(&request.method, path).unwrap();
        let node = body::inspect(request.body.clone(), &claims, route);
        let gate = fresh().inspect(&request, "").answer;
        match node {
            Ok(_) => {
                assert_eq!(gate.status, 200, "{}: {}", vector.file, vector.name);
                taken += 1;
            }
            Err(rejection) => {
                let node = rejection.reply(claims.id, route.dialect);
                let fields = node.headers.iter();
                let fields = fields.map(|(name, value)| (name.to_string(), value.clone()));
                // Which pages may read an answer is the gate's to say, also of those of the node.
                let shared = gate
                    .headers
                    .iter()
                    .filter(|(name, _)| name == "vary" || name.starts_with("access-control-"));
                let fields: Vec<_> = fields.chain(shared.cloned()).collect();
                assert_eq!(
                    (node.status.as_u16(), fields, node.body),
                    (gate.status, gate.headers, gate.body),
                    "{}: {}",
                    vector.file,
                    vector.name
                );
                refused += 1;
            }
        }
    }
    assert!(taken > 200 && refused > 90, "{taken} were taken, {refused} refused");
}

#[test]
fn a_permit_binds_what_was_judged() {
    let mut library = Filters::default().under("default", Cut::Nowhere);
    let request = named("a JPEG").request();
    let sealed = sealed_permit(&mut library, &request);
    let keys = [PermitKey::new(gate::NAME, 1, keys::PERMIT_KEY)];
    let claims = permit::open(&sealed, &keys, NOW).unwrap();
    let json = serde_json::to_value(&claims).unwrap();
    let expected = serde_json::json!({
        "id": "07070707070707070000000000000001",
        "gate": gate::NAME, "gate_key": 1, "audience": "tests", "environment": "test",
        "credential": { "key": keys::id("good") }, "principal": "acme",
        "scopes": ["background-removal"], "tier": "free",
        "client": "127.0.0.1", "method": "POST", "target": "/v1/background-removal",
        "content_type": "image/jpeg", "content_length": request.body.len(),
        "content_digest": null, "nonce": null, "format": "jpeg", "width": 640, "height": 480, "frames": 1, "cost_pixels": 307_200,
        "weaker": [], "mode": "enforce", "reported": [], "epoch": 1,
        "issued_at": NOW.0
    });
    assert_eq!(json, expected);
    // What was sealed for one gate opens with no other gate's key.
    let other = [PermitKey::new(gate::NAME, 1, [1; 32])];
    assert_eq!(permit::open(&sealed, &other, NOW), Err(permit::Invalid::Seal));
}

fn sealed_permit(library: &mut Library, request: &Request) -> String {
    let outcome = library.inspect(request, "");
    let Upstream::Whole(received) = outcome.upstream else { panic!("{outcome:?}") };
    library.filter().gate().permit_key.seal(received.claims).unwrap()
}

#[test]
fn a_rejection_is_a_problem_of_rfc_9457_and_keeps_its_secrets() {
    let body_of = |name: &str| {
        let mut library = Filters::default().under("default", Cut::Nowhere);
        let request = named(name).steps[0].compose(Moment(NOW), None).unwrap();
        library.inspect(&request, "").answer
    };
    let problem = |code: &str, detail: &str| {
        serde_json::json!({
            "type": format!("urn:lunette:problem:{code}"), "title": "Unauthorized", "status": 401,
            "detail": detail, "code": code, "request_id": "07070707070707070000000000000001"
        })
    };
    let key = body_of("an unknown key");
    assert_eq!(key.problem(), problem("invalid-key", "the API key is not valid"));
    for name in [
        "a known id with a wrong secret",
        "a revoked key",
        "an expired key",
        "a key whose time has not come",
        "a key of another environment",
        "a key of another maker that nobody imported",
        "an imported key that was revoked",
    ] {
        assert_eq!(body_of(name), key, "{name} can be told from an unknown key");
    }
    let signature = body_of("an unknown key id");
    assert_eq!(signature.problem(), problem("invalid-signature", "the signature is not valid"));
    for name in [
        "the key id of a revoked key",
        "the key id of an expired key",
        "the key id of a key whose time has not come",
        "the key id of a key that does not sign",
        "signed with the secret of somebody else",
        "a message cannot choose another algorithm",
        "simple: an unknown key id",
        "simple: a signature of zeros",
    ] {
        assert_eq!(body_of(name), signature, "{name} can be told from an unknown key");
    }
    let token = body_of("a token of an unknown issuer");
    assert_eq!(token.problem(), problem("invalid-token", "the token is not valid"));
    for name in [
        "a token that has expired",
        "a token whose id was revoked",
        "a token by an unknown key",
        "a token by a key pair of the same kind",
        "a token that says it needs no signature",
    ] {
        assert_eq!(body_of(name), token, "{name} can be told from a token of an unknown issuer");
    }
}

#[test]
fn a_body_of_another_length_is_refused_before_its_end() {
    let mut library = Filters::default().under("default", Cut::At(200));
    let mut request = named("a PNG").request();
    request.body.push(0);
    let outcome = library.inspect(&request, "");
    assert_eq!(outcome.answer.problem()["code"], "length-differs");
    assert!(matches!(outcome.upstream, Upstream::Abort), "{outcome:?}");
    request.body.truncate(request.body.len() - 2);
    let outcome = library.inspect(&request, "");
    assert_eq!(outcome.answer.problem()["code"], "length-differs");
    assert!(matches!(outcome.upstream, Upstream::Abort), "{outcome:?}");
}

#[test]
fn what_the_client_module_signs_is_accepted() {
    for (key, scheme, policy) in [
        ("signer", Scheme::Rfc9421, "default"),
        ("simple", Scheme::Simple, "default"),
        ("kong", Scheme::KongHmac, "compat"),
        ("apisix", Scheme::ApisixHmac, "compat"),
        ("webhooks", Scheme::StandardWebhooks, "compat"),
        ("cloudflare", Scheme::CloudflareTimed, "compat"),
    ] {
        let mut request = named("a PNG").request();
        request.headers.retain(|(name, _)| name != "Authorization");
        let id = keys::id(key);
        let headers = request.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        let headers = Headers::new(headers);
        let head = RequestHead {
            method: &request.method,
            authority: HOST,
            target: &request.target,
            headers: &headers,
            peer: Peer::Unknown,
        };
        let statement = Statement {
            key_id: Some(id.as_str()),
            created: NOW,
            expires: None,
            nonce: "a-nonce-of-a-client",
            body: Some(&request.body),
        };
        let secret = keys::signing_secret(key, scheme);
        let signing = client::Signing { scheme, secret: &secret, statement };
        let signed = client::sign(&head, &signing).unwrap();
        request.target = signed.target;
        let fields = signed.fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        request.headers.extend(fields);
        request.headers.push(("X-API-Key".to_owned(), keys::text(key)));
        let outcome = Filters::default().under(policy, Cut::Nowhere).inspect(&request, "");
        assert_eq!(outcome.answer.status, 200, "{scheme:?}: {outcome:?}");
    }
}

/// What a gate's snapshot holds is worth nothing without the gate's own secret.
#[test]
fn key_records_are_useless_without_the_pepper() {
    let now = Moment(NOW);
    for (name, request) in [("good", "a PNG"), ("imported", "an imported key passes")] {
        let request = named(request).steps[0].compose(now, None).unwrap();
        let record = keys::record_of(name, NOW);
        let text = keys::text(name);
        let secret = text.get(text.len().saturating_sub(38)..text.len() - 6).unwrap_or(&text);
        for guess in [text.as_bytes(), secret.as_bytes()] {
            let hash: [u8; 32] = sha2::Sha256::digest(guess).into();
            assert_ne!(record.verifier, hash, "{name}: the plain hash is in the snapshot");
        }
        let mut identity = keys::identity(gate::NAME);
        identity.pepper = Pepper::new([0; 32]);
        let policy = Policy::parse(vectors::POLICY.as_bytes()).unwrap();
        let records = std::sync::Arc::new(keys_of_vectors());
        let mut other = Library::new(Filter::new(policy, identity, 1), records, Cut::Nowhere);
        assert_eq!(other.inspect(&request, "").answer.problem()["code"], "invalid-key", "{name}");
    }
}

/// The secret of a client, from the standard and not from our code: HKDF-Expand of the realm key.
#[test]
fn a_signing_secret_is_derived_by_hkdf_from_its_realm_alone() {
    let secret_of = |version: u32, realm: &[u8; 32], id: &str, number: u32, scheme: &str| {
        let number = number.to_be_bytes();
        let parts: [&[u8]; 4] =
            [b"lunette-sign-v1", id.as_bytes(), number.as_slice(), scheme.as_bytes()];
        let info: Vec<u8> = parts
            .iter()
            .flat_map(|part| [&(part.len() as u64).to_be_bytes(), *part].concat())
            .collect();
        let mut expected = [0; 32];
        hkdf::Hkdf::<sha2::Sha256>::from_prk(realm).unwrap().expand(&info, &mut expected).unwrap();
        let key = RealmKey::new(version, *realm);
        let id = KeyId::parse(id).unwrap();
        let scheme = Scheme::ALL.into_iter().find(|known| known.as_str() == scheme).unwrap();
        assert_eq!(*key.client_secret(&id, u32::from_be_bytes(number), scheme), expected);
        expected
    };
    let [(_, first), (_, second)] = keys::REALM_KEYS;
    let secrets = [
        secret_of(1, &first, "0000000001", 1, "rfc9421"),
        secret_of(1, &first, "0000000001", 2, "rfc9421"),
        secret_of(1, &first, "0000000002", 1, "rfc9421"),
        secret_of(1, &first, "0000000001", 1, "simple"),
        secret_of(2, &second, "0000000001", 1, "rfc9421"),
    ];
    let distinct: std::collections::BTreeSet<_> = secrets.into_iter().collect();
    assert_eq!(distinct.len(), secrets.len());
}
