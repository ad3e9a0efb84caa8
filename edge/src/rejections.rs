//! What isolates of one location tell each other through the Cache API: bodies that the node refused as
//! malformed, so that they are not sent to it again.
//!
//! An entry is kept under the rejection cache's own name, a keyed hash of credential, route, verified digest
//! and epoch. Keys are not shared: to refuse one costs less than to ask.

use worker::{Cache, Context, Response, ResponseBuilder, Result};

use crate::{log, time};

/// How long the cache is waited for, in milliseconds. It is in the same building.
const PATIENCE: u64 = 50;
/// How long an entry is good for, in seconds: as long as in an isolate's own memory.
const LIFETIME: u32 = 60;

/// What another isolate learnt of the body with this name.
pub(crate) async fn ask(name: u64) -> Option<u8> {
    let url = url(name);
    let found = time::within(PATIENCE, async {
        let mut response = Cache::default().get(url.as_str(), false).await.ok()??;
        response.text().await.ok()?.parse().ok()
    });
    found.await?
}

/// Tells the others, after the answer.
pub(crate) fn tell(context: &Context, news: Option<(u64, u8)>) {
    let Some((name, code)) = news else { return };
    context.wait_until(async move {
        let put = async { Cache::default().put(url(name).as_str(), entry(code)?).await };
        if let Err(error) = put.await {
            log::error(format_args!("a refusal was not shared: {error}"));
        }
    });
}

fn entry(code: u8) -> Result<Response> {
    let age = format!("max-age={LIFETIME}");
    ResponseBuilder::new().with_header("cache-control", &age)?.ok(code.to_string())
}

/// A name for the cache alone: nothing answers there.
fn url(name: u64) -> String {
    format!("https://rejections.lunette.invalid/{name:016x}")
}
