//! The published schemas are those of the types, and what we ship fits them.

mod fits;

use std::fs;
use std::path::Path;

use filter::event::{Credential, Event, Facts, Identity, Image, Outcome};
use filter::permit::PermitId;
use filter::policy::{Mode, Policy};
use filter::quota::{Remaining, Unit};
use filter::signature::{Scheme, Weaker};
use filter::{Environment, Format, UnixMillis};
use fits::fits;
use serde_json::{Value, json};

const SHIPPED: &str = include_str!("../../policy.json");

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, published, generated) in [
        ("policy", include_str!("../../policy.schema.json"), filter::policy::schema()),
        ("event", include_str!("../../event.schema.json"), filter::event::schema()),
    ] {
        assert_eq!(
            read(published),
            generated,
            "write it again: cargo run -p filter --features schema --example schemas {name} \
             > filter/{name}.schema.json"
        );
    }
}

#[test]
fn every_policy_in_the_repository_fits_the_schema() {
    let schema = filter::policy::schema();
    fits(&read(SHIPPED), &schema).unwrap();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/policies");
    let mut seen = 0;
    for entry in fs::read_dir(vectors).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        fits(&read(&text), &schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        Policy::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        seen += 1;
    }
    assert!(seen > 3, "only {seen} policies were found");
}

#[test]
fn a_policy_with_every_field_fits_the_schema() {
    let mut policy = read(SHIPPED);
    for (field, value) in [
        ("trusted_proxies", json!(["10.0.0.0/8"])),
        ("origins", json!(["https://app.example"])),
        ("skew", json!("60s")),
        ("schemes", json!(["simple", "cloudflare-timed"])),
        ("replay", json!({ "nonces": 131_072 })),
        ("on_store_failure", json!("allow")),
        ("failures", json!({ "limit": 60, "window": "60s", "verifications": 20 })),
        ("report", json!({ "until": "2026-12-24T00:00:00Z", "requests": 1, "window": "1m" })),
        (
            "issuers",
            json!([{
                "name": "corp", "issuer": "https://id.example", "audiences": ["lunette"],
                "algorithms": ["HS256"], "hmac_secret": "corp", "types": ["JWT"],
                "max_lifetime": "1h", "scope_claim": "scope", "tier": "free", "require_jti": true,
            }]),
        ),
    ] {
        policy[field] = value;
    }
    for (field, value) in [
        ("signature", json!("with-key")),
        ("body", json!("hold")),
        ("max_bytes", json!(1024)),
        ("weight", json!(2)),
        ("max_scans", json!(100)),
        ("form", form()),
        ("query", form()["fields"].clone()),
        ("dialect", json!("remove-bg")),
        ("clients", json!({ "allow": ["192.0.2.0/24"], "deny": [] })),
        ("mode", json!("report")),
    ] {
        policy["routes"][0][field] = value;
    }
    policy["pages"][0] = json!({
        "name": "page", "path": "/page", "scopes": [], "anonymous": true, "dialect": "lunette",
        "clients": { "allow": ["192.0.2.0/24"] },
    });
    for (field, value) in [("concurrent", json!(4)), ("priority", json!("high"))] {
        policy["tiers"]["free"][field] = value;
    }
    let schema = filter::policy::schema();
    for field in schema["properties"].as_object().unwrap().keys() {
        assert!(policy.get(field).is_some(), "{field} is not tried");
    }
    for (definition, pointer) in [
        ("Form", "/routes/0/form"),
        ("Field", "/routes/0/form/fields/0"),
        ("Page", "/pages/0"),
        ("Tier", "/tiers/free"),
    ] {
        for field in schema["$defs"][definition]["properties"].as_object().unwrap().keys() {
            let tried = policy.pointer(pointer).unwrap().get(field);
            assert!(tried.is_some(), "{pointer}/{field} is not tried");
        }
    }
    for field in schema["$defs"]["Route"]["properties"].as_object().unwrap().keys() {
        assert!(policy["routes"][0].get(field).is_some(), "routes[0].{field} is not tried");
    }
    fits(&policy, &schema).unwrap();
    Policy::parse(policy.to_string().as_bytes()).unwrap();
}

fn form() -> Value {
    json!({
        "multipart": "file", "multipart_base64": "file_b64", "json": "image",
        "urlencoded": "image",
        "fields": [{
            "name": "output", "max_bytes": 16, "text": "token", "values": ["cutout", "mask"],
            "required": false,
        }],
    })
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = filter::policy::schema();
    for (pointer, value) in [
        ("/version", json!(2)),
        ("/colour", json!("red")),
        ("/tiers", json!({})),
        ("/tiers/free", json!({})),
        ("/schemes", json!(["md5"])),
        ("/schemes", json!(["simple", "simple"])),
        ("/quotas/0/megapixels", json!(1)),
        ("/quotas/0/subject", json!("key")),
        ("/quotas/0/requests", json!(0)),
        ("/replay", json!({ "nonces": 1 })),
        ("/failures", json!({ "limit": 1 })),
        ("/routes", json!([])),
        ("/routes/0/max_frames", json!(0)),
        ("/routes/0/weight", json!(1001)),
        ("/routes/0/mode", json!("off")),
        ("/routes/0/max_scans", json!(1001)),
        ("/routes/0/form", json!({ "fields": [] })),
        ("/routes/0/form", json!({ "json": "" })),
        ("/routes/0/form", json!({ "json": "a", "fields": [{ "name": "b" }] })),
        ("/routes/0/form", json!({ "json": "a", "fields": [{ "name": "b", "text": "html" }] })),
        ("/routes/0/clients", json!({ "permit": [] })),
        ("/routes/0/query", json!([{ "name": "b" }])),
        ("/routes/0/dialect", json!("imgix")),
        ("/routes/0/body", json!("none")),
        ("/pages", json!([{ "name": "page" }])),
        ("/pages", json!([{ "name": "page", "path": "/page", "max_bytes": 1 }])),
        ("/routes/0/max_bytes", Value::Null),
    ] {
        let mut policy = read(SHIPPED);
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[field] = value.clone();
        assert!(fits(&policy, &schema).is_err(), "the schema takes {pointer}: {value}");
        let read = Policy::parse(policy.to_string().as_bytes());
        assert!(read.is_err(), "the reader takes {pointer}: {value}");
    }
}

fn event(outcome: Outcome<'_>) -> Value {
    let quota = Remaining {
        name: "requests".into(),
        unit: Unit::Requests,
        limit: 60,
        window: 60,
        remaining: 59,
        reset: 1,
    };
    let event = Event::new(&Facts {
        request_id: PermitId([0xab; 16]),
        time: UnixMillis(1_700_000_000_000),
        gate: "edge-1",
        environment: Environment::Test,
        epoch: 7,
        route: Some("cut"),
        method: "POST",
        target: "/v1/cut",
        client: Some([203, 0, 113, 77].into()),
        credential: Credential::Signature(Scheme::Simple),
        claimed: Some("0123456789"),
        verified: Some(Identity { key: None, jti: Some("1"), principal: "acme", tier: "free" }),
        mode: Mode::Enforce,
        outcome,
        failed: &["signature-missing"],
        weaker: Weaker::default(),
        image: Some(Image {
            format: Format::Webp,
            width: 3,
            height: 4,
            frames: None,
            cost_pixels: 12,
        }),
        content_length: Some(100),
        quotas: &[quota],
        nonce: Some([0xcd; 32]),
        cached: true,
    });
    read(&event.to_json())
}

#[test]
fn events_fit_their_schema() {
    let schema = filter::event::schema();
    let rejected = Outcome::Rejected { code: "invalid-key", reason: "key-unknown", status: 401 };
    for outcome in [Outcome::Released, Outcome::Reported, rejected] {
        fits(&event(outcome), &schema).unwrap();
    }
}

#[test]
fn an_event_has_exactly_the_published_fields() {
    let schema = filter::event::schema();
    let whole = event(Outcome::Released);
    for field in whole.as_object().unwrap().keys() {
        let mut event = whole.clone();
        event.as_object_mut().unwrap().remove(field);
        assert!(fits(&event, &schema).is_err(), "{field} can be left out");
    }
    for (field, value) in
        [("secret", json!("x")), ("gate", json!("x".repeat(65))), ("version", json!(2))]
    {
        let mut event = whole.clone();
        event[field] = value;
        assert!(fits(&event, &schema).is_err(), "{field}");
    }
}
