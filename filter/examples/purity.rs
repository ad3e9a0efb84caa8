//! Drives one request, as a module whose imports show what the filter reaches for.
#![expect(unsafe_code, reason = "an export is what keeps the code in the module")]

use filter::{
    Environment, Filter, GateIdentity, Headers, Keys, Pepper, PermitKey, Policy, RequestHead,
};
use filter::{Step, UnixMillis};

/// Judges a request made of the arguments; the result depends on all of the filter's code.
#[unsafe(no_mangle)]
extern "C" fn inspect(now: u64, length: u64) -> usize {
    let Ok(policy) = Policy::parse(include_bytes!("../policy.json")) else { return 0 };
    let gate = GateIdentity {
        gate: "g".into(),
        audience: "a".into(),
        environment: Environment::Live,
        pepper: Pepper::new([1; 32]),
        permit_key: PermitKey::new("g", 1, [2; 32]),
    };
    let headers = Headers::new([
        ("content-length".to_owned(), length.to_string()),
        ("content-type".to_owned(), "image/png".to_owned()),
        ("x-api-key".to_owned(), format!("lun_live_{now:010}_{now:032}{length:06}")),
    ]);
    let head = RequestHead {
        method: "POST",
        target: "/v1/background-removal",
        headers: &headers,
        client: None,
    };
    let filter = Filter::new(policy, gate, 1);
    match filter.begin(UnixMillis(now), [3; 16]).head(&head, &Keys::default()) {
        Step::NeedsPrefix(prefix) => match prefix.chunk(&now.to_le_bytes()) {
            Step::Release(release) => {
                let claims = release.permit.claims().clone();
                filter.gate().permit_key.seal(claims).map_or(0, |permit| permit.len())
            }
            Step::NeedsPrefix(_) => 1,
            Step::Reject(rejection) => rejection.status().as_u16().into(),
        },
        Step::Release(_) => 2,
        Step::Reject(rejection) => rejection.reply(filter::PermitId([3; 16])).body.len(),
    }
}
