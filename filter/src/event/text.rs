//! Texts from strangers, made fit for a log.

use serde::Serialize;

/// At most `MAX` printable ASCII characters.
///
/// Whatever else a client sent is shown as `?`: an escape sequence must not reach the terminal of
/// whoever reads the log. A longer text ends in `...`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    pub(super) fn new(text: &str) -> Self {
        let mut characters = text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' });
        let mut kept: String = characters.by_ref().take(MAX).collect();
        if characters.next().is_some() {
            kept.truncate(MAX.saturating_sub(CUT.len()));
            kept.push_str(CUT);
        }
        Self(kept)
    }
}

/// Ends a text that was cut.
const CUT: &str = "...";

#[cfg(feature = "schema")]
impl<const MAX: usize> schemars::JsonSchema for Text<MAX> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Text{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "maxLength": MAX, "pattern": "^[ -~]*$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_printable_and_no_longer_than_its_bound() {
        for (text, kept) in [
            ("", ""),
            ("12345678", "12345678"),
            ("123456789", "12345..."),
            ("a\u{1b}[31mb", "a?[31mb"),
            ("é\u{9b}\n\0\u{7f}", "?????"),
            ("ééééééééé", "?????..."),
        ] {
            assert_eq!(Text::<8>::new(text).0, kept, "{text:?}");
        }
    }
}
