//! What is told of each request, after it was answered.

use filter::event::Event;
use worker::{Context, Env, QueueContentType, RawMessageBuilder};

use crate::config;

/// Sends the event to the queue, as one message of JSON text; without one, writes code and reason to
/// the Worker's log. What cannot be sent is lost, and said so: no request waits for its event.
pub(crate) fn record(env: &Env, context: &Context, event: &Event, code: &str, reason: &str) {
    let Ok(queue) = env.queue(config::EVENTS) else {
        worker::console_log!("{{\"code\":\"{code}\",\"reason\":\"{reason}\"}}");
        return;
    };
    let message = RawMessageBuilder::new(event.to_json().into())
        .build_with_content_type(QueueContentType::Text);
    context.wait_until(async move {
        if let Err(error) = queue.send_raw(message).await {
            worker::console_error!("an event was lost: {error}");
        }
    });
}
