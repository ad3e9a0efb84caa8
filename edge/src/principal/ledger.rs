//! Nonces and quotas in the `SQLite` storage of one object.
//!
//! | table | what it holds |
//! |---|---|
//! | `nonces` | which nonces were used, and until when that must be known; [`NONCES_MAX`] at most |
//! | `quotas` | until when each quota is spoken for; [`QUOTAS_MAX`] at most |
//! | `forgotten` | the latest time that a nonce was kept until which is not known any more |
//!
//! Times are in Unix milliseconds. They have 53 bits; parts of one are text.

use filter::quota::gcra::{self, ArrivalTime, Exceeded};
use filter::quota::{Charge, Remaining, Subject, Unit};
use filter::store::{Answer, FirstUse, Lookup, Refusal};
use worker::{Result, SqlStorage, SqlStorageValue};

/// The most nonces of one principal at a time.
const NONCES_MAX: u64 = 100_000;
/// The most quotas: some for each key of the principal.
const QUOTAS_MAX: u64 = 10_000;

/// The tables of one object.
pub(super) struct Ledger(pub(super) SqlStorage);

impl Ledger {
    /// Makes the tables that are not there yet.
    pub(super) fn create(&self) -> Result<()> {
        self.exec(
            "CREATE TABLE IF NOT EXISTS nonces (owner TEXT, nonce TEXT, until INTEGER,
                 PRIMARY KEY (owner, nonce)) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS nonces_until ON nonces (until);
             CREATE TABLE IF NOT EXISTS quotas (name TEXT PRIMARY KEY, millis INTEGER, part TEXT)
                 WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS forgotten (id INTEGER PRIMARY KEY, until INTEGER);",
            vec![],
        )
    }

    /// A quota that is spent refuses before the nonce is recorded, and only a nonce that is new lets the
    /// charges be taken.
    pub(super) fn resolve(&self, lookup: &Lookup, now: u64) -> Result<Answer> {
        let (nonce, charges) = match lookup {
            Lookup::Admit { nonce, charges } => (nonce.as_ref(), charges),
            Lookup::Take { charges } => (None, charges),
        };
        let mut taken = Vec::with_capacity(charges.len());
        let mut longest: Option<(u64, Refusal)> = None;
        for charge in charges {
            let arrival = self.arrival(charge)?;
            match gcra::take(&charge.quota, arrival, charge.amount, now) {
                Ok((arrival, level)) => taken.push((charge, arrival, level)),
                Err(Exceeded { level, wait }) => {
                    let quota = Remaining::new(&charge.quota, level);
                    let retry_after = wait.map(|millis| millis.div_ceil(1000).max(1));
                    let wait = retry_after.unwrap_or(u64::MAX);
                    if longest.as_ref().is_none_or(|(longest, _)| *longest < wait) {
                        longest = Some((wait, Refusal::Exceeded { quota, retry_after }));
                    }
                }
            }
        }
        if let Some((_, refusal)) = longest {
            return Ok(Answer::Refused(refusal));
        }
        if let Some(refusal) = nonce.map(|first| self.record(first, now)).transpose()?.flatten() {
            return Ok(Answer::Refused(refusal));
        }
        let mut left = Vec::with_capacity(taken.len());
        for (charge, arrival, level) in taken {
            if charge.amount > 0 {
                self.speak_for(charge, arrival)?;
            }
            left.push(Remaining::new(&charge.quota, level));
        }
        Ok(Answer::Granted(left))
    }

    /// Gives back the pixels among `charges`.
    pub(super) fn refund(&self, charges: &[Charge], now: u64) -> Result<()> {
        for charge in charges.iter().filter(|charge| charge.quota.unit == Unit::Pixels) {
            let arrival = self.arrival(charge)?;
            self.speak_for(charge, gcra::give_back(&charge.quota, arrival, charge.amount, now))?;
        }
        Ok(())
    }

    /// Removes what is over. Until when the last of what is left is kept, if something is.
    pub(super) fn clean(&self, now: u64) -> Result<Option<u64>> {
        self.exec(
            "INSERT INTO forgotten SELECT 0, max(until) FROM nonces WHERE until <= ?1
                 HAVING max(until) IS NOT NULL
                 ON CONFLICT (id) DO UPDATE SET until = max(until, excluded.until)",
            vec![integer(now)],
        )?;
        self.exec("DELETE FROM nonces WHERE until <= ?1", vec![integer(now)])?;
        self.exec("DELETE FROM quotas WHERE millis < ?1", vec![integer(now)])?;
        let left = self.number(
            "SELECT min(least) FROM (
                 SELECT min(until) AS least FROM nonces UNION ALL SELECT min(millis) FROM quotas)",
            vec![],
        )?;
        Ok(left)
    }

    fn record(&self, first: &FirstUse, now: u64) -> Result<Option<Refusal>> {
        let name = || vec![first.key.as_str().into(), first.nonce.as_str().into()];
        let used = "SELECT until FROM nonces WHERE owner = ?1 AND nonce = ?2";
        if self.number(used, name())?.is_some_and(|until| until > now) {
            return Ok(Some(Refusal::Replayed));
        }
        // The wall clock was set back: whether it was used is not known any more.
        let forgotten = self.number("SELECT until FROM forgotten", vec![])?;
        if first.until.0 <= forgotten.unwrap_or(0).max(now) {
            return Ok(Some(Refusal::BeforeStart));
        }
        let live = self.number("SELECT count(*) FROM nonces", vec![])?;
        if live.is_some_and(|live| live >= NONCES_MAX) {
            return Ok(Some(Refusal::Full));
        }
        let values = [name(), vec![integer(first.until.0)]].concat();
        self.exec("INSERT OR REPLACE INTO nonces VALUES (?1, ?2, ?3)", values)?;
        Ok(None)
    }

    fn arrival(&self, charge: &Charge) -> Result<ArrivalTime> {
        let query = "SELECT millis, part FROM quotas WHERE name = ?1";
        let row = self.0.exec(query, vec![name(charge).into()])?.raw().next().transpose()?;
        Ok(match row.as_deref() {
            Some([SqlStorageValue::Integer(millis), SqlStorageValue::String(part)]) => {
                let millis = u64::try_from(*millis).unwrap_or(0);
                ArrivalTime { millis, part: part.parse().unwrap_or(0) }
            }
            _ => ArrivalTime::default(),
        })
    }

    fn speak_for(&self, charge: &Charge, arrival: ArrivalTime) -> Result<()> {
        // A full table forgets the quota that is whole again first.
        self.exec(
            "DELETE FROM quotas WHERE (SELECT count(*) FROM quotas) >= ?1 AND name =
                 (SELECT name FROM quotas ORDER BY millis LIMIT 1)",
            vec![integer(QUOTAS_MAX)],
        )?;
        let values =
            vec![name(charge).into(), integer(arrival.millis), arrival.part.to_string().into()];
        self.exec("INSERT OR REPLACE INTO quotas VALUES (?1, ?2, ?3)", values)
    }

    fn exec(&self, query: &str, values: Vec<SqlStorageValue>) -> Result<()> {
        self.0.exec(query, values).map(|_| ())
    }

    /// The one number of the first row, if there is one.
    fn number(&self, query: &str, values: Vec<SqlStorageValue>) -> Result<Option<u64>> {
        let row = self.0.exec(query, values)?.raw().next().transpose()?;
        Ok(match row.as_deref() {
            Some([SqlStorageValue::Integer(number)]) => u64::try_from(*number).ok(),
            _ => None,
        })
    }
}

/// What a quota is kept under. The limit is not part of it: a new limit does not forgive.
fn name(charge: &Charge) -> String {
    let (kind, id) = match &charge.subject {
        Subject::Key(key) => ("key", key.as_str()),
        Subject::Principal(_) => ("principal", ""),
        // The isolate's.
        _ => ("other", ""),
    };
    let unit = match charge.quota.unit {
        Unit::Requests => "requests",
        Unit::Pixels => "pixels",
    };
    let (quota, window) = (&charge.quota.name, charge.quota.window);
    // A quota's name is printable ASCII, and an id has no line end.
    format!("{kind}\n{id}\n{quota}\n{unit}\n{window}")
}

fn integer(value: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}
