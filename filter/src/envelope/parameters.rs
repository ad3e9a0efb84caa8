//! A value with parameters: a media type, a disposition (RFC 9110 §5.6.6, §8.3.1).

/// The most parameters of one value.
const PARAMETERS_MAX: usize = 8;

/// A value with parameters, each name once.
pub(crate) struct Parameterised<'a> {
    /// What stands before the parameters.
    pub(crate) essence: &'a [u8],
    parameters: [Option<(&'a [u8], Value<'a>)>; PARAMETERS_MAX],
}

/// The value of a parameter: a token, or the inside of a quoted string.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    written: &'a [u8],
}

impl<'a> Parameterised<'a> {
    /// Reads `essence *( OWS ";" OWS [ name "=" ( token / quoted-string ) ] )`.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
        let (essence, mut rest) = value.split_at(end);
        let mut parsed =
            Self { essence: trim_end(trim_start(essence)), parameters: [None; PARAMETERS_MAX] };
        while let Some((b';', after)) = rest.split_first() {
            rest = trim_start(after);
            if matches!(rest.first(), None | Some(b';')) {
                continue;
            }
            let parameter = parameter(&mut rest)?;
            parsed.add(parameter)?;
            rest = trim_start(rest);
        }
        rest.is_empty().then_some(parsed)
    }

    /// The value of a parameter; the case of its name does not matter.
    pub(crate) fn parameter(&self, name: &str) -> Option<Value<'a>> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// The parameters, as they stand there.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        self.parameters.iter().map_while(|parameter| *parameter)
    }

    fn add(&mut self, parameter: (&'a [u8], Value<'a>)) -> Option<()> {
        if self.iter().any(|(name, _)| name.eq_ignore_ascii_case(parameter.0)) {
            return None;
        }
        *self.parameters.iter_mut().find(|slot| slot.is_none())? = Some(parameter);
        Some(())
    }
}

impl Value<'_> {
    /// Its bytes, without the backslashes of quoted pairs.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> {
        let mut bytes = self.written.iter().copied();
        std::iter::from_fn(move || match bytes.next() {
            // No token has one.
            Some(b'\\') => bytes.next(),
            byte => byte,
        })
    }

    /// Whether it is `text`, in whatever case.
    pub(crate) fn is(&self, text: &str) -> bool {
        let lower = |byte: u8| byte.to_ascii_lowercase();
        self.bytes().map(lower).eq(text.bytes().map(lower))
    }
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without optional white space in front (RFC 9110 §5.6.3), which is less than that of ASCII.
fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t', rest)) = bytes.split_first() {
        bytes = rest;
    }
    bytes
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t', rest)) = bytes.split_last() {
        bytes = rest;
    }
    bytes
}

fn parameter<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Value<'a>)> {
    let name = token(rest)?;
    let (b'=', after) = rest.split_first()? else { return None };
    *rest = after;
    let written = match after.split_first() {
        Some((b'"', inside)) => {
            *rest = inside;
            quoted(rest)?
        }
        _ => token(rest)?,
    };
    Some((name, Value { written }))
}

fn token<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|&byte| !is_tchar(byte)).unwrap_or(rest.len());
    let (token, after) = rest.split_at(end);
    *rest = after;
    (!token.is_empty()).then_some(token)
}

/// The inside of a quoted string up to its closing quote (RFC 9110 §5.6.4).
fn quoted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut escaped = false;
    for (index, &byte) in rest.iter().enumerate() {
        match byte {
            0..=8 | 10..=31 | 127 => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (inside, after) = rest.split_at(index);
                *rest = after.get(1..).unwrap_or_default();
                return Some(inside);
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> Option<String> {
        let parsed = Parameterised::parse(value.as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let parameters = parsed.iter().map(|(name, value)| {
            format!("|{}={}", text(name), text(&value.bytes().collect::<Vec<_>>()))
        });
        Some(text(parsed.essence) + &parameters.collect::<String>())
    }

    #[test]
    fn parameters_are_tokens_or_quoted_strings() {
        for (value, expected) in [
            ("", ""),
            ("text/plain", "text/plain"),
            ("text/plain;charset=utf-8", "text/plain|charset=utf-8"),
            ("text/plain \t;\t charset=\"utf-8\" ", "text/plain|charset=utf-8"),
            ("a;;b=c; ;", "a|b=c"), // RFC 9110 §5.6.6 takes empty ones.
            (r#"a;b="\"c;d\\ = ü""#, r#"a|b="c;d\ = ü"#),
            ("a;b=\"\"", "a|b="),
            ("a;1=1;2=2;3=3;4=4;5=5;6=6;7=7;8=8", "a|1=1|2=2|3=3|4=4|5=5|6=6|7=7|8=8"),
        ] {
            assert_eq!(written(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for value in [
            "a;b",
            "a;b=",
            "a;=c",
            "a;b =c",
            "a;b= c",
            "a;b=c d",
            "a;\x0cb=c",
            "a;b=c\n",
            "a;b=\"c",
            "a;b=\"c\\\"",
            "a;b=\"c\"d",
            "a;b=\"c\rd\"",
            "a;b=\"c\0\"",
            "a;b=c;B=d",
            "a;b=ü",
            "a;1=1;2=2;3=3;4=4;5=5;6=6;7=7;8=8;9=9",
        ] {
            assert_eq!(written(value), None, "{value:?}");
        }
    }

    #[test]
    fn names_and_values_are_found_in_any_case() {
        let parsed = Parameterised::parse(b"text/plain; Charset=UTF-8").unwrap();
        assert!(parsed.parameter("charset").unwrap().is("utf-8"));
        assert!(!parsed.parameter("CHARSET").unwrap().is("utf-16"));
        assert!(parsed.parameter("format").is_none());
    }
}
