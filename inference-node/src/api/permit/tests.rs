use axum::http::Request;
use filter::checks::admission;
use filter::key::TokenId;
use filter::permit::Nonce;
use filter::{Format, KeyId, KeyRecord, Keys, PermitId};

use super::*;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn key_id() -> KeyId {
    KeyId::parse("0123456789").unwrap()
}

fn seal() -> PermitKey {
    PermitKey::new("edge-1", 1, [1; 32])
}

fn permits(accept_report: bool) -> Permits {
    Permits::new(PermitTerms {
        keys: vec![seal()],
        audience: "images".into(),
        environment: Environment::Test,
        issuers: vec!["corp".into()],
        accept_report,
        started: UnixMillis(NOW.0 - 1000),
        longest_wait: Duration::from_mins(1),
    })
}

fn claims() -> Claims {
    Claims {
        id: PermitId([9; 16]),
        gate: String::new(),
        gate_key: 0,
        audience: "images".into(),
        environment: Environment::Test,
        credential: Credential::Key(key_id()),
        principal: "acme".into(),
        scopes: vec![],
        tier: "free".into(),
        client: None,
        method: "POST".into(),
        target: "/v1/cut?x=1".into(),
        content_type: "image/png".into(),
        content_length: 100,
        content_digest: None,
        format: Some(Format::Png),
        width: 3,
        height: 4,
        frames: Some(1),
        cost_pixels: 12,
        nonce: None,
        weaker: vec![],
        mode: Mode::Enforce,
        reported: vec![],
        epoch: 7,
        issued_at: NOW.0,
    }
}

fn token(id: Option<TokenId>) -> Claims {
    let credential =
        Credential::Token(Token { issuer: "corp".into(), id, expires: NOW.0 + 60_000 });
    Claims { credential, principal: "corp:alice".into(), ..claims() }
}

/// The records of this node: one key, and one revoked token.
fn ring() -> Keys {
    let record = KeyRecord::new(key_id(), Environment::Test, [0; 32]);
    let record = KeyRecord { principal: "acme".into(), ..record };
    [record].into_iter().collect::<Keys>().with_revoked(TokenId::of("corp", "stolen"))
}

fn open(permits: &Permits, claims: Claims) -> Result<Claims, PermitError> {
    open_at(permits, claims, NOW)
}

fn open_at(permits: &Permits, claims: Claims, now: UnixMillis) -> Result<Claims, PermitError> {
    let head = Request::post("/v1/cut?x=1")
        .header("content-type", "image/png")
        .header("content-length", "100")
        .header(permit::HEADER, seal().seal(claims).unwrap())
        .body(())
        .unwrap();
    permits.open(&head.into_parts().0, &ring(), now)
}

/// Why a gate that knew the same would have refused.
fn reason(opened: Result<Claims, PermitError>) -> &'static str {
    match opened {
        Err(PermitError::AtTheGate(rejection)) => rejection.reason(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_must_be_valid_here_and_now() {
    assert!(open(&permits(false), claims()).is_ok());
    let unknown = Credential::Key(KeyId::parse("0000000000").unwrap());
    let other = Claims { credential: unknown, ..claims() };
    assert_eq!(reason(open(&permits(false), other)), "key-revoked");
    let other = Claims { principal: "other".into(), ..claims() };
    assert_eq!(reason(open(&permits(false), other)), "key-revoked");
}

#[test]
fn a_token_must_be_neither_expired_nor_revoked_here() {
    let permits = permits(false);
    for id in [None, Some(TokenId::of("corp", "good"))] {
        assert!(open(&permits, token(id)).is_ok(), "{id:?}");
    }
    let stolen = token(Some(TokenId::of("corp", "stolen")));
    assert_eq!(reason(open(&permits, stolen)), "token-revoked");
    let Credential::Token(corp) = token(None).credential else { panic!("a token") };
    let expired = Token { expires: NOW.0 - CLOCK_TOLERANCE - 1, ..corp.clone() };
    let expired = Claims { credential: Credential::Token(expired), ..token(None) };
    assert_eq!(reason(open(&permits, expired)), "token-expired");
    let foreign = Token { issuer: "other".into(), ..corp };
    let foreign = Claims { credential: Credential::Token(foreign), ..token(None) };
    assert_eq!(reason(open(&permits, foreign)), "token-unknown-issuer");
}

#[test]
fn what_was_only_reported_passes_only_where_that_is_accepted() {
    let report = Claims { mode: Mode::Report, reported: vec!["scope-missing".into()], ..claims() };
    let unverified = Claims {
        credential: Credential::Unverified,
        principal: "unverified".into(),
        ..report.clone()
    };
    for claims in [report, unverified] {
        assert_eq!(open(&permits(false), claims.clone()), Err(PermitError::OnlyReported));
        assert!(open(&permits(true), claims).is_ok());
    }
}

#[test]
fn an_enforced_permit_for_something_that_failed_is_no_permit() {
    let malformed = Err(PermitError::Invalid(Invalid::Malformed));
    for accept_report in [false, true] {
        let unverified = Claims { credential: Credential::Unverified, ..claims() };
        assert_eq!(open(&permits(accept_report), unverified), malformed);
        let reported = Claims { reported: vec!["scope-missing".into()], ..claims() };
        assert_eq!(open(&permits(accept_report), reported), malformed);
    }
}

/// A permit of its own for a signature with this nonce.
fn signed(id: u8, nonce: &str) -> Claims {
    let sha256 = filter::hex::encode(&filter::key::hash_at_rest(nonce.as_bytes()));
    let nonce = Some(Nonce { sha256, until: NOW.0 + 660_000 });
    Claims { id: PermitId([id; 16]), nonce, ..claims() }
}

#[tokio::test]
async fn a_permit_is_used_once_and_so_is_the_nonce_behind_it() {
    let permits = permits(false);
    assert_eq!(permits.use_once(&signed(1, "a"), NOW).await, Ok(()));
    assert_eq!(permits.use_once(&signed(1, "a"), NOW).await, Err(PermitError::Used));
    assert_eq!(
        permits.use_once(&signed(2, "a"), NOW).await,
        Err(PermitError::at_the_gate(admission::Error::Replayed))
    );
    assert_eq!(permits.use_once(&signed(3, "b"), NOW).await, Ok(()));
    let other_key = Credential::Key(KeyId::parse("9876543210").unwrap());
    let other = Claims { credential: other_key, ..signed(4, "a") };
    assert_eq!(permits.use_once(&other, NOW).await, Ok(()));
}

#[tokio::test]
async fn a_refused_permit_uses_up_nothing() {
    let permits = permits(false);
    permits.use_once(&signed(1, "a"), NOW).await.unwrap();
    assert_eq!(permits.use_once(&signed(1, "b"), NOW).await, Err(PermitError::Used));
    assert_eq!(permits.use_once(&signed(2, "b"), NOW).await, Ok(()));
    assert_eq!(
        permits.use_once(&signed(3, "b"), NOW).await,
        Err(PermitError::at_the_gate(admission::Error::Replayed))
    );
    assert_eq!(permits.use_once(&signed(3, "c"), NOW).await, Ok(()));
}
