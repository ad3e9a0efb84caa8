//! Writes envelopes as clients do.

use base64ct::{Base64, Encoding};

/// A part: its header lines and its content.
pub(super) struct Part(pub(super) Vec<String>, pub(super) Vec<u8>);

/// A part with a text.
pub(super) fn text(name: &str, text: &str) -> Part {
    Part(vec![format!("Content-Disposition: form-data; name=\"{name}\"")], text.into())
}

/// A part with a PNG file.
pub(super) fn file(name: &str, bytes: &[u8]) -> Part {
    let disposition = "Content-Disposition: form-data";
    Part(
        vec![
            format!("{disposition}; name=\"{name}\"; filename=\"a.png\""),
            "Content-Type: image/png".to_owned(),
        ],
        bytes.to_vec(),
    )
}

/// A part with this header.
pub(super) fn part(lines: &[&str], content: &[u8]) -> Part {
    Part(lines.iter().map(|&line| line.to_owned()).collect(), content.to_vec())
}

/// A multipart body.
pub(super) fn multipart(boundary: &str, parts: &[Part]) -> Vec<u8> {
    let mut body = vec![];
    for Part(lines, content) in parts {
        body.extend(format!("--{boundary}\r\n").bytes());
        for line in lines {
            body.extend(format!("{line}\r\n").bytes());
        }
        body.extend(b"\r\n");
        body.extend(content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    body
}

/// A JSON body.
pub(super) fn json(members: &[(&str, String)]) -> String {
    let quote = |text: &str| serde_json::to_string(text).unwrap();
    let members: Vec<_> =
        members.iter().map(|(name, text)| format!("{}:{}", quote(name), quote(text))).collect();
    format!("{{{}}}", members.join(","))
}

/// A form of pairs, with what must be escaped, and what else `escaped` says of each byte.
pub(super) fn urlencoded(pairs: &[(String, String)], escaped: &[bool]) -> String {
    let write = |text: &str| -> String {
        let escaped = escaped.iter().chain(std::iter::repeat(&false));
        let byte = |(byte, escape): (u8, &bool)| match byte {
            b' ' if !escape => "+".to_owned(),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' if !escape => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02x}"),
        };
        text.bytes().zip(escaped).map(byte).collect()
    };
    let pairs: Vec<_> =
        pairs.iter().map(|(name, text)| format!("{}={}", write(name), write(text))).collect();
    pairs.join("&")
}

/// The base64 of an image.
pub(super) fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}
