//! What a request to one method and path may carry.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Format;
use crate::address::AddressList;
use crate::envelope::{Field, Form};

/// The largest image in bytes that a gate holds back whole.
pub const HELD_BYTES_MAX: u64 = 1024 * 1024;
/// The largest body in bytes that a gate holds back whole: such an image in its envelope.
pub const HELD_BODY_MAX: u64 = 1536 * 1024;
/// The greatest weight of a route.
pub const WEIGHT_MAX: u32 = 1000;
/// The most scans of a progressive JPEG, whatever the policy says.
pub const SCANS_MAX: u32 = 1000;
/// The most scans of a progressive JPEG where the policy does not say.
pub const SCANS_DEFAULT: u32 = 64;

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
    /// Whether it asks nobody who they are. Such a route takes no body.
    pub anonymous: bool,
    /// The API whose errors an answer carries beside our own members.
    pub dialect: Dialect,
    /// The parameters that the query may have; where there are none, queries are not looked at.
    pub query: Option<Vec<Field>>,
    /// Image formats the body may have; none where there is no body.
    pub formats: Vec<Format>,
    /// The largest image in bytes; its envelope comes on top.
    pub max_bytes: u64,
    /// What the image may be.
    pub image: ImageLimits,
    /// The envelopes the body may come in, beside the image alone, and what they may carry.
    pub form: Option<Arc<Form>>,
    /// Whether a request must be signed.
    pub signature: SignatureRule,
    /// When the request goes on.
    pub body: BodyRule,
    /// What the megapixels of an image are multiplied with before they are charged.
    pub weight: u32,
    /// Where requests may come from.
    pub clients: AddressList,
    /// What a failed check does.
    pub mode: Mode,
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
    /// The most scans of a progressive JPEG; fewer if it is large.
    pub max_scans: u32,
}

/// Whether a request must be signed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SignatureRule {
    /// A signature is no credential here.
    #[default]
    None,
    /// A key, a token or a signature; a signature that is there must verify.
    Optional,
    /// A signature.
    Required,
    /// An API key, and a signature of the same key id.
    WithKey,
}

impl SignatureRule {
    /// Whether nothing but a signature will do.
    pub const fn demands_one(self) -> bool {
        match self {
            Self::None | Self::Optional => false,
            Self::Required | Self::WithKey => true,
        }
    }

    /// Whether a signature can be a credential.
    pub const fn takes_signatures(self) -> bool {
        match self {
            Self::None => false,
            Self::Optional | Self::Required | Self::WithKey => true,
        }
    }
}

/// When a request goes on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyRule {
    /// Once the image header was judged; the rest of the body streams through.
    #[default]
    Stream,
    /// Once the whole body was judged.
    Hold,
    /// At once: there is no body, and so no image.
    None,
}

/// The API that a route looks like, for clients that were written for it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Our own.
    #[default]
    Lunette,
    /// The server of rembg.
    Rembg,
    /// remove.bg.
    RemoveBg,
    /// The server of `RapidOCR`.
    Rapidocr,
}

/// What a failed check does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It refuses the request.
    #[default]
    Enforce,
    /// It is reported, and the request goes on. Framing, sizes, header limits, replay and the permit
    /// are enforced all the same.
    Report,
}
