//! Any head: refused, or asked for its body whatever the store says; never released, and asked for a
//! body only where one known route, one length and something that can be good are there.
#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use filter::quota::Remaining;
use filter::store::{Answer, Lookup, Refusal, Store};
use filter::{Clock, Filter, Keys, RejectionCache, Step, drive};
use filter_fuzz::gate::{self, GATE, POLICY, RECORDS, SECRET, START};
use filter_fuzz::{AnyHead, Draft, Proof};
use libfuzzer_sys::fuzz_target;

static FILTER: LazyLock<Filter> = LazyLock::new(|| Filter::new(POLICY.clone(), GATE.clone(), 1));
static KEYS: LazyLock<Keys> = LazyLock::new(|| RECORDS.iter().cloned().collect());

#[derive(Debug)]
struct Input<'a> {
    answers: [u8; 4],
    head: Draft<'a>,
}

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self { answers: input.arbitrary()?, head: input.arbitrary()? })
    }
}

fuzz_target!(|input: Input<'_>| {
    let clock = Clock { unix: START, steady: 1_000 };
    let head = input.head.send(b"", START);
    let mut cache = RejectionCache::with_slots([0; 16], 8);
    let step = FILTER.begin(clock, [7; 16]).head(&head.as_head(), &*KEYS, &mut cache);
    let store = Whatever(RefCell::new(input.answers.to_vec()));
    match drive(step, &store, clock) {
        Step::Release(_) => panic!("released without a body"),
        Step::NeedsAnswer(_) => unreachable!("the store answers everything"),
        Step::NeedsPrefix(_) => assert_acceptable(&head),
        Step::Reject(refused) => {
            let reply = refused.reply();
            assert!(reply.status.is_client_error() || reply.status.as_u16() == 503);
            let event = serde_json::to_vec(&refused.event()).expect("an event is JSON");
            assert!(event.len() <= filter::event::BYTES_MAX, "{} bytes", event.len());
            // Whoever writes a key into the path has told it already.
            let told =
                [head.method, &head.target].iter().any(|text| contains(text.as_bytes(), SECRET));
            for text in [&reply.body, &event] {
                assert!(told || !contains(text, SECRET), "a secret is told");
            }
        }
    }
});

/// A store that says anything.
struct Whatever(RefCell<Vec<u8>>);

impl Store for Whatever {
    fn resolve(&self, lookup: &Lookup, _: Clock) -> Answer {
        let (Lookup::Admit { charges, .. } | Lookup::Take { charges }) = lookup;
        let left = |remaining| {
            move |charge: &filter::quota::Charge| Remaining {
                name: charge.quota.name.clone(),
                unit: charge.quota.unit,
                limit: charge.quota.limit,
                window: charge.quota.window,
                remaining,
                reset: 1,
            }
        };
        match self.0.borrow_mut().pop().unwrap_or_default() % 8 {
            0 | 1 => Answer::Granted(charges.iter().map(left(1)).collect()),
            2 => Answer::Granted(charges.iter().map(left(0)).collect()),
            3 => Answer::Unavailable,
            4 => Answer::Refused(Refusal::Replayed),
            5 => Answer::Refused(Refusal::BeforeStart),
            6 => Answer::Refused(Refusal::Full),
            _ => match charges.first().map(left(0)) {
                None => Answer::Unavailable,
                Some(quota) => Answer::Refused(Refusal::Exceeded { quota, retry_after: Some(1) }),
            },
        }
    }

    fn refund(&self, _: &[filter::quota::Charge], _: Clock) {}
}

/// What must hold of a head that passed, told without the filter's own parsers.
fn assert_acceptable(head: &AnyHead<'_>) {
    let values = |name: &str| -> Vec<&[u8]> {
        head.headers.iter().filter(|(n, _)| *n == name).map(|(_, value)| value).collect()
    };
    assert_eq!(head.method, "POST");
    let path = head.target.split('?').next().unwrap();
    let watched = path == "/v1/watched";
    assert!(["/v1/cut-out", "/v1/animate", "/v1/held", "/v1/both"].contains(&path) || watched);

    let [length] = values("content-length")[..] else { panic!("not one length") };
    let length: u64 = std::str::from_utf8(length).unwrap().parse().unwrap();
    assert!((1..=1024 * 1024).contains(&length));
    assert!(values("transfer-encoding").is_empty());
    assert_eq!(values("content-type").len(), 1);

    let credentials = [values("x-api-key"), values("authorization")].concat();
    let good_key = gate::key(gate::PLAIN, SECRET);
    let has_key = credentials.iter().any(|value| contains(value, good_key.as_bytes()));
    assert!(watched || has_key || head.proof.may_be_good(), "let through without a credential");
    let signed = matches!(head.proof, Proof::Signature { .. });
    match path {
        "/v1/held" => assert!(signed, "let through without a signature"),
        "/v1/both" => assert!(signed && !values("x-api-key").is_empty(), "one of two is missing"),
        _ => {}
    }
    // Two schemes put their signature into Authorization, beside the API key.
    assert!(watched || signed || credentials.len() == 1, "two credentials");
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
