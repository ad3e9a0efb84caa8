//! A store on shared memory: fixed tables of pages, and compare-and-set loops that end.
//!
//! | page | what it holds |
//! |---|---|
//! | `lunette.store.start` | when the store began, how large its tables are |
//! | `lunette.store.nonces.<n>` | nonces |
//! | `lunette.store.everyone` | quotas of all requests together |
//! | `lunette.store.keys.<n>` | quotas of keys and principals: only who has authenticated writes here |
//! | `lunette.store.networks.<n>` | quotas of networks: strangers write here |
//!
//! A page that cannot be read, or that others keep changing, makes the store unavailable.

use super::counters::Counters;
use super::memory::{SharedMemory, Written};
use super::nonces::{Entry, Nonces};
use super::start::{Sizes, Start};
use super::tags::TagKey;
use super::{Answer, FirstUse, Lookup, Refusal, Store};
use crate::quota::{Charge, Remaining, Subject, Unit};
use crate::{Clock, Unavailable};

const START: &str = "lunette.store.start";
/// How often a page is tried. Each loss is somebody else's success, and takes a microsecond.
const TRIES: usize = 64;

/// Remembers nonces and quotas in shared memory.
pub struct PagedStore<M> {
    memory: M,
    tags: TagKey,
    start: Start,
}

/// What one page holds, as bytes that begin with a version.
pub(super) trait Page: Default {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A page as it was read.
type Read = Option<(Vec<u8>, u32)>;

/// Why a lookup is not granted.
enum Stop {
    Refused(Refusal),
    Unavailable,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unavailable> for Stop {
    fn from(Unavailable: Unavailable) -> Self {
        Self::Unavailable
    }
}

impl<M: SharedMemory> PagedStore<M> {
    /// Joins the store in `memory`, or begins it with tables of these `sizes` if it is empty.
    ///
    /// A store that exists keeps its own sizes until the memory is gone, since a nonce would
    /// otherwise be looked for where it was not recorded.
    pub fn open(memory: M, tags: TagKey, sizes: Sizes, clock: Clock) -> Result<Self, Unavailable> {
        let new = Start::new(sizes, clock);
        for _ in 0..TRIES {
            if let Some((bytes, _)) = memory.read(START)? {
                let start = Start::decode(&bytes, &tags).ok_or(Unavailable)?;
                return Ok(Self { memory, tags, start });
            }
            if memory.create(START, &new.encode(&tags))? == Written::Done {
                return Ok(Self { memory, tags, start: new });
            }
        }
        Err(Unavailable)
    }

    /// How large the tables are.
    pub fn sizes(&self) -> Sizes {
        self.start.sizes
    }

    fn admit(
        &self,
        nonce: Option<&FirstUse>,
        charges: &[Charge],
        clock: Clock,
    ) -> Result<Vec<Remaining>, Stop> {
        let counters = self.peek(charges, clock)?;
        if let Some(nonce) = nonce {
            self.record(nonce, clock)?;
        }
        let taken = self.take(counters, clock);
        // Others took the rest in between, and the request is not served: its nonce is unused.
        if let (Err(_), Some(nonce)) = (&taken, nonce) {
            self.take_back(nonce);
        }
        taken
    }

    /// Reads the quotas, and refuses if one does not suffice.
    fn peek<'a>(&self, charges: &'a [Charge], clock: Clock) -> Result<Vec<Counter<'a>>, Stop> {
        let mut counters = Vec::with_capacity(charges.len());
        let mut longest: Option<Refusal> = None;
        for charge in charges {
            let counter = self.counter(charge);
            let read = self.memory.read(&counter.page)?;
            let mut page: Counters = decode(&read)?;
            if let Err(refusal) = page.take(counter.tag, charge, clock.steady) {
                longest = Some(longer(longest, refusal));
            }
            counters.push(Counter { read: Some(read), ..counter });
        }
        longest.map_or(Ok(counters), |refusal| Err(refusal.into()))
    }

    /// Takes the charges, all or none.
    fn take(&self, counters: Vec<Counter<'_>>, clock: Clock) -> Result<Vec<Remaining>, Stop> {
        let mut left = Vec::with_capacity(counters.len());
        let mut taken = Vec::with_capacity(counters.len());
        for Counter { charge, page, tag, read } in counters {
            let update = |counters: &mut Counters| Ok(counters.take(tag, charge, clock.steady)?);
            match self.update(&page, read, update) {
                Ok(remaining) => left.push(remaining),
                Err(stop) => {
                    for charge in taken {
                        self.give_back(charge, clock);
                    }
                    return Err(stop);
                }
            }
            taken.push(charge);
        }
        Ok(left)
    }

    /// Gives a charge back; if the memory fails, the quota refills by itself.
    fn give_back(&self, charge: &Charge, clock: Clock) {
        let Counter { page, tag, .. } = self.counter(charge);
        let _ = self.update(&page, None, |counters: &mut Counters| {
            counters.give_back(tag, charge, clock.steady);
            Ok(())
        });
    }

    fn record(&self, first: &FirstUse, clock: Clock) -> Result<(), Stop> {
        if self.start.is_before(first.created, clock) {
            return Err(Refusal::BeforeStart.into());
        }
        let (page, tag) = self.nonce(first);
        let entry = Entry::new(tag, self.tags.owner(first), first, clock);
        self.update(&page, None, |nonces: &mut Nonces| Ok(nonces.record(entry, clock)?))
    }

    /// Takes a nonce back; if the memory fails, the request needs a new one.
    fn take_back(&self, first: &FirstUse) {
        let (page, tag) = self.nonce(first);
        let _ = self.update(&page, None, |nonces: &mut Nonces| {
            nonces.take_back(tag);
            Ok(())
        });
    }

    fn nonce(&self, first: &FirstUse) -> (String, u64) {
        let tag = self.tags.nonce(first);
        let page = format!("lunette.store.nonces.{}", tag.page(self.start.sizes.nonces));
        (page, tag.value)
    }

    fn counter<'a>(&self, charge: &'a Charge) -> Counter<'a> {
        let tag = self.tags.counter(charge);
        let Sizes { keys, networks, .. } = self.start.sizes;
        let page = match charge.subject {
            Subject::Everyone => "lunette.store.everyone".to_owned(),
            Subject::Key(_) | Subject::Principal(_) => {
                format!("lunette.store.keys.{}", tag.page(keys))
            }
            Subject::Network(_) | Subject::Failures(_) | Subject::Ration(_) => {
                format!("lunette.store.networks.{}", tag.page(networks))
            }
        };
        Counter { charge, page, tag: tag.value, read: None }
    }

    /// Changes a page, again and again if others are faster. `first` is what it held lately, where
    /// that is known.
    fn update<P: Page, T>(
        &self,
        name: &str,
        first: Option<Read>,
        mut change: impl FnMut(&mut P) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let mut read = match first {
            Some(read) => read,
            None => self.memory.read(name)?,
        };
        for _ in 0..TRIES {
            let mut page: P = decode(&read)?;
            let done = change(&mut page)?;
            let bytes = page.encode();
            let written = match read {
                None if bytes == P::default().encode() => Written::Done,
                None => self.memory.create(name, &bytes)?,
                Some((before, _)) if bytes == before => Written::Done,
                Some((_, version)) => self.memory.replace(name, &bytes, version)?,
            };
            match written {
                Written::Done => return Ok(done),
                Written::Raced => read = self.memory.read(name)?,
            }
        }
        Err(Stop::Unavailable)
    }
}

/// Where a charge is counted, and what that page held when it was looked at.
struct Counter<'a> {
    charge: &'a Charge,
    page: String,
    tag: u64,
    read: Option<Read>,
}

/// A page that nobody has created is an empty one.
fn decode<P: Page>(read: &Read) -> Result<P, Unavailable> {
    match read {
        None => Ok(P::default()),
        Some((bytes, _)) => P::decode(bytes).ok_or(Unavailable),
    }
}

/// The refusal that takes longer to pass, so that waiting for it is waiting for both.
fn longer(one: Option<Refusal>, other: Refusal) -> Refusal {
    let wait = |refusal: &Refusal| match refusal {
        Refusal::Exceeded { retry_after, .. } => retry_after.unwrap_or(u64::MAX),
        _ => u64::MAX,
    };
    match one {
        Some(one) if wait(&one) >= wait(&other) => one,
        _ => other,
    }
}

impl<M: SharedMemory> Store for PagedStore<M> {
    fn resolve(&self, lookup: &Lookup, clock: Clock) -> Answer {
        let granted = match lookup {
            Lookup::Admit { nonce, charges } => self.admit(nonce.as_ref(), charges, clock),
            Lookup::Take { charges } => self.admit(None, charges, clock),
        };
        match granted {
            Ok(left) => Answer::Granted(left),
            Err(Stop::Refused(refusal)) => Answer::Refused(refusal),
            Err(Stop::Unavailable) => Answer::Unavailable,
        }
    }

    fn refund(&self, charges: &[Charge], clock: Clock) {
        for charge in charges.iter().filter(|charge| charge.quota.unit == Unit::Pixels) {
            self.give_back(charge, clock);
        }
    }
}
