//! Why an envelope was refused.

use super::{FILE_BEGINS_MAX, Text};

/// Why an envelope was refused. Names and types that come from the body are shown as far as they are
/// short and printable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The media type has no boundary, or none that can be one.
    #[error("expected one boundary of 1 to 70 characters in Content-Type, in quotes where needed")]
    Boundary,
    /// A multipart body does not begin with its boundary.
    #[error("the body must begin with `--` and the boundary that Content-Type names")]
    Preamble,
    /// Something else follows a boundary.
    #[error("expected CRLF after a multipart boundary, or `--` after the last")]
    BoundaryLine,
    /// Something follows the last boundary.
    #[error("expected nothing after the last multipart boundary and its CRLF")]
    Epilogue,
    /// The header of a part breaks the rules.
    #[error("part {part}: {what}")]
    PartHeader {
        /// Which part, counted from 1.
        part: u32,
        /// What was expected.
        what: &'static str,
    },
    /// A part is encoded, or says that it may be.
    #[error("part {part}: {field} is not taken: send the bytes as they are, without this field")]
    PartEncoded {
        /// Which part, counted from 1.
        part: u32,
        /// The header field that says so.
        field: &'static str,
    },
    /// The `Content-Disposition` of a part breaks the rules.
    #[error("part {part}: Content-Disposition: {what}")]
    Disposition {
        /// Which part, counted from 1.
        part: u32,
        /// What was expected.
        what: &'static str,
    },
    /// The part of a text field declares another type than plain text.
    #[error("part \"{name}\": expected text/plain in UTF-8, or no Content-Type, got \"{found}\"")]
    TextType {
        /// The field.
        name: String,
        /// The declared type.
        found: String,
    },
    /// The part of a text field has a file name.
    #[error("part \"{name}\": expected a text and no file name")]
    TextIsFile {
        /// The field.
        name: String,
    },
    /// The image declares a type that is no image type known here.
    #[error("\"{name}\": expected the media type of an image, got \"{found}\"")]
    ImageType {
        /// The part or member with the image.
        name: String,
        /// The declared type.
        found: String,
    },
    /// The image begins too late.
    #[error("\"{name}\" must begin within the first {FILE_BEGINS_MAX} bytes: send it first")]
    ImageTooLate {
        /// The part or member with the image.
        name: String,
    },
    /// The JSON is malformed.
    #[error("the JSON is malformed at byte {at}: expected {expected}")]
    Json {
        /// The offset of the byte that does not fit.
        at: u64,
        /// What was expected there.
        expected: &'static str,
    },
    /// A form of pairs is malformed.
    #[error("the form is malformed at byte {at}: expected {expected}")]
    Urlencoded {
        /// The offset of the byte that does not fit.
        at: u64,
        /// What was expected there.
        expected: &'static str,
    },
    /// A form of pairs ends inside a name or an escape.
    #[error("the form ends inside a name or an escape: expected name=value, with one & in between")]
    UrlencodedEnds,
    /// A member is neither text, nor a number, nor true or false.
    #[error("\"{name}\" is {found}: expected a string, a number, true or false")]
    NotFlat {
        /// The member.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// The member with the image is no string.
    #[error("\"{name}\": expected the image in base64, as a string")]
    ImageNotText {
        /// The member.
        name: String,
    },
    /// The image is not in base64.
    #[error("\"{name}\" is not in base64 (RFC 4648, section 4): expected {expected}")]
    Base64 {
        /// The member.
        name: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The image begins like a `data:` URL and is none.
    #[error("\"{name}\": expected a URL such as \"data:image/png;base64,\", or base64 alone")]
    DataUrl {
        /// The member.
        name: String,
    },
    /// There is a part or member that nobody asked for.
    #[error("\"{name}\" is not known: expected {expected}")]
    Unknown {
        /// Its name.
        name: String,
        /// The names that are known.
        expected: String,
    },
    /// A part or member names a place to fetch the image from.
    #[error("\"{name}\" is not taken: nothing is fetched from URLs here; send the image itself")]
    Url {
        /// Its name.
        name: String,
    },
    /// A part or member is there twice.
    #[error("\"{name}\" is there twice")]
    Repeated {
        /// Its name.
        name: String,
    },
    /// The part or member with the image is missing.
    #[error("\"{name}\", the image, is missing")]
    ImageMissing {
        /// Its name.
        name: String,
    },
    /// A part or member with a text is missing.
    #[error("\"{name}\" is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A text is too long.
    #[error("\"{name}\": expected at most {max} bytes")]
    TooLong {
        /// The field.
        name: String,
        /// The longest text in bytes.
        max: u32,
    },
    /// A text is not UTF-8.
    #[error("\"{name}\": expected UTF-8")]
    NotUtf8 {
        /// The field.
        name: String,
    },
    /// A text has a character that it may not have.
    #[error("\"{name}\": expected {}", .text.expected())]
    NotText {
        /// The field.
        name: String,
        /// What it may have.
        text: Text,
    },
    /// A text is none of those the field may be.
    #[error("\"{name}\": expected one of {expected}")]
    NotOneOf {
        /// The field.
        name: String,
        /// The texts it may be.
        expected: String,
    },
    /// A multipart body ends before its last boundary.
    #[error("the body ends before its last multipart boundary does")]
    FormEnds,
    /// A JSON body ends inside its object.
    #[error("the body ends before its JSON object does")]
    JsonEnds,
    /// The body was refused already, or is complete.
    #[error("the body was judged already")]
    AfterEnd,
}

/// The most bytes that are shown of what a client calls something.
const SHOWN_MAX: usize = 64;

/// What a client calls something, as far as it may go into a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    let printable = |&byte: &u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '?' };
    bytes.iter().take(SHOWN_MAX).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_a_client_calls_something_is_short_and_printable() {
        assert_eq!(shown(b"caf\xc3\xa9\r\n\0 ~"), "caf????? ~");
        assert_eq!(shown(&[b'a'; 100]), "a".repeat(64));
    }
}
