//! The `Content-Disposition` of a part (RFC 7578 §4.2).

use super::Parameterised;
use super::bounded::Bounded;

/// Longer than any name that a form knows.
const NAME_MAX: usize = 128;

/// What a `Content-Disposition` says.
pub(super) struct Disposition {
    /// The name of the part, as far as it fits: a form knows no name that does not.
    pub(super) name: Bounded<NAME_MAX>,
    /// Whether there is a file name. It is not looked at: who believes file names is lied to.
    pub(super) has_filename: bool,
}

const _: () = assert!(super::FORM_NAME_MAX < NAME_MAX);

/// Reads the value of the field.
pub(super) fn parse(value: &[u8]) -> Result<Disposition, &'static str> {
    let parsed = Parameterised::parse(value)
        .ok_or("expected parameters such as name=\"file\", each once")?;
    if !parsed.essence.eq_ignore_ascii_case(b"form-data") {
        return Err("expected form-data");
    }
    // `name*=`, `filename*0=`: other readers take them for the name (RFC 2231, RFC 8187).
    if parsed.iter().any(|(name, _)| name.contains(&b'*')) {
        return Err("extended parameters such as filename* are not taken (RFC 7578, section 4.2)");
    }
    let written = parsed.parameter("name").ok_or("expected a name")?;
    let mut name = Bounded::new();
    // What is cut off belongs to a name that nobody knows.
    let _ = name.extend(written.bytes());
    Ok(Disposition { name, has_filename: parsed.parameter("filename").is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Result<(Vec<u8>, bool), &'static str> {
        parse(value.as_bytes()).map(|read| (read.name.as_slice().to_vec(), read.has_filename))
    }

    #[test]
    fn a_part_has_a_name_and_perhaps_a_file_name() {
        for (value, expected, is_file) in [
            (r#"form-data; name="file""#, "file", false),
            ("form-data; name=file", "file", false),
            (r#"FORM-DATA;NAME="file";filename="a.png""#, "file", true),
            (r#"form-data; filename=""; name="file""#, "file", true),
            (r#"form-data; name="fi\"l\\e"; filename="C:\fakepath\ü.png""#, r#"fi"l\e"#, true),
            (r#"form-data; name="fi\le"; size=7"#, "file", false),
            (r#"form-data; name="""#, "", false),
        ] {
            assert_eq!(name(value), Ok((expected.into(), is_file)), "{value}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [
            "",
            "form-data",
            "attachment; name=file",
            "form-data name=file",
            "form-data; filename=a.png",
            "form-data; name=file; name=file",
            "form-data; name=file; Name=\"other\"",
            "form-data; name=file; filename=a; filename=b",
            "form-data; name=file; size=1; size=2",
            "form-data; name=file; filename*=utf-8''a.png",
            "form-data; name*=utf-8''file",
            "form-data; name=file; filename*0=a; filename*1=b",
            "form-data; name=\"file",
            "form-data; name=fi le",
            "form-data; name",
            "form-data; name = file",
        ] {
            assert!(name(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_name_that_is_cut_off_is_longer_than_any_that_is_known() {
        let (cut, _) = name(&format!("form-data; name={}", "a".repeat(1000))).unwrap();
        assert_eq!(cut.len(), NAME_MAX);
    }
}
