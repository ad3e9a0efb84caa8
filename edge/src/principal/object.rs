//! The Durable Object of a principal.

use std::cell::Cell;

use filter::store::Answer;
use worker::{DurableObject, Env, Request, Response, State, durable_object};

use super::Call;
use super::ledger::Ledger;
use crate::time;

/// How long after something was written the object looks what is over, in milliseconds.
const CLEAN_EVERY: u64 = 60_000;

/// Keeps what one principal has used: the nonces of its keys, and its quotas.
#[durable_object(alarm)]
pub struct PrincipalObject {
    state: State,
    /// Until when an alarm is known to be set.
    alarm: Cell<u64>,
    /// Whether the tables are known to be there.
    has_tables: Cell<bool>,
}

impl DurableObject for PrincipalObject {
    fn new(state: State, _: Env) -> Self {
        Self { state, alarm: Cell::new(0), has_tables: Cell::new(false) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let call: Call = serde_json::from_slice(&request.bytes().await?)?;
        let (now, ledger) = (time::now().unix.0, self.ledger()?);
        let mut answers = Vec::new();
        // Nothing is awaited in between: what is written here is written together.
        match call {
            Call::Refund(charges) => ledger.refund(&charges, now)?,
            Call::Resolve(lookups) => {
                for lookup in &lookups {
                    answers.push(ledger.resolve(lookup, now)?);
                    if !matches!(answers.last(), Some(Answer::Granted(_))) {
                        break;
                    }
                }
            }
        }
        if self.alarm.get() <= now {
            self.state.storage().set_alarm(delay(CLEAN_EVERY)).await?;
            self.alarm.set(now + CLEAN_EVERY);
        }
        Response::from_bytes(serde_json::to_vec(&answers)?)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let now = time::now().unix.0;
        let ledger = self.ledger()?;
        if let Some(left) = ledger.clean(now)? {
            let wait = left.saturating_sub(now).max(CLEAN_EVERY);
            self.state.storage().set_alarm(delay(wait)).await?;
            self.alarm.set(now + wait);
        }
        Response::empty()
    }
}

impl PrincipalObject {
    fn ledger(&self) -> worker::Result<Ledger> {
        let ledger = Ledger(self.state.storage().sql());
        if !self.has_tables.get() {
            ledger.create()?;
            self.has_tables.set(true);
        }
        Ok(ledger)
    }
}

fn delay(millis: u64) -> std::time::Duration {
    std::time::Duration::from_millis(millis)
}
