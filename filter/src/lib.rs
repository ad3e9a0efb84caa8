//! Request validation for image models, with no I/O.
//!
//! A host tells the filter about a request piece by piece and is told what it needs next, until the
//! request is released or rejected. The filter reads no clock, socket, file or environment variable:
//! time, randomness and key records are arguments.
//!
//! ```text
//!  begin(now, seed) ─ head ─▶ NeedsPrefix ─ chunk* ─▶ Release(Permit, Tail) ─ chunk* ─ end ─▶ Whole
//!                      │            │                                     │        │
//!                      └── first failed check ──▶ Rejection ◀─────────────┴────────┘
//! ```
//!
//! The order of the checks is in [`inspection`]; each check is one file of [`checks`].
//!
//! # Example
//!
//! ```
//! use filter::{Filter, GateIdentity, Headers, Pepper, PermitKey, Policy, RequestHead, Step, UnixMillis};
//!
//! let policy = Policy::parse(br#"{ "version": 1, "routes": [{
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
//! };
//! let filter = Filter::new(policy, identity, 1);
//!
//! let headers = Headers::new([("content-length", "40"), ("content-type", "image/png")]);
//! let head = RequestHead { method: "POST", target: "/v1/cut-out", headers: &headers, client: None };
//! // No key records at all, and no key in the request: refused.
//! let step = filter.begin(UnixMillis(1_700_000_000_000), [0; 16]).head(&head, &filter::Keys::default());
//! let Step::Reject(rejection) = step else { panic!("released without a key") };
//! assert_eq!(rejection.code(), "credential-missing");
//! ```

#![forbid(unsafe_code)]
#![deny(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod api_key;
pub mod body;
pub mod checks;
pub mod hex;
pub mod inspection;
pub mod key;
pub mod permit;
pub mod policy;
pub mod rejection;
pub mod request;
pub mod snapshot;
pub mod verdict;

pub use api_key::ApiKey;
pub use checks::image::{Format, Frames, ImageHeader};
pub use inspection::{Filter, GateIdentity, NeedsHead, NeedsPrefix, Step, Tail};
pub use key::{Environment, KeyDigest, KeyId, KeyRecord, KeyRing, Keys, Pepper, Unavailable};
pub use permit::{Claims, PermitId, PermitKey};
pub use policy::{Policy, PolicyError, Route};
pub use rejection::{Rejection, Reply};
pub use request::{Headers, RequestHead, UnixMillis};
pub use verdict::{Permit, Release};
