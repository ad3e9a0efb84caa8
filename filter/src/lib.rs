//! Request validation for image models, with no I/O.
//!
//! A host tells the filter about a request piece by piece and is told what it needs next, until the
//! request is released or rejected. The filter reads no clock, socket, file or environment variable:
//! time, randomness and key records are arguments.
//!
//! ```text
//!  begin(clock, seed) ─ head ─▶ NeedsAnswer ─▶ NeedsPrefix ─ chunk* ─▶ NeedsAnswer ─▶ Release ─ chunk* ─ end
//!                        │           │              │                     │     (Permit, Tail)   │
//!                        └───────────┴── first failed check ──▶ Rejection ◀─────────────┴────────┘
//! ```
//!
//! The order of the checks is in [`inspection`]; each check is one file of [`checks`].
//!
//! # Example
//!
//! ```
//! use filter::{
//!     Clock, Filter, GateIdentity, Headers, Keys, Peer, Pepper, PermitKey, Policy, RejectionCache,
//!     RequestHead, Step,
//! };
//!
//! let policy = Policy::parse(br#"{ "version": 1, "tiers": { "free": { "quotas": [] } }, "routes": [{
//!     "name": "cut-out", "method": "POST", "path": "/v1/cut-out", "scopes": [],
//!     "media_types": ["image/png"], "max_bytes": "1MiB",
//!     "max_width": 4096, "max_height": 4096, "max_pixels": 4000000, "max_frames": 1
//! }] }"#).unwrap();
//! let identity = GateIdentity {
//!     gate: "edge-1".into(),
//!     audience: "images".into(),
//!     environment: filter::Environment::Test,
//!     pepper: Pepper::new([1; 32]),
//!     permit_key: PermitKey::new("edge-1", 1, [2; 32]),
//!     realm_keys: vec![],
//!     token_secrets: Default::default(),
//! };
//! let mut cache = RejectionCache::new(identity.cache_key());
//! let filter = Filter::new(policy, identity, 1);
//!
//! let headers = Headers::new([("content-length", "40"), ("content-type", "image/png")]);
//! let head = RequestHead {
//!     method: "POST",
//!     authority: "images.example",
//!     target: "/v1/cut-out",
//!     headers: &headers,
//!     peer: Peer::Unknown,
//! };
//! // No key records at all, and no key in the request: refused.
//! let waiting = filter.begin(Clock::both(1_700_000_000_000), [0; 16]);
//! let step = waiting.head(&head, &Keys::default(), &mut cache);
//! let Step::Reject(refused) = step else { panic!("went on without a key") };
//! assert_eq!(refused.rejection().code(), "credential-missing");
//! ```

#![forbid(unsafe_code)]
#![deny(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod address;
pub mod algorithm;
pub mod api_key;
pub mod body;
pub mod checks;
pub mod cors;
pub mod digest;
pub mod envelope;
pub mod event;
pub mod findings;
pub mod gate;
pub mod hex;
pub mod image;
pub mod inspection;
pub mod jwt;
pub mod key;
pub mod permit;
mod permit_ids;
pub mod policy;
pub mod public_key;
pub mod quota;
pub mod rejection;
pub mod rejection_cache;
pub mod request;
pub mod signature;
pub mod snapshot;
pub mod store;
mod structured;
pub mod verdict;

pub use api_key::ApiKey;
pub use findings::{Findings, Refused};
pub use gate::{GateIdentity, TokenSecrets};
pub use image::{Format, Frames, ImageHeader};
pub use inspection::{
    Asking, Deferred, Filter, NeedsAnswer, NeedsHead, NeedsPrefix, Next, Step, Tail, drive,
};
pub use key::{
    Environment, KeyDigest, KeyId, KeyRecord, KeyRing, Keys, Pepper, RealmKey, TokenId, Unavailable,
};
pub use permit::{Claims, PermitId, PermitKey};
pub use permit_ids::PermitIds;
pub use policy::{Policy, PolicyError, Route};
pub use rejection::{Rejection, Reply};
pub use rejection_cache::RejectionCache;
pub use request::{Clock, Headers, Peer, RequestHead, UnixMillis};
pub use verdict::{Permit, Release};
