//! One remembered refusal: how long it answers, and whom it may give way to.

use super::Refused;

/// How long the refusal of an unknown key answers at first, in milliseconds. Each time that it is
/// found again afterwards, the time doubles, up to [`LONGEST`].
const UNKNOWN_FIRST: u64 = 5_000;
/// How long any other refusal answers, in milliseconds.
const LONGEST: u64 = 60_000;
/// Doublings after which an unknown key's time is [`LONGEST`].
const LEVEL_MAX: u8 = 4;
/// How long anything is known of an entry, whether it answers or not, in milliseconds.
const FORGOTTEN: u64 = 300_000;
/// The slots of a set that one source may hold.
const SHARE: usize = 2;

const _: () = assert!(UNKNOWN_FIRST << LEVEL_MAX >= LONGEST && LONGEST < FORGOTTEN);

/// Room for one entry. 24 bytes.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    tag: u64,
    /// The steady time of the last insertion. Entries are dated by their beginning, so that a clock
    /// that was set back ends them and does not prolong them.
    since: u64,
    /// The keyed hash of the network that holds the slot.
    source: u32,
    /// `None` where nothing was ever stored.
    refused: Option<Refused>,
    /// How often the time of an unknown key was doubled.
    level: u8,
    /// The last byte of the epoch. The whole epoch is in the tag; this only tells that a slot may be
    /// taken because its entry is over.
    epoch: u8,
}

/// When something happens: in which epoch, and at which time of the steady clock.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) epoch: u64,
    pub(super) steady: u64,
}

/// What became of an entry that was stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stored {
    /// It took room that nobody needed, or its own.
    Freely,
    /// Another entry of its source still answered, and was pushed out.
    InsteadOfAnother,
}

/// What a slot is worth at some moment.
#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    /// Nothing is known here.
    Free,
    /// The entry answers no more, but its level is still known.
    Expired,
    /// The entry answers.
    Live,
}

impl Slot {
    pub(super) const EMPTY: Self =
        Self { tag: 0, since: 0, source: 0, refused: None, level: 0, epoch: 0 };

    /// The verdict, if this is the entry of `tag` and still answers.
    pub(super) fn answer(&self, tag: u64, now: Moment) -> Option<Refused> {
        self.refused.filter(|_| self.tag == tag && self.state(now) == State::Live)
    }

    fn state(&self, now: Moment) -> State {
        let age = now.steady.checked_sub(self.since);
        match (self.refused, age) {
            (Some(_), _) if self.epoch != last_byte(now.epoch) => State::Free,
            (Some(refused), Some(age)) if age < lifetime(refused, self.level) => State::Live,
            (Some(_), Some(age)) if age < FORGOTTEN => State::Expired,
            _ => State::Free,
        }
    }

    /// The level of the same refusal, found again now.
    fn next_level(&self, refused: Refused, now: Moment) -> u8 {
        match self.state(now) {
            _ if self.refused != Some(refused) => 0,
            State::Free => 0,
            // Judged again while it still answered, by a canary or by a request beside it.
            State::Live => self.level,
            State::Expired => LEVEL_MAX.min(self.level + 1),
        }
    }
}

/// The slot of `set` that holds an entry of `tag`, whether it answers or not.
pub(super) fn holding(set: &mut [Slot], tag: u64) -> Option<&mut Slot> {
    set.iter_mut().find(|slot| slot.refused.is_some() && slot.tag == tag)
}

/// Stores an entry in its set; `None` if `source` may take no slot of it.
pub(super) fn store(
    set: &mut [Slot],
    tag: u64,
    refused: Refused,
    source: u32,
    now: Moment,
) -> Option<Stored> {
    let mut entry = Slot {
        tag,
        since: now.steady,
        source,
        refused: Some(refused),
        level: 0,
        epoch: last_byte(now.epoch),
    };
    if let Some(slot) = holding(set, tag) {
        if slot.state(now) != State::Free {
            // Whoever was first keeps it in its share: asking again costs nobody else a place.
            entry.source = slot.source;
            entry.level = slot.next_level(refused, now);
            *slot = entry;
            return Some(Stored::Freely);
        }
        *slot = Slot::EMPTY;
    }
    let slot = victim(set, source, now)?;
    let live = slot.state(now) == State::Live;
    *slot = entry;
    Some(if live { Stored::InsteadOfAnother } else { Stored::Freely })
}

/// The slot that a new entry of `source` takes.
///
/// What answers for another source is never taken. A source that holds its share takes its own
/// oldest; one that holds less takes what is free or has expired before it takes its own.
fn victim(set: &mut [Slot], source: u32, now: Moment) -> Option<&mut Slot> {
    let is_own = |slot: &Slot| slot.source == source && slot.state(now) != State::Free;
    let may_grow = set.iter().filter(|slot| is_own(slot)).count() < SHARE;
    let rank = |slot: &Slot| match slot.state(now) {
        State::Free if may_grow => Some(0),
        State::Expired if may_grow || is_own(slot) => Some(1),
        State::Live if is_own(slot) => Some(2),
        _ => None,
    };
    let ranked = set.iter_mut().filter_map(|slot| Some((rank(slot)?, slot)));
    ranked.min_by_key(|(rank, slot)| (*rank, slot.since)).map(|(_, slot)| slot)
}

fn lifetime(refused: Refused, level: u8) -> u64 {
    match refused {
        Refused::UnknownKey => LONGEST.min(UNKNOWN_FIRST << level.min(LEVEL_MAX)),
        Refused::RevokedKey
        | Refused::ExpiredKey
        | Refused::MalformedCredential
        | Refused::MalformedBody(_) => LONGEST,
    }
}

fn last_byte(epoch: u64) -> u8 {
    epoch.to_le_bytes().first().copied().unwrap_or_default()
}

const _: () = assert!(size_of::<Slot>() == 24);
