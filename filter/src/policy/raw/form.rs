//! What an envelope may carry, in the policy file.

use serde::Deserialize;
use serde::de::Deserializer;

use crate::envelope::{
    FIELD_BYTES_DEFAULT, FIELD_BYTES_MAX, FIELDS_MAX, FORM_NAME_MAX, Field, Form, Text, VALUES_MAX,
};
use crate::policy::error::{PolicyError, require};
use crate::policy::units::ByteSize;
use crate::policy::units::text::{self, Written};

/// The envelopes that a body may come in, beside the image alone, and the text fields that they may
/// carry. Nothing else may be in them.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Form", extend("anyOf" = [
    { "required": ["multipart"] },
    { "required": ["json"] },
    { "required": ["urlencoded"] },
])))]
#[serde(deny_unknown_fields)]
pub(super) struct RawForm {
    /// The name of the part with the image, where `multipart/form-data` is taken.
    multipart: Option<FormName>,
    /// The name of another part, in which the image may come in base64 instead.
    multipart_base64: Option<FormName>,
    /// The name of the member with the image in base64, where `application/json` is taken.
    json: Option<FormName>,
    /// The name of the field with the image in base64, where `application/x-www-form-urlencoded` is taken.
    urlencoded: Option<FormName>,
    /// The text fields of all.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = FIELDS_MAX)))]
    fields: Vec<RawField>,
}

/// A text field.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Field"))]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    /// The name of the part or member.
    name: FormName,
    /// The longest text in UTF-8, 1 byte to 64 KiB; 256 bytes if left out.
    max_bytes: Option<ByteSize>,
    /// Which characters it may have.
    text: Text,
    /// The texts it may be; any if left out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = VALUES_MAX), extend("uniqueItems" = true)))]
    values: Vec<String>,
    /// Whether it must be there.
    #[serde(default)]
    required: bool,
}

/// The name of a part or member: nothing that one client writes in another way than the next.
struct FormName(String);

impl Written for FormName {
    const EXPECTED: &'static str = "1 to 64 letters, digits, '-', '_' or '.'";

    fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = (1..=FORM_NAME_MAX).contains(&text.len()) && text.bytes().all(plain);
        is_name.then(|| Self(text.to_owned()))
    }
}

const _: () = assert!(FORM_NAME_MAX == 64, "the message of `FormName` says 64");

impl<'de> Deserialize<'de> for FormName {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text::deserialize(input)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for FormName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FormName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The name of a part or member.",
            "type": "string",
            "minLength": 1,
            "maxLength": FORM_NAME_MAX,
            "pattern": "^[A-Za-z0-9_.-]+$",
        })
    }
}

pub(super) fn check(raw: RawForm, at: &str) -> Result<Form, PolicyError> {
    let envelopes = [&raw.multipart, &raw.json, &raw.urlencoded];
    require(envelopes.into_iter().any(Option::is_some), at, || {
        "expected the name of the image in `multipart`, `json` or `urlencoded`".to_owned()
    })?;
    let multipart = raw.multipart.map(|name| name.0);
    let base64 = raw.multipart_base64.map(|name| name.0);
    require(base64.is_none() || (multipart.is_some() && base64 != multipart), at, || {
        "expected in `multipart_base64` another name than in `multipart`, and one there".to_owned()
    })?;
    let mut form = Form {
        multipart,
        multipart_base64: base64,
        json: raw.json.map(|name| name.0),
        urlencoded: raw.urlencoded.map(|name| name.0),
        fields: Vec::new(),
    };
    let images: Vec<_> = [&form.multipart, &form.multipart_base64, &form.json, &form.urlencoded]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    form.fields = check_fields(raw.fields, &images, &format!("{at}.fields"))?;
    Ok(form)
}

/// Fields of which no two have one name, nor one of those that are `taken`.
pub(super) fn check_fields(
    raw: Vec<RawField>,
    taken: &[String],
    at: &str,
) -> Result<Vec<Field>, PolicyError> {
    require(raw.len() <= FIELDS_MAX, at, || format!("expected at most {FIELDS_MAX} fields"))?;
    let mut fields: Vec<Field> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("{at}[{index}]");
        let names = fields.iter().map(|field| &field.name).chain(taken);
        let is_free = !names.into_iter().any(|name| *name == raw.name.0);
        require(is_free, &format!("{at}.name"), || {
            format!("another field or the image has the name {:?} too", raw.name.0)
        })?;
        fields.push(check_field(raw, &at)?);
    }
    Ok(fields)
}

fn check_field(raw: RawField, at: &str) -> Result<Field, PolicyError> {
    let max_bytes = match raw.max_bytes {
        None => FIELD_BYTES_DEFAULT,
        Some(ByteSize(bytes)) => {
            let bounded = u32::try_from(bytes).ok();
            bounded.filter(|bytes| (1..=FIELD_BYTES_MAX).contains(bytes)).ok_or_else(|| {
                let problem = format!("expected 1 to {FIELD_BYTES_MAX} bytes, got {bytes}");
                PolicyError::new(format!("{at}.max_bytes"), problem)
            })?
        }
    };
    require(raw.values.len() <= VALUES_MAX, &format!("{at}.values"), || {
        format!("expected at most {VALUES_MAX} values")
    })?;
    for (index, value) in raw.values.iter().enumerate() {
        let at = format!("{at}.values[{index}]");
        let fits = u64::try_from(value.len()).is_ok_and(|len| len <= max_bytes.into());
        let is_text = value.chars().all(|character| raw.text.admits(character));
        require(fits && is_text && !value.is_empty(), &at, || {
            format!("expected 1 to {max_bytes} bytes of {}", raw.text.expected())
        })?;
        let others = raw.values.iter().take(index);
        require(!others.into_iter().any(|other| other == value), &at, || {
            format!("{value:?} is there twice")
        })?;
    }
    Ok(Field {
        name: raw.name.0,
        max_bytes,
        text: raw.text,
        values: raw.values,
        required: raw.required,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::example::with;

    /// The form of the first route, if the policy with it is right.
    fn form(form: Value) -> Result<Form, PolicyError> {
        let policy = with(&[("/routes/0/form", form)])?;
        Ok(Form::clone(policy.routes[0].form.as_ref().unwrap()))
    }

    fn with_field(field: &Value) -> Result<Form, PolicyError> {
        form(json!({ "multipart": "file", "json": "image", "fields": [field] }))
    }

    #[test]
    fn a_form_is_read() {
        let output = json!({
            "name": "output", "max_bytes": 16, "text": "token", "values": ["cutout", "mask"],
            "required": true,
        });
        let read = form(json!({
            "multipart": "file", "json": "image",
            "fields": [output, { "name": "a.b-c_D", "max_bytes": "64KiB", "text": "lines" }],
        }));
        let output = Field {
            name: "output".to_owned(),
            max_bytes: 16,
            text: Text::Token,
            values: vec!["cutout".to_owned(), "mask".to_owned()],
            required: true,
        };
        let other = Field {
            name: "a.b-c_D".to_owned(),
            max_bytes: 65_536,
            text: Text::Lines,
            values: vec![],
            required: false,
        };
        let expected = Form {
            multipart: Some("file".to_owned()),
            multipart_base64: None,
            json: Some("image".to_owned()),
            urlencoded: None,
            fields: vec![output, other],
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn base64_in_a_part_has_a_name_of_its_own() {
        let read = form(json!({ "multipart": "file", "multipart_base64": "file_b64" })).unwrap();
        assert_eq!(read.multipart_base64.as_deref(), Some("file_b64"));
        // Four characters for three bytes.
        assert!(read.multipart_bytes(3_000_000) > 4_000_000);
        for wrong in [
            json!({ "json": "image", "multipart_base64": "file_b64" }),
            json!({ "multipart": "file", "multipart_base64": "file" }),
        ] {
            assert_eq!(form(wrong).unwrap_err().path, "routes[0].form");
        }
        let field = json!({ "name": "file_b64", "text": "line" });
        let taken = json!({
            "multipart": "file", "multipart_base64": "file_b64", "fields": [field],
        });
        assert_eq!(form(taken).unwrap_err().path, "routes[0].form.fields[0].name");
    }

    #[test]
    fn pairs_have_a_name_for_their_image() {
        let read = form(json!({ "urlencoded": "image_data" })).unwrap();
        assert_eq!(read.urlencoded.as_deref(), Some("image_data"));
        // Four characters for three bytes, and some of them escaped.
        assert!(read.urlencoded_bytes(3_000_000) > 4_500_000);
        assert_eq!(read.longest(3_000_000), read.urlencoded_bytes(3_000_000));
        let field = json!({ "name": "image_data", "text": "line" });
        let taken = json!({ "urlencoded": "image_data", "fields": [field] });
        assert_eq!(form(taken).unwrap_err().path, "routes[0].form.fields[0].name");
    }

    #[test]
    fn what_is_left_out_is_not_taken() {
        let read = form(json!({ "json": "image" })).unwrap();
        assert_eq!((read.multipart, read.fields.len()), (None, 0));
        let read = with_field(&json!({ "name": "title", "text": "line" })).unwrap();
        assert_eq!(read.fields[0].max_bytes, 256);
        assert!(read.fields[0].values.is_empty() && !read.fields[0].required);
    }

    #[test]
    fn errors_name_the_path_of_the_field() {
        let field = |name: &str| json!({ "name": name, "text": "line" });
        let many: Vec<_> = (0..33).map(|index| field(&format!("f{index}"))).collect();
        for (value, path) in [
            (json!({}), "routes[0].form"),
            (json!({ "fields": [] }), "routes[0].form"),
            (json!({ "multipart": "" }), "routes[0].form.multipart"),
            (json!({ "json": "a b" }), "routes[0].form.json"),
            (json!({ "json": "a".repeat(65) }), "routes[0].form.json"),
            (json!({ "json": "a", "xml": "b" }), "routes[0].form.xml"),
            (json!({ "json": "a", "fields": many }), "routes[0].form.fields"),
            (json!({ "json": "a", "fields": [field("a")] }), "routes[0].form.fields[0].name"),
            (
                json!({ "multipart": "a", "json": "c", "fields": [field("b"), field("c")] }),
                "routes[0].form.fields[1].name",
            ),
            (
                json!({ "json": "a", "fields": [field("b"), field("b")] }),
                "routes[0].form.fields[1].name",
            ),
            (
                json!({ "json": "a", "fields": [field("b"), field("c:d")] }),
                "routes[0].form.fields[1].name",
            ),
        ] {
            let error = form(value.clone()).unwrap_err();
            assert_eq!(error.path, path, "{value}: {error}");
        }
    }

    #[test]
    fn errors_of_a_field_name_its_member() {
        let values: Vec<_> = (0..33).map(|value| value.to_string()).collect();
        for (member, value, path) in [
            ("name", json!(1), "name"),
            ("max_bytes", json!(0), "max_bytes"),
            ("max_bytes", json!(65_537), "max_bytes"),
            ("max_bytes", json!("1MiB"), "max_bytes"),
            ("text", json!("html"), "text"),
            ("values", json!(values), "values"),
            ("values", json!(["a", ""]), "values[1]"),
            ("values", json!(["a", "a"]), "values[1]"),
            ("values", json!(["a b"]), "values[0]"),
            ("values", json!(["a".repeat(257)]), "values[0]"),
            ("required", json!("yes"), "required"),
            ("default", json!("mask"), "default"),
        ] {
            let mut field = json!({ "name": "output", "text": "token" });
            field[member] = value.clone();
            let error = with_field(&field).unwrap_err();
            let path = format!("routes[0].form.fields[0].{path}");
            assert_eq!(error.path, path, "{member} {value}: {error}");
        }
        let error = with_field(&json!({ "name": "output" })).unwrap_err();
        assert_eq!(error.path, "routes[0].form.fields[0]");
    }
}
