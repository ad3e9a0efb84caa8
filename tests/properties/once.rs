//! A signature is taken once for as long as it verifies, against a model of what must be known.

use std::collections::BTreeMap;

use conformance::library::{Cut, Filters};
use conformance::run::Host as _;
use conformance::vectors::Request;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

use crate::{code, made};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_signature_is_taken_once(operations in prop::collection::vec(operation(), 1..60)) {
        let mut library = Filters::default().under("default", Cut::Nowhere);
        let mut model = Model::default();
        let mut sent: Vec<(Message, Request)> = Vec::new();
        for operation in operations {
            let (message, request) = match operation {
                Operation::Pass { seconds, wall } => {
                    library.pass(seconds, wall);
                    model.pass(wall);
                    continue;
                }
                Operation::Restart => {
                    library.restart();
                    model.restart(library.now().0.0 / 1000);
                    continue;
                }
                Operation::Sign { key, nonce, offset } => {
                    let nonce = format!("a-nonce-of-the-model-{nonce}");
                    let now = library.now().0.0 / 1000;
                    let message = Message {
                        key, nonce: nonce.clone(), created: now.saturating_add_signed(offset),
                    };
                    let key = KEYS[key];
                    let sign = json!({ "sign": { "key": key, "nonce": nonce, "created": offset } });
                    sent.push((message, made(&library, &sign)));
                    sent.last().unwrap().clone()
                }
                Operation::Again(_) if sent.is_empty() => continue,
                Operation::Again(index) => index.get(&sent).clone(),
            };
            let code = code(&library.inspect(&request, ""));
            let now = library.now().0.0 / 1000;
            if let Err(why) = model.judge(&message, now, &code) {
                prop_assert!(false, "{}: {:?} at {}", why, message, now);
            }
        }
    }
}

const KEYS: [&str; 3] = ["replay-1", "replay-2", "ed25519"];

/// One signed request.
#[derive(Clone, Debug)]
struct Message {
    key: usize,
    nonce: String,
    created: u64,
}

#[derive(Clone, Debug)]
enum Operation {
    /// A new signature, made so many seconds from now.
    Sign {
        key: usize,
        nonce: u8,
        offset: i64,
    },
    /// One that was sent before.
    Again(Index),
    /// Time passes, and the wall clock is set.
    Pass {
        seconds: u64,
        wall: i64,
    },
    Restart,
}

fn operation() -> impl Strategy<Value = Operation> {
    let offset =
        prop_oneof![3 => Just(0), 1 => select(vec![-300, 300, -301, 301]), 2 => -310i64..310];
    let wall = prop_oneof![20 => Just(0), 1 => Just(3600), 1 => Just(-3600), 1 => -400i64..400];
    prop_oneof![
        6 => (0..KEYS.len(), 0u8..4, offset)
            .prop_map(|(key, nonce, offset)| Operation::Sign { key, nonce, offset }),
        6 => any::<Index>().prop_map(Operation::Again),
        3 => (0u64..200, wall).prop_map(|(seconds, wall)| Operation::Pass { seconds, wall }),
        1 => Just(Operation::Restart),
    ]
}

/// What must be known of the past.
#[derive(Default)]
struct Model {
    /// When the memory began, if it began while the model looked.
    began: u64,
    /// The signatures that were taken since, by key and nonce: when they were made.
    taken: BTreeMap<(usize, String), u64>,
    /// Whether the wall clock was ever set: then more may be refused than needs be.
    was_set: bool,
}

impl Model {
    const SKEW: u64 = 300;
    /// How much longer than its signature can verify a nonce is remembered.
    const GRACE: u64 = 60;

    fn pass(&mut self, wall: i64) {
        self.was_set |= wall != 0;
    }

    fn restart(&mut self, now: u64) {
        self.began = now;
        self.taken.clear();
    }

    /// Whether `code` is right for a message that is sent at the wall clock's `now`.
    fn judge(&mut self, message: &Message, now: u64, code: &str) -> Result<(), String> {
        let Message { key, nonce, created } = message.clone();
        let fresh = created.abs_diff(now) <= Self::SKEW;
        let before = self.taken.get(&(key, nonce.clone())).copied();
        match code {
            "signature-stale" if !fresh => Ok(()),
            "signature-before-start" if created < self.began || self.was_set => Ok(()),
            "signature-replayed" if before.is_some() => Ok(()),
            "accepted" if !fresh => Err("taken though it is not fresh".to_owned()),
            "accepted" if created < self.began => Err("taken from before the start".to_owned()),
            "accepted" => {
                // The same nonce may only come again in another signature, once the one that it was
                // used in verifies no more.
                if let Some(before) = before
                    && now < before + Self::SKEW + Self::GRACE
                    && !self.was_set
                {
                    return Err(format!("taken again: it was taken in one made at {before}"));
                }
                if before == Some(created) {
                    return Err("taken twice".to_owned());
                }
                self.taken.insert((key, nonce), created);
                Ok(())
            }
            code => Err(format!("{code}, where {before:?} was taken and fresh is {fresh}")),
        }
    }
}
