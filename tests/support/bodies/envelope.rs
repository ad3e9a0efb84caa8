//! The envelopes an image comes in.

use base64ct::{Base64, Encoding as _};
use serde::Deserialize;

/// How an image is wrapped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// Not at all: the body is the image.
    #[default]
    Raw,
    /// As the file of a form (RFC 7578).
    Multipart,
    /// As base64 in a JSON object.
    Json,
    /// As base64 in a form of pairs.
    Urlencoded,
}

/// The boundary of our forms.
const BOUNDARY: &str = "------------------------f3a1b2c4d5e6f708";

impl Envelope {
    /// Every envelope that our own routes take.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Multipart, Self::Json];

    /// The body that wraps `image`, declared as `declared`, and its own media type.
    pub fn wrap(self, image: &[u8], declared: Option<&str>) -> (String, Vec<u8>) {
        match self {
            Self::Raw => (declared.unwrap_or_default().to_owned(), image.to_vec()),
            Self::Multipart => {
                let declared = declared
                    .map_or(String::new(), |media_type| format!("Content-Type: {media_type}\r\n"));
                let head = format!(
                    "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; \
                     filename=\"photo\"\r\n{declared}\r\n"
                );
                let end = format!("\r\n--{BOUNDARY}--\r\n");
                let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
                (media_type, [head.as_bytes(), image, end.as_bytes()].concat())
            }
            Self::Json => {
                let scheme = declared
                    .map_or(String::new(), |media_type| format!("data:{media_type};base64,"));
                let base64 = Base64::encode_string(image);
                let body = format!("{{\"image\": \"{scheme}{base64}\"}}");
                ("application/json".to_owned(), body.into_bytes())
            }
            Self::Urlencoded => {
                let scheme = declared
                    .map_or(String::new(), |media_type| format!("data:{media_type};base64,"));
                let text = scheme + &Base64::encode_string(image);
                let escaped = [
                    (":", "%3A"),
                    (";", "%3B"),
                    (",", "%2C"),
                    ("/", "%2F"),
                    ("+", "%2B"),
                    ("=", "%3D"),
                ];
                let text = escaped.iter().fold(text, |text, (from, to)| text.replace(from, to));
                let media_type = "application/x-www-form-urlencoded".to_owned();
                (media_type, format!("image={text}").into_bytes())
            }
        }
    }
}
