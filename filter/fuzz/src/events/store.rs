//! A store on a memory that fails, and what it may grant.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use arbitrary::{Arbitrary, Result, Unstructured};
use filter::quota::{Charge, LIMIT_MAX, Quota, Subject, Unit, WINDOW_MAX};
use filter::store::{Answer, FirstUse, Lookup, PagedStore, Sizes, Store, first_use};
use filter::{Clock, UnixMillis};

use super::memory::Disturbed;
use crate::gate::GATE;
use crate::word;

const SKEW: u64 = 300;
const KEYS: [&str; 3] = ["one", "two", "three"];
/// Unit, limit and window.
const QUOTAS: [(Unit, u64, u64); 4] = [
    (Unit::Requests, 3, 10),
    (Unit::Pixels, 1_000, 60),
    (Unit::Requests, 0, 60),
    (Unit::Pixels, u64::MAX, u64::MAX),
];
/// Seconds by which a signature is dated back or ahead: as far as it verifies.
const OFFSETS: [i64; 7] = [0, 1, -1, 150, -150, 300, -300];
const AMOUNTS: [u64; 8] = [1, 0, 2, 3, 4, 999, 1_000, 1_001];

/// A question that needs no request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    key: usize,
    /// The nonce, and by how many seconds its signature is dated.
    nonce: Option<(u8, i64)>,
    /// Which quotas are charged, how much.
    charges: Vec<(usize, u64)>,
    /// Whether the pixels are given back at once.
    refund: bool,
}

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let bits = u8::arbitrary(input)?;
        let nonce = if bits & 1 == 0 { None } else { Some(bits >> 6) };
        let offset = word::choose(input, &OFFSETS)?;
        let mut charges = Vec::new();
        for _ in 0..bits >> 1 & 3 {
            let quota = usize::from(u8::arbitrary(input)?) % QUOTAS.len();
            charges.push((quota, word::choose(input, &AMOUNTS)?));
        }
        let key = usize::from(bits >> 3 & 3) % KEYS.len();
        let refund = bits & 32 != 0;
        Ok(Self { key, nonce: nonce.map(|nonce| (nonce, offset)), charges, refund })
    }
}

/// The host's store. It checks its own answers, and writes them down.
pub(super) struct Host {
    memory: Disturbed,
    store: PagedStore<Disturbed>,
    expected: RefCell<Expected>,
    log: RefCell<VecDeque<(Lookup, Answer)>>,
}

impl Host {
    pub(super) fn new(clock: Clock) -> Self {
        let memory = Disturbed::default();
        // One page of nonces, so that they all meet; quotas must not push each other out.
        let sizes = Sizes::holding(1, 1_000, 1_000).expect("small");
        let store = PagedStore::open(memory.clone(), GATE.store_tags(), sizes, clock);
        Self {
            memory,
            store: store.expect("an empty memory"),
            expected: RefCell::new(Expected::new(clock)),
            log: RefCell::default(),
        }
    }

    /// What was asked and answered since the last time.
    pub(super) fn take_log(&self) -> VecDeque<(Lookup, Answer)> {
        self.log.take()
    }

    pub(super) fn ask(&self, ask: &Ask, clock: Clock) {
        // The filter asks only about signatures that verify now, and those name whole seconds.
        let nonce = ask.nonce.map(|(nonce, offset)| {
            let created = (clock.unix.0 / 1000).saturating_add_signed(offset);
            first_use(KEYS[ask.key], &nonce.to_string(), UnixMillis(created * 1000), SKEW)
        });
        let charges: Vec<_> =
            ask.charges.iter().map(|&(quota, amount)| charge(ask.key, quota, amount)).collect();
        let lookup = Lookup::Admit { nonce, charges: charges.clone() };
        if matches!(self.resolve(&lookup, clock), Answer::Granted(_)) && ask.refund {
            self.refund(&charges, clock);
        }
    }

    /// The same signature again, if it still verifies.
    pub(super) fn replay(&self, which: u8, clock: Clock) {
        let signed = self.expected.borrow().signed(which);
        let Some((key, nonce, created)) = signed else { return };
        if created.abs_diff(clock.unix.0) <= SKEW * 1000 {
            let nonce = Some(first_use(&key, &nonce, UnixMillis(created), SKEW));
            self.resolve(&Lookup::Admit { nonce, charges: vec![] }, clock);
        }
    }

    pub(super) fn disturb(&self, faults: u16) {
        self.memory.disturb(faults);
    }

    /// The memory is gone. What was signed from this second on may be used again: only a store that
    /// lasts could know better.
    pub(super) fn restart(&mut self, clock: Clock) {
        let signed = self.expected.take().granted.into_iter();
        *self = Self::new(clock);
        let now = clock.unix.0 / 1000;
        self.expected.get_mut().granted =
            signed.filter(|(.., created)| created / 1000 < now).collect();
    }
}

impl Store for Host {
    fn resolve(&self, lookup: &Lookup, clock: Clock) -> Answer {
        let answer = self.store.resolve(lookup, clock);
        if let Answer::Granted(left) = &answer {
            let (nonce, charges) = match lookup {
                Lookup::Admit { nonce, charges } => (nonce.as_ref(), charges),
                Lookup::Take { charges } => (None, charges),
            };
            assert_eq!(left.len(), charges.len());
            self.expected.borrow_mut().grant(nonce, charges, clock);
        }
        self.log.borrow_mut().push_back((lookup.clone(), answer.clone()));
        answer
    }

    fn refund(&self, charges: &[Charge], clock: Clock) {
        self.store.refund(charges, clock);
        self.expected.borrow_mut().refund(charges);
    }
}

/// A key, its nonce, and when it signed.
type Signed = (String, String, u64);

/// What may be granted.
#[derive(Default)]
struct Expected {
    granted: BTreeSet<Signed>,
    sums: BTreeMap<(String, String), Sum>,
    began: u64,
}

/// What was granted of a quota, and given back.
#[derive(Default)]
struct Sum {
    granted: u128,
    refunded: u128,
}

impl Expected {
    fn new(clock: Clock) -> Self {
        Self { began: clock.steady, ..Self::default() }
    }

    fn signed(&self, which: u8) -> Option<Signed> {
        self.granted.iter().nth(usize::from(which) % self.granted.len().max(1)).cloned()
    }

    fn grant(&mut self, nonce: Option<&FirstUse>, charges: &[Charge], clock: Clock) {
        if let Some(FirstUse { key, nonce, created, .. }) = nonce {
            let is_new = self.granted.insert((key.clone(), nonce.clone(), created.0));
            assert!(is_new, "a signature was accepted twice");
        }
        let elapsed = u128::from(clock.steady - self.began);
        for charge in charges {
            let sum = self.sums.entry(name(charge)).or_default();
            sum.granted += u128::from(charge.amount);
            // The limit at once, what has come back since, and what was given back.
            let limit = u128::from(charge.quota.limit.min(LIMIT_MAX));
            let window = u128::from(charge.quota.window.clamp(1, WINDOW_MAX)) * 1000;
            let most = limit + limit * elapsed / window + sum.refunded;
            assert!(sum.granted <= most, "more than the quota was granted");
        }
    }

    fn refund(&mut self, charges: &[Charge]) {
        for charge in charges.iter().filter(|charge| charge.quota.unit == Unit::Pixels) {
            self.sums.entry(name(charge)).or_default().refunded += u128::from(charge.amount);
        }
    }
}

fn name(charge: &Charge) -> (String, String) {
    (format!("{:?}", charge.subject), charge.quota.name.clone())
}

fn charge(key: usize, quota: usize, amount: u64) -> Charge {
    let (unit, limit, window) = QUOTAS[quota];
    let quota = Quota { name: format!("fuzz-{quota}"), unit, limit, window };
    Charge { subject: Subject::Key(KEYS[key].to_owned()), quota, amount }
}
