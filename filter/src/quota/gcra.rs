//! The generic cell rate algorithm (ITU-T I.371, virtual scheduling): one time for each quota.
//!
//! That time says until when the allowance is spoken for. A request moves it on by its cost; it is
//! granted if the time then lies no more than one window ahead. One unit costs `window / limit`,
//! which is no whole number of anything, so times are kept in `limit`-ths of a millisecond: nothing
//! is rounded, and nothing drifts.

use super::{LIMIT_MAX, Quota, WINDOW_MAX};

/// Until when an allowance is spoken for: the theoretical arrival time of the next unit.
///
/// The default is a time long gone, which is that of a subject never seen.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct ArrivalTime {
    /// Milliseconds of the steady clock.
    pub millis: u64,
    /// And so many `limit`-ths of the next one. A limit that changes shifts the time by less than
    /// this millisecond, so a new policy does not forgive what was used under the old one.
    pub part: u64,
}

impl ArrivalTime {
    /// Whether nothing is spoken for at `now`, so that the time need not be remembered.
    pub fn is_past(self, now: u64) -> bool {
        self <= Self { millis: now, part: 0 }
    }
}

/// How a quota stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Level {
    /// How much may be used at once.
    pub remaining: u64,
    /// Milliseconds, rounded up, within which no more than that can be used.
    pub next: u64,
}

/// The quota does not suffice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exceeded {
    /// How it stands.
    pub level: Level,
    /// Milliseconds until it does, rounded up, if nobody else takes of it; `None` if the amount is
    /// more than the whole limit and so never granted.
    pub wait: Option<u64>,
}

/// Takes `amount` at the steady time `now`; the new time and what it leaves.
pub fn take(
    quota: &Quota,
    arrival: ArrivalTime,
    amount: u64,
    now: u64,
) -> Result<(ArrivalTime, Level), Exceeded> {
    let scale = Scale::of(quota);
    let debt = scale.debt(arrival, now);
    let room = scale.burst() - debt;
    let exceeded = |wait| Exceeded { level: scale.level(debt), wait };
    if amount > scale.allowed {
        return Err(exceeded(None));
    }
    let cost = u128::from(amount) * scale.unit;
    if cost > room {
        return Err(exceeded(Some(scale.millis(cost - room))));
    }
    let debt = debt + cost;
    Ok((scale.arrival(debt, now), scale.level(debt)))
}

/// Gives `amount` back. A subject never has more than its whole limit by it.
///
/// It is exact while the charge is still owed; of one that has come back by itself since, it gives
/// back a second time, so a host refunds within the life of the request.
pub fn give_back(quota: &Quota, arrival: ArrivalTime, amount: u64, now: u64) -> ArrivalTime {
    let scale = Scale::of(quota);
    let returned = u128::from(amount.min(scale.allowed)) * scale.unit;
    scale.arrival(scale.debt(arrival, now).saturating_sub(returned), now)
}

/// A quota in `limit`-ths of a millisecond. With both maxima it stays far below 128 bits: a window
/// has 2^35 milliseconds, a limit 2^50.
#[derive(Clone, Copy)]
struct Scale {
    allowed: u64,
    limit: u128,
    /// What one unit costs: the window in milliseconds.
    unit: u128,
}

impl Scale {
    fn of(quota: &Quota) -> Self {
        let allowed = quota.limit.min(LIMIT_MAX);
        let unit = u128::from(quota.window.clamp(1, WINDOW_MAX)) * 1000;
        // A limit of zero allows nothing, whatever it is divided by.
        Self { allowed, limit: u128::from(allowed.max(1)), unit }
    }

    /// One whole window.
    fn burst(self) -> u128 {
        self.limit * self.unit
    }

    /// How far ahead of `now` the time lies, one window at most: it could only be more if the steady
    /// clock had gone back.
    fn debt(self, arrival: ArrivalTime, now: u64) -> u128 {
        let at = |millis| u128::from(millis) * self.limit;
        let part = u128::from(arrival.part).min(self.limit);
        (at(arrival.millis) + part).saturating_sub(at(now)).min(self.burst())
    }

    fn arrival(self, debt: u128, now: u64) -> ArrivalTime {
        ArrivalTime {
            millis: now.saturating_add(narrow(debt / self.limit)),
            part: narrow(debt % self.limit),
        }
    }

    fn level(self, debt: u128) -> Level {
        let room = self.burst() - debt;
        let whole = room / self.unit;
        Level {
            remaining: narrow(whole).min(self.allowed),
            next: self.millis((whole + 1) * self.unit - room),
        }
    }

    fn millis(self, parts: u128) -> u64 {
        narrow(parts.div_ceil(self.limit))
    }
}

fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
