//! A host's life as a list of events, and what must hold whatever the list is.
//!
//! The events come from the fuzzer; the expectations come from models that are far simpler than the
//! code: a set of what was granted, a sum, a whole body in one piece, a gate without memory.

mod memory;
mod requests;
mod store;

use arbitrary::{Arbitrary, Result, Unstructured};
use filter::{Clock, KeyRecord, UnixMillis};

use crate::gate::{RECORDS, START};
use crate::{AnyBody, Draft, word};
use requests::{Gate, Requests};
use store::{Ask, Host};

/// Milliseconds that pass: moments, windows of quotas, how long things are remembered.
const TICKS: [u64; 12] =
    [1, 500, 1_000, 5_000, 10_000, 20_000, 60_000, 299_000, 300_000, 360_000, 660_000, 3_600_000];
/// Seconds by which the wall clock is set.
const JUMPS: [i64; 8] = [1, -1, 300, -300, 660, -660, 3_600, -3_600];

/// Lengths of chunks: around what a walker takes at once, and all that is left.
const CHUNKS: [usize; 16] =
    [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 33, 64, 200, usize::MAX, usize::MAX, usize::MAX];
/// What lives are about, by the numbers in [`event`]: everything, or one thing of which much can
/// happen in a row.
const LIVES: [&[u8]; 4] =
    [&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &[0, 1, 2, 2, 3], &[4, 5, 6, 7, 8, 9], &[0, 1, 3, 8, 10]];

/// Something that happens at a host.
#[derive(Debug)]
enum Event<'a> {
    /// A head arrives, of a request whose body will be this.
    Head(Draft<'a>, AnyBody),
    /// The same head again, as the newest request had it.
    Resend,
    /// The next so many bytes of a body arrive.
    Chunk { request: u8, len: usize },
    /// The client of a request has no more to say, and the node answers.
    End { request: u8, verdict: Verdict },
    /// A store is asked something that no policy asks.
    Ask(Ask),
    /// Somebody sends a request again whose nonce was granted.
    Replay(u8),
    /// The store's memory will fail in these ways, two bits for each access.
    Disturb(u16),
    /// The store's host restarts, and its memory is empty.
    Restart,
    /// A key is published, changed or withdrawn: a new epoch.
    Publish { key: u8, status: Status },
    /// Time passes, in milliseconds.
    Tick(u64),
    /// The wall clock is set, by so many seconds.
    SetClock(i64),
}

/// What a node tells its gate.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    None,
    Refund,
    /// A decoder may find what no walker looks into.
    Malformed,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug)]
enum Status {
    Absent,
    Valid,
    Revoked,
    Expired,
}

/// All that happens at a host.
#[derive(Debug)]
pub struct Life<'a>(Vec<Event<'a>>);

impl<'a> Arbitrary<'a> for Life<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let kinds = word::choose(input, &LIVES)?;
        let mut events = Vec::new();
        while !input.is_empty() {
            events.push(event(input, kinds)?);
        }
        Ok(Self(events))
    }
}

fn event<'a>(input: &mut Unstructured<'a>, kinds: &[u8]) -> Result<Event<'a>> {
    Ok(match word::choose(input, kinds)? {
        0 => {
            let body = AnyBody::arbitrary(input)?;
            Event::Head(Draft::of_body(input, &body)?, body)
        }
        1 => Event::Resend,
        2 => Event::Chunk { request: input.arbitrary()?, len: word::choose(input, &CHUNKS)? },
        3 => {
            let all = [Verdict::None, Verdict::Refund, Verdict::None, Verdict::Malformed];
            Event::End { request: input.arbitrary()?, verdict: word::choose(input, &all)? }
        }
        4 => Event::Ask(input.arbitrary()?),
        5 => Event::Replay(input.arbitrary()?),
        6 => Event::Disturb(input.arbitrary()?),
        7 => Event::Restart,
        8 => Event::Tick(word::choose(input, &TICKS)?),
        9 => Event::SetClock(word::choose(input, &JUMPS)?),
        _ => {
            let all = [Status::Absent, Status::Valid, Status::Revoked, Status::Expired];
            Event::Publish { key: input.arbitrary()?, status: word::choose(input, &all)? }
        }
    })
}

impl Life<'_> {
    /// Lets it all happen.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn happen(self) {
        let mut world = World::new();
        self.0.into_iter().for_each(|event| world.happen(event));
    }
}

/// The host, and all that is expected of it.
struct World<'a> {
    clock: Clock,
    gate: Gate,
    host: Host,
    requests: Requests<'a>,
}

impl<'a> World<'a> {
    fn new() -> Self {
        let clock = Clock { unix: START, steady: 1_000 };
        Self {
            clock,
            gate: Gate::new(RECORDS.iter().cloned().collect()),
            host: Host::new(clock),
            requests: Requests::default(),
        }
    }

    fn happen(&mut self, event: Event<'a>) {
        let Self { clock, gate, host, requests } = self;
        match event {
            Event::Head(draft, body) => {
                let head = draft.send(&body.bytes, clock.unix);
                requests.begin(head, body.bytes, gate, host, *clock);
            }
            Event::Resend => requests.resend(gate, host, *clock),
            Event::Chunk { request, len } => requests.chunk(request, len, host, *clock),
            Event::End { request, verdict } => requests.end(request, verdict, gate, host, *clock),
            Event::Ask(ask) => host.ask(&ask, *clock),
            Event::Replay(which) => host.replay(which, *clock),
            Event::Disturb(faults) => host.disturb(faults),
            Event::Restart => host.restart(*clock),
            Event::Publish { key, status } => {
                gate.publish(records_with(&gate.records, key, status))
            }
            Event::Tick(millis) => {
                *clock = Clock { unix: clock.unix.plus(millis), steady: clock.steady + millis };
            }
            Event::SetClock(seconds) => {
                clock.unix = UnixMillis(clock.unix.0.saturating_add_signed(seconds * 1000));
            }
        }
    }
}

/// The records, of which one has another status.
fn records_with(records: &[KeyRecord], which: u8, status: Status) -> Vec<KeyRecord> {
    let changed = &RECORDS[usize::from(which) % RECORDS.len()];
    let others = records.iter().filter(|record| record.id != changed.id).cloned();
    let changed = match status {
        Status::Absent => None,
        Status::Valid => Some(changed.clone()),
        Status::Revoked => Some(KeyRecord { revoked: true, ..changed.clone() }),
        // At any time, since the clock goes back too.
        Status::Expired => Some(KeyRecord { expires: Some(1), ..changed.clone() }),
    };
    others.chain(changed).collect()
}
