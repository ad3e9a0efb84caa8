//! What an envelope may carry.

use serde::{Deserialize, Serialize};

use super::{Error, FILE_BEGINS_MAX};

/// The most text fields of a form.
pub const FIELDS_MAX: usize = 32;
/// The most values that a field may be limited to.
pub const VALUES_MAX: usize = 32;
/// The longest name of a part, a member or a field, in bytes.
pub const FORM_NAME_MAX: usize = 64;
/// The longest text of a field in bytes, whatever the policy says.
pub const FIELD_BYTES_MAX: u32 = 65_536;
/// The longest text of a field in bytes where the policy does not say.
pub const FIELD_BYTES_DEFAULT: u32 = 256;

/// What an envelope may carry: one image, and text fields.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Form {
    /// The name of the part with the image, if `multipart/form-data` is taken.
    pub multipart: Option<String>,
    /// The name of the part with the image in base64, which may come in the place of the other.
    pub multipart_base64: Option<String>,
    /// The name of the member with the image, if `application/json` is taken.
    pub json: Option<String>,
    /// The name of the field with the image in base64, if `application/x-www-form-urlencoded` is taken.
    pub urlencoded: Option<String>,
    /// The text fields of all, at most [`FIELDS_MAX`]; others are not looked at.
    pub fields: Vec<Field>,
}

impl Form {
    /// The longest multipart body with an image of `image` bytes.
    pub(crate) fn multipart_bytes(&self, image: u64) -> u64 {
        let image = if self.multipart_base64.is_some() { in_base64(image) } else { image };
        image.saturating_add(self.envelope_bytes(1))
    }

    /// The longest JSON body with an image of `image` bytes: four characters for three bytes, and six
    /// for a character of a text that is escaped.
    pub(crate) fn json_bytes(&self, image: u64) -> u64 {
        in_base64(image).saturating_add(self.envelope_bytes(6))
    }

    /// The longest form of pairs with an image of `image` bytes: three characters for one that is escaped.
    /// Of base64 that is one in 32, by chance; there is room for twice as many.
    pub(crate) fn urlencoded_bytes(&self, image: u64) -> u64 {
        let base64 = in_base64(image);
        base64.saturating_add(base64.div_ceil(8)).saturating_add(self.envelope_bytes(3))
    }

    /// The longest body with an image of `image` bytes.
    pub(crate) fn longest(&self, image: u64) -> u64 {
        let multipart = self.multipart.as_ref().map(|_| self.multipart_bytes(image));
        let json = self.json.as_ref().map(|_| self.json_bytes(image));
        let urlencoded = self.urlencoded.as_ref().map(|_| self.urlencoded_bytes(image));
        multipart.max(json).max(urlencoded).unwrap_or(image)
    }

    /// What stands before the image, as much for what surrounds the texts, and the texts, where a byte
    /// of them takes `escaped` bytes at most.
    fn envelope_bytes(&self, escaped: u64) -> u64 {
        let texts = self.fields.iter().map(|field| u64::from(field.max_bytes) * escaped).sum();
        (2 * FILE_BEGINS_MAX).saturating_add(texts)
    }
}

/// A text field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    /// The name of the part or member.
    pub name: String,
    /// The longest text in bytes of UTF-8.
    pub max_bytes: u32,
    /// Which characters it may have.
    pub text: Text,
    /// The texts it may be, at most [`VALUES_MAX`]; any if there are none.
    pub values: Vec<String>,
    /// Whether it must be there.
    pub required: bool,
}

/// How many characters so many bytes are in base64.
fn in_base64(bytes: u64) -> u64 {
    bytes.div_ceil(3).saturating_mul(4)
}

impl Field {
    /// Whether the field may have this text, as a whole.
    pub(crate) fn judge(&self, text: &str) -> Result<(), Error> {
        let name = || self.name.clone();
        if !text.chars().all(|character| self.text.admits(character)) {
            return Err(Error::NotText { name: name(), text: self.text });
        }
        if text.len() > usize::try_from(self.max_bytes).unwrap_or(usize::MAX) {
            return Err(Error::TooLong { name: name(), max: self.max_bytes });
        }
        if !self.values.is_empty() && !self.values.iter().any(|value| value == text) {
            return Err(Error::NotOneOf { name: name(), expected: self.values.join(", ") });
        }
        Ok(())
    }
}

/// Which characters a text may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Text {
    /// Letters and digits of ASCII, and `_ . , : # % + -`.
    Token,
    /// UTF-8 without control characters.
    Line,
    /// UTF-8 without control characters other than tab, LF and CR.
    Lines,
}

impl Text {
    /// Whether `character` may stand in such a text.
    pub const fn admits(self, character: char) -> bool {
        match self {
            Self::Token => {
                character.is_ascii_alphanumeric()
                    || matches!(character, '_' | '.' | ',' | ':' | '#' | '%' | '+' | '-')
            }
            Self::Line => !character.is_control(),
            Self::Lines => !character.is_control() || matches!(character, '\t' | '\n' | '\r'),
        }
    }

    /// What such a text is made of.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Token => "letters, digits and _ . , : # % + -",
            Self::Line => "one line without control characters",
            Self::Lines => "text without control characters",
        }
    }
}
