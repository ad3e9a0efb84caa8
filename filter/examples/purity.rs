//! Drives one request, as a module whose imports show what the filter reaches for.
#![expect(unsafe_code, reason = "an export is what keeps the code in the module")]

use filter::store::{LocalMemory, PagedStore};
use filter::{
    Clock, Environment, Filter, GateIdentity, Headers, Keys, Peer, Pepper, PermitKey, Policy,
    RealmKey, RejectionCache, RequestHead, Step, drive,
};

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
        realm_keys: vec![RealmKey::new(1, [3; 32])],
        token_secrets: filter::TokenSecrets::default(),
    };
    let headers = Headers::new([
        ("content-length".to_owned(), length.to_string()),
        ("content-type".to_owned(), "image/png".to_owned()),
        // A key, a token or a signature, as the arguments will have it.
        ("x-api-key".to_owned(), format!("lun_live_{now:010}_{now:032}{length:06}")),
        ("authorization".to_owned(), format!("Bearer {now}.{length}.{now}")),
        ("signature-input".to_owned(), format!("a=();created={now};keyid=\"{length:010}\"")),
        ("signature".to_owned(), format!("a=:{now:043}=:")),
    ]);
    let head = RequestHead {
        method: "POST",
        authority: "localhost",
        target: "/v1/background-removal",
        headers: &headers,
        peer: Peer::Unknown,
    };
    let clock = Clock::both(now);
    let (tags, sizes) = (gate.store_tags(), policy.store_sizes());
    let Ok(store) = PagedStore::open(LocalMemory::new(), tags, sizes, clock) else { return 0 };
    let mut cache = RejectionCache::new(gate.cache_key());
    let filter = Filter::new(policy, gate, 1);
    let step = filter.begin(clock, [3; 16]).head(&head, &Keys::default(), &mut cache);
    let step = match drive(step, &store, clock) {
        Step::NeedsPrefix(prefix) => drive(prefix.chunk(&now.to_le_bytes()), &store, clock),
        step => step,
    };
    match step {
        Step::Release(mut release) => {
            let judged = release.tail.chunk(&length.to_le_bytes()).is_ok();
            release.tail.settle("refund", &store, &mut cache, clock);
            let claims = release.permit.claims().clone();
            let sealed = filter.gate().permit_key.seal(claims);
            sealed.map_or(0, |permit| permit.len() + usize::from(judged))
        }
        Step::Reject(refused) => refused.reply().body.len() + refused.event().to_json().len(),
        Step::NeedsPrefix(_) | Step::NeedsAnswer(_) => 1,
    }
}
