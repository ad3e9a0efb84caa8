//! The policy and the keys a gate judges by: fixed at start, or shared and followed live.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use filter::snapshot::{self, Bucket, Content, Statement, Term};
use filter::{
    Clock, Filter, GateIdentity, KeyId, KeyRecord, KeyRing, Keys, Policy, TokenId, Unavailable,
    UnixMillis,
};

use crate::host;

/// Where a gate's policy and keys come from.
pub(crate) struct Policies {
    gate: Arc<GateIdentity>,
    source: Source,
}

enum Source {
    /// Given with the plugin configuration.
    Fixed { filter: Filter, keys: Keys, expires_at: UnixMillis },
    /// The host's shared data; what was parsed is kept for as long as its epoch lasts.
    Shared { parsed: RefCell<Option<Parsed>>, filled_by: FilledBy },
}

/// Who fills the host's shared data.
#[derive(Clone, Copy, Eq, PartialEq)]
enum FilledBy {
    /// The host itself, which is the node: what is there is true now.
    Host,
    /// Whichever VM has just asked the node: what is there holds until it expires.
    Vms,
}

/// Why no request can be judged now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoPolicy {
    /// There is none, or it cannot be read.
    Missing,
    /// There was one, and it has expired.
    Stale,
}

/// What was read of one epoch.
struct Parsed {
    term: Term,
    /// When the host was asked for the term, on the steady clock.
    asked: u64,
    filter: Filter,
    /// Records that requests were found to name, [`RECORDS_MAX`] at most.
    records: BTreeMap<KeyId, KeyRecord>,
}

/// How long a VM that is told by others goes on without asking the host for the term, in milliseconds: a
/// call of the host costs as much as a check, and what it would say is a second old already.
const TERM_MAX_AGE: u64 = 50;
/// The most records a VM keeps parsed.
const RECORDS_MAX: usize = 1024;

impl Policies {
    /// Follows what the host keeps in its shared data.
    pub(crate) fn shared(gate: GateIdentity) -> Self {
        Self::filled_by(FilledBy::Host, gate)
    }

    /// Follows what [`Pull`](crate::pull::Pull) keeps in the host's shared data.
    pub(crate) fn pulled(gate: GateIdentity) -> Self {
        Self::filled_by(FilledBy::Vms, gate)
    }

    fn filled_by(filled_by: FilledBy, gate: GateIdentity) -> Self {
        let source = Source::Shared { parsed: RefCell::new(None), filled_by };
        Self { gate: Arc::new(gate), source }
    }

    /// Judges by one snapshot until the next configuration, or until it expires.
    pub(crate) fn fixed(gate: GateIdentity, statement: &Statement, content: Content) -> Self {
        let gate = Arc::new(gate);
        let policy = Policy::clone(&content.policy);
        let filter = Filter::new(policy, Arc::clone(&gate), statement.epoch);
        let (keys, expires_at) = (content.into_keys(), statement.expires_at);
        Self { gate, source: Source::Fixed { filter, keys, expires_at } }
    }

    /// The gate that judges.
    pub(crate) fn gate(&self) -> &GateIdentity {
        &self.gate
    }

    /// The filter to judge a request of `now` by; nothing without a policy that holds.
    pub(crate) fn filter(&self, clock: Clock) -> Result<Filter, NoPolicy> {
        let now = clock.unix;
        match &self.source {
            Source::Fixed { expires_at, .. } if now >= *expires_at => Err(NoPolicy::Stale),
            Source::Fixed { filter, .. } => Ok(filter.clone()),
            Source::Shared { parsed, filled_by } => {
                let mut parsed = parsed.try_borrow_mut().map_err(|_| NoPolicy::Missing)?;
                let (term, asked) = match &*parsed {
                    Some(known) if filled_by.is_current(known, clock) => (known.term, known.asked),
                    _ => (asked_term()?, clock.steady),
                };
                match term.expires_at {
                    Some(at) if now >= at => return Err(NoPolicy::Stale),
                    None if *filled_by == FilledBy::Vms => return Err(NoPolicy::Missing),
                    _ => {}
                }
                if let Some(known) = &mut *parsed
                    && known.term.epoch == term.epoch
                {
                    (known.term, known.asked) = (term, asked);
                    return Ok(known.filter.clone());
                }
                let filter = parse(&self.gate, term.epoch)?;
                let records = BTreeMap::new();
                *parsed = Some(Parsed { term, asked, filter: filter.clone(), records });
                Ok(filter)
            }
        }
    }
}

impl FilledBy {
    /// Whether the term that was read is new enough to go by. The host's own word always counts at once.
    fn is_current(self, known: &Parsed, clock: Clock) -> bool {
        let age = clock.steady.saturating_sub(known.asked);
        self == Self::Vms && age < TERM_MAX_AGE
    }
}

fn asked_term() -> Result<Term, NoPolicy> {
    let term = host::shared(snapshot::EPOCH).ok_or(NoPolicy::Missing)?;
    Term::read(&term).map_err(|_| NoPolicy::Missing)
}

fn parse(gate: &Arc<GateIdentity>, epoch: u64) -> Result<Filter, NoPolicy> {
    let policy = host::shared(snapshot::POLICY).ok_or(NoPolicy::Missing)?;
    let policy = Policy::parse(&policy).map_err(|error| {
        host::log(proxy_wasm::types::LogLevel::Error, &error.to_string());
        NoPolicy::Missing
    })?;
    Ok(Filter::new(policy, Arc::clone(gate), epoch))
}

impl KeyRing for Policies {
    fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, Unavailable> {
        match &self.source {
            Source::Fixed { keys, .. } => keys.find(id),
            Source::Shared { parsed, .. } => {
                let mut parsed = parsed.try_borrow_mut().map_err(|_| Unavailable)?;
                let records = &mut parsed.as_mut().ok_or(Unavailable)?.records;
                if let Some(record) = records.get(id) {
                    return Ok(Some(record.clone()));
                }
                let found = find(snapshot::keys(id), id.as_str().as_bytes())?;
                if let Some(record) = &found {
                    // Beginning anew is cheap, and needs no order among them.
                    if records.len() >= RECORDS_MAX {
                        records.clear();
                    }
                    records.insert(id.clone(), record.clone());
                }
                Ok(found)
            }
        }
    }

    fn find_imported(&self, verifier: &[u8; 32]) -> Result<Option<KeyRecord>, Unavailable> {
        match &self.source {
            Source::Fixed { keys, .. } => keys.find_imported(verifier),
            Source::Shared { .. } => find(snapshot::imported(verifier), verifier),
        }
    }

    fn is_revoked(&self, token: &TokenId) -> Result<bool, Unavailable> {
        match &self.source {
            Source::Fixed { keys, .. } => keys.is_revoked(token),
            Source::Shared { .. } => match host::shared(&snapshot::tokens(token).name()) {
                None => Ok(false),
                Some(bucket) => snapshot::contains(&bucket, token).map_err(|_| Unavailable),
            },
        }
    }
}

fn find(bucket: Bucket, found_by: &[u8]) -> Result<Option<KeyRecord>, Unavailable> {
    match host::shared(&bucket.name()) {
        None => Ok(None),
        Some(bucket) => snapshot::find(&bucket, found_by).map_err(|_| Unavailable),
    }
}
