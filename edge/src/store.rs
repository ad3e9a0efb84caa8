//! Who answers the filter's questions: this isolate for networks and for everyone, one Durable Object
//! for the rest, asked once.

use filter::quota::{Charge, Remaining, Subject};
use filter::store::{Answer, Lookup, Store as _};
use worker::Env;

use crate::isolate::Isolate;
use crate::{principal, time};

/// Answers `lookups` in their order, up to the first that is not granted.
///
/// What the isolate would refuse is not asked of the object. What the object granted is then taken of the
/// isolate's quotas; if another request was faster there, the nonce is used although the request is
/// refused.
pub(crate) async fn resolve(
    isolate: &Isolate,
    env: &Env,
    principal: Option<&str>,
    lookups: &[Lookup],
) -> Vec<Answer> {
    let shares: Vec<_> = lookups.iter().map(Share::of).collect();
    let spent = shares.iter().position(|share| !share.has_room_in(isolate));
    let asked = shares.get(..spent.unwrap_or(shares.len())).unwrap_or_default();
    let remote: Vec<_> = asked.iter().map(|share| share.remote.clone()).collect();
    let answers = if remote.iter().all(is_empty) {
        remote.iter().map(|_| Answer::Granted(Vec::new())).collect()
    } else {
        principal::resolve(env, isolate, principal, &remote).await
    };

    let mut all: Vec<_> = Vec::with_capacity(lookups.len());
    for (share, answer) in asked.iter().zip(answers) {
        all.push(match answer {
            Answer::Granted(left) => share.take_in(isolate, left),
            other => other,
        });
        if !matches!(all.last(), Some(Answer::Granted(_))) {
            return all;
        }
    }
    if let Some(share) = spent.and_then(|spent| shares.get(spent)) {
        all.push(share.take_in(isolate, Vec::new()));
    }
    all
}

/// A question, and who answers what of it.
struct Share {
    remote: Lookup,
    local: Vec<Charge>,
    /// Whether each charge of the question, in its order, is the isolate's.
    order: Vec<bool>,
}

impl Share {
    fn of(lookup: &Lookup) -> Self {
        let (Lookup::Admit { charges, .. } | Lookup::Take { charges }) = lookup;
        let order: Vec<_> = charges.iter().map(is_local).collect();
        let (local, rest) = charges.iter().cloned().partition(is_local);
        let remote = match lookup {
            Lookup::Admit { nonce, .. } => Lookup::Admit { nonce: nonce.clone(), charges: rest },
            Lookup::Take { .. } => Lookup::Take { charges: rest },
        };
        Self { remote, local, order }
    }

    fn has_room_in(&self, isolate: &Isolate) -> bool {
        let mut charges = self.local.clone();
        for charge in &mut charges {
            charge.amount = 0;
        }
        let amounts = self.local.iter().map(|charge| charge.amount);
        match isolate.networks.resolve(&Lookup::Take { charges }, time::now()) {
            Answer::Granted(left) => left.iter().zip(amounts).all(|(left, n)| left.remaining >= n),
            Answer::Refused(_) | Answer::Unavailable => false,
        }
    }

    /// Takes the isolate's charges; what is left of all is told in the order of the question.
    fn take_in(&self, isolate: &Isolate, remote: Vec<Remaining>) -> Answer {
        if self.local.is_empty() {
            return Answer::Granted(remote);
        }
        let take = Lookup::Take { charges: self.local.clone() };
        match isolate.networks.resolve(&take, time::now()) {
            Answer::Granted(local) => {
                let (mut local, mut remote) = (local.into_iter(), remote.into_iter());
                let next = |&is_local| if is_local { local.next() } else { remote.next() };
                Answer::Granted(self.order.iter().filter_map(next).collect())
            }
            other => other,
        }
    }
}

fn is_local(charge: &Charge) -> bool {
    match charge.subject {
        Subject::Key(_) | Subject::Principal(_) => false,
        Subject::Everyone | Subject::Network(_) | Subject::Failures(_) | Subject::Ration(_) => true,
    }
}

fn is_empty(lookup: &Lookup) -> bool {
    match lookup {
        Lookup::Admit { nonce, charges } => nonce.is_none() && charges.is_empty(),
        Lookup::Take { charges } => charges.is_empty(),
    }
}
