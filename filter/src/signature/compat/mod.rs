//! The schemes of other gateways, so that their clients can migrate one by one.
//!
//! Each is off unless a policy accepts it, is held to stricter rules than in its own gateway, and says
//! what it leaves open.

pub(super) mod cavage;
pub(super) mod cloudflare;
pub(super) mod webhooks;
