//! What a principal has used: one Durable Object for each, which all isolates of the world ask.
//!
//! The object is single-threaded, and what it writes is on disk before its answer leaves, so a nonce is
//! accepted once wherever its two uses arrive.

mod ledger;
mod object;

use filter::quota::{Charge, Subject};
use filter::store::{Answer, Lookup};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wasm_bindgen::JsValue;
use worker::{Context, Env, Method, Request, RequestInit, Stub};

use crate::isolate::Isolate;
use crate::{config, log, time};

pub use object::PrincipalObject;

/// How long the object is waited for, in milliseconds. Then it is unavailable, and the filter says what
/// becomes of the request.
const PATIENCE: u64 = 250;

/// What the object is asked.
#[derive(Deserialize, Serialize)]
enum Call {
    /// Resolve these in their order, up to the first that is not granted.
    Resolve(Vec<Lookup>),
    /// Give these back.
    Refund(Vec<Charge>),
}

/// The object's answers to `lookups`, up to the first that is not a yes. An object that does not answer
/// in time may have done what it was asked.
pub(crate) async fn resolve(
    env: &Env,
    isolate: &Isolate,
    principal: Option<&str>,
    lookups: &[Lookup],
) -> Vec<Answer> {
    let name = name(isolate, principal.or_else(|| charged(lookups)).unwrap_or_default());
    let call = Call::Resolve(lookups.to_vec());
    match time::within(PATIENCE, ask(env, &name, &call)).await {
        Some(Ok(answers)) => answers,
        Some(Err(error)) => {
            log::error(format_args!("a principal's object did not answer: {error}"));
            vec![Answer::Unavailable]
        }
        None => {
            log::error(format_args!("a principal's object took more than {PATIENCE} ms"));
            vec![Answer::Unavailable]
        }
    }
}

/// Gives charges back once the request was answered. What cannot be given back refills by itself.
pub(crate) fn refund(
    env: &Env,
    context: &Context,
    isolate: &Isolate,
    principal: Option<String>,
    charges: Vec<Charge>,
) {
    use filter::store::Store as _;

    if charges.is_empty() {
        return;
    }
    let (remote, local): (Vec<_>, Vec<_>) = charges.into_iter().partition(is_of_the_object);
    isolate.networks.refund(&local, time::now());
    if remote.is_empty() {
        return;
    }
    let name = name(isolate, &principal.unwrap_or_default());
    let env = env.clone();
    context.wait_until(async move {
        if let Err(error) = ask(&env, &name, &Call::Refund(remote)).await {
            log::error(format_args!("a charge was not given back: {error}"));
        }
    });
}

async fn ask(env: &Env, name: &str, call: &Call) -> worker::Result<Vec<Answer>> {
    let stub: Stub = env.durable_object(config::PRINCIPALS)?.get_by_name(name)?;
    let mut init = RequestInit::new();
    let body: JsValue = serde_json::to_string(call)?.into();
    init.with_method(Method::Post).with_body(Some(body));
    let request = Request::new_with_init("https://principal/", &init)?;
    let mut response = stub.fetch_with_request(request).await?;
    if response.status_code() != 200 {
        return Err(format!("it answered {}", response.status_code()).into());
    }
    Ok(serde_json::from_slice(&response.bytes().await?)?)
}

/// The object's name. It stays the same when secrets are exchanged, or nonces would be forgotten; and it
/// does not show the principal to the platform's dashboards.
fn name(isolate: &Isolate, principal: &str) -> String {
    let gate = &isolate.gate;
    let parts = ["lunette principal", &gate.audience, gate.environment.as_str(), principal];
    filter::hex::encode(&Sha256::digest(parts.join("\0")))
}

fn is_of_the_object(charge: &Charge) -> bool {
    matches!(charge.subject, Subject::Key(_) | Subject::Principal(_))
}

/// Whom a request is charged to that nobody vouches for.
fn charged(lookups: &[Lookup]) -> Option<&str> {
    lookups.iter().find_map(|lookup| {
        let (Lookup::Admit { charges, .. } | Lookup::Take { charges }) = lookup;
        charges.iter().find_map(|charge| match &charge.subject {
            Subject::Principal(principal) => Some(principal.as_str()),
            _ => None,
        })
    })
}
