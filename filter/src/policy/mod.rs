//! What is allowed, after it has been checked.
//!
//! The file's shape is in `raw.rs`; a [`Policy`] in hand is already right.

mod raw;
mod units;

use crate::Format;

pub use raw::PolicyError;

/// The most bytes the image header may be held up to, whatever the policy says: it must stay below
/// the buffers of every host.
pub const HEADER_BYTES_MAX: u64 = 1024 * 1024;
/// How far into the body the image header may reach where the policy does not say.
pub const HEADER_BYTES_DEFAULT: u64 = 512 * 1024;

/// What is allowed: the routes, and what each of them takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// How far into the body, in bytes, an image header may reach before it is refused.
    pub header_bytes: u64,
    /// The routes; anything else does not exist.
    pub routes: Vec<Route>,
}

/// One method and path, and what a request to it may carry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// The name used in metrics and messages.
    pub name: String,
    /// The method, as sent.
    pub method: String,
    /// The path, compared byte for byte.
    pub path: String,
    /// Scopes a key must hold, all of them.
    pub scopes: Vec<String>,
    /// Image formats the body may have.
    pub formats: Vec<Format>,
    /// The largest body in bytes.
    pub max_bytes: u64,
    /// What the image may be.
    pub image: ImageLimits,
}

/// Bounds on what an image header may declare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImageLimits {
    /// The greatest width in pixels.
    pub max_width: u32,
    /// The greatest height in pixels.
    pub max_height: u32,
    /// The greatest product of width and height.
    pub max_pixels: u64,
    /// The most frames of an animation; 1 refuses animations.
    pub max_frames: u32,
}

impl Policy {
    /// Reads a policy file (JSON). Unknown fields are refused, and an error names the field's path.
    pub fn parse(json: &[u8]) -> Result<Self, PolicyError> {
        raw::parse(json)
    }

    /// The route of a method and a path without query, or the methods that the path does take.
    pub fn route(&self, method: &str, path: &str) -> Result<&Route, Vec<&str>> {
        let at_path = || self.routes.iter().filter(|route| route.path == path);
        at_path()
            .find(|route| route.method == method)
            .ok_or_else(|| at_path().map(|route| route.method.as_str()).collect())
    }
}
