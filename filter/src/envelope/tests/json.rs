//! The rules of JSON, one by one.

use super::write::base64;
use super::*;

fn why(body: &str) -> String {
    read_json(body).unwrap_err().to_string()
}

/// Reads a body whose image is this string, with its quotes.
fn with_image(string: &str) -> Result<Vec<Call>, Error> {
    read_json(&format!("{{\"image\":{string}}}"))
}

/// Reads a body with an image and this member.
fn with_member(member: &str) -> Result<Call, Error> {
    read_json(&format!("{{\"image\":\"AAAA\",{member}}}")).map(|mut calls| calls.pop().unwrap())
}

#[test]
fn the_image_and_the_fields_are_told_in_their_order() {
    let body = r#"{"output":"mask","image":"Zm9vYg==","size":7,"alpha":true}"#;
    let mut expected = vec![field(0, "mask")];
    expected.extend(image(None, 26, b"foob"));
    expected.extend([field(1, "7"), field(4, "true")]);
    assert_eq!(read_json(body), Ok(expected));
}

#[test]
fn white_space_stands_between_tokens() {
    let body = " \t\r\n{ \"image\" : \"AAAA\"\r\n,\t\"size\" :1\n} \n";
    assert_eq!(read_json(body).unwrap().last(), Some(&field(1, "1")));
    for body in ["\u{a0}{}", "\u{feff}{\"image\":\"AAAA\"}", "\x0b{}"] {
        assert!(why(body).starts_with("the JSON is malformed at byte 0: expected an object"));
    }
}

#[test]
fn values_are_the_texts_that_stand_there() {
    for (member, call) in [
        (r#""size":0"#, field(1, "0")),
        (r#""size":-1.5e+3"#, field(1, "-1.5e+3")),
        (r#""size":"-1.5e+3""#, field(1, "-1.5e+3")),
        (r#""size":1E5"#, field(1, "1E5")),
        (r#""alpha":false"#, field(4, "false")),
        (r#""alpha":"false""#, field(4, "false")),
        (r#""size":"""#, field(1, "")),
        (r#""siz\u0065":1"#, field(1, "1")),
        (r#""title":"caf\u00e9 \ud83d\ude00""#, field(2, "café 😀")),
        (r#""prompt":"a\r\n\tb\/""#, field(3, "a\r\n\tb/")),
    ] {
        assert_eq!(with_member(member), Ok(call), "{member}");
    }
}

#[test]
fn a_form_is_flat() {
    for (value, found) in [("null", "null"), ("[1]", "an array"), ("{}", "an object")] {
        let error = Error::NotFlat { name: "size".to_owned(), found };
        assert_eq!(with_member(&format!("\"size\":{value}")), Err(error));
        let error = Error::NotFlat { name: "image".to_owned(), found };
        assert_eq!(with_image(value), Err(error));
    }
    for value in ["1", "true", "x"] {
        assert_eq!(with_image(value), Err(Error::ImageNotText { name: "image".to_owned() }));
    }
}

#[test]
fn names_are_known_and_unique_whatever_way_they_are_written() {
    for member in [r#""image":"""#, r#""im\u0061ge":"AAAA""#] {
        assert_eq!(with_member(member), Err(Error::Repeated { name: "image".to_owned() }));
    }
    let twice = with_member(r#""size":1,"\u0073ize":1"#);
    assert_eq!(twice, Err(Error::Repeated { name: "size".to_owned() }));
    for name in ["Image", "file", "", "size ", "__proto__", &"a".repeat(300)] {
        let unknown = with_member(&format!("\"{name}\":1"));
        assert!(matches!(unknown, Err(Error::Unknown { .. })), "{name}");
    }
    assert_eq!(why(r#"{"size":1}"#), "\"image\", the image, is missing");
    assert_eq!(why("{}"), "\"image\", the image, is missing");
    let required = |body: &str| read(|| Reader::json(form_with_output()), body.as_bytes());
    let missing = Error::Missing { name: "output".to_owned() };
    assert_eq!(required(r#"{"image":"AAAA"}"#), Err(missing));
    assert!(required(r#"{"image":"AAAA","output":"mask"}"#).is_ok());
}

#[test]
fn faults_are_told_with_their_place() {
    let end = "a comma, or the end of the object";
    for (body, at, expected) in [
        ("", None, ""),
        (" {\"image\"", None, ""),
        ("[]", Some(0), "an object"),
        ("{1:2}", Some(1), "a name in quotes, or the end of the object"),
        ("{'a':2}", Some(1), "a name in quotes, or the end of the object"),
        (r#"{"size" 1}"#, Some(8), "a colon after the name"),
        (r#"{"size":,"#, Some(8), "a string, a number, true or false"),
        (r#"{"size":+1}"#, Some(8), "a string, a number, true or false"),
        (r#"{"size":tru1}"#, Some(11), "a string, a number, true or false"),
        (r#"{"size":truee}"#, Some(12), end),
        (r#"{"size":01}"#, Some(9), end),
        (r#"{"size":1.}"#, Some(10), "a digit"),
        (r#"{"size":-}"#, Some(9), "a digit"),
        (r#"{"size":1 2}"#, Some(10), end),
        (r#"{"size":1,}"#, Some(10), "a name in quotes"),
        (r#"{"size":1;}"#, Some(9), end),
        ("{\"title\":\"a\nb\"}", Some(11), "no control characters in a string"),
        (r#"{"title":"\x"}"#, Some(11), "one of \" \\ / b f n r t u after a backslash"),
        (r#"{"title":"\ud800"}"#, Some(16), "both halves of a surrogate pair"),
        (r#"{"title":"\udc00"}"#, Some(15), "both halves of a surrogate pair"),
        (r#"{"image":"AAAA"}x"#, Some(16), "nothing after the object"),
        (r#"{"image":"AAAA"}{}"#, Some(16), "nothing after the object"),
        (r#"{"image":"AAAA"},"#, Some(16), "nothing after the object"),
    ] {
        let error = match at {
            Some(at) => Error::Json { at, expected },
            None => Error::JsonEnds,
        };
        assert_eq!(read_json(body), Err(error), "{body}");
    }
    let whole = r#"{"size":1,"image":"AAAA"}"#;
    for len in 0..whole.len() {
        let error = Error::JsonEnds;
        assert_eq!(read_json(&whole[..len]), Err(error), "{len}");
    }
}

#[test]
fn texts_are_utf_8_of_their_kind() {
    let bytes = |text: &[u8]| {
        let body = [&b"{\"image\":\"AAAA\",\"title\":\""[..], text, b"\"}"].concat();
        read(|| Reader::json(form()), &body).map(|_| ())
    };
    let name = || "title".to_owned();
    assert_eq!(bytes("é".as_bytes()), Ok(()));
    for text in [&b"\xff"[..], b"\xe2\x82", b"\xe2\x82\\u00ac", b"\xc0\x80", b"\xed\xa0\x80"] {
        assert_eq!(bytes(text), Err(Error::NotUtf8 { name: name() }), "{text:?}");
    }
    assert_eq!(bytes(br"\u0000"), Err(Error::NotText { name: name(), text: Text::Line }));
    assert_eq!(bytes(&[b'a'; 21]), Err(Error::TooLong { name: name(), max: 20 }));
    let error = Error::TooLong { name: "size".to_owned(), max: 8 };
    assert_eq!(with_member(r#""size":123456789"#), Err(error));
    let error = with_member(r#""alpha":1"#).unwrap_err().to_string();
    assert_eq!(error, "\"alpha\": expected one of true, false");
}

#[test]
fn images_are_in_base64_with_escapes_honoured() {
    for (string, at, bytes) in [
        (r#""""#, 10, &b""[..]),
        (r#""+/+/""#, 10, b"\xfb\xff\xbf"),
        (r#""\u002b\/+\/""#, 10, b"\xfb\xff\xbf"),
        (r#""Zg==""#, 10, b"f"),
        (r#""Zg\u003d=""#, 10, b"f"),
        (r#""data""#, 10, b"\x75\xab\x5a"),
        (r#""datadata""#, 10, b"\x75\xab\x5a\x75\xab\x5a"),
        (r#""dat=""#, 10, b"\x75\xab"),
    ] {
        let expected = match string {
            r#""dat=""# => Err(()),
            _ => Ok(image(None, at, bytes)),
        };
        assert_eq!(with_image(string).map_err(|_| ()), expected, "{string}");
    }
    for string in [r#""Zg""#, r#""Zh==""#, r#""Zg==\n""#, r#""Zm9-""#, "\"Zm9\u{e9}\"", r#""Z m9""#]
    {
        let error = with_image(string).unwrap_err().to_string();
        assert!(error.starts_with("\"image\" is not in base64"), "{string}: {error}");
    }
    let large: Vec<_> = (0..=255_u8).cycle().take(10_000).collect();
    assert_eq!(with_image(&format!("\"{}\"", base64(&large))), Ok(image(None, 10, &large)));
}

#[test]
fn a_data_url_declares_the_format() {
    for (string, declared, at) in [
        (r#""data:image/png;base64,Zg==""#, Some(Format::Png), 32),
        (r#""data:IMAGE/Webp;BASE64,Zg==""#, Some(Format::Webp), 33),
        (r#""data:image\/jpeg;base64\u002cZg==""#, Some(Format::Jpeg), 39),
        (r#""data:application/octet-stream;base64,Zg==""#, None, 47),
    ] {
        assert_eq!(with_image(string), Ok(image(declared, at, b"f")), "{string}");
    }
    for string in [
        r#""data:""#,
        r#""data:,Zg==""#,
        r#""data:image/png,Zg==""#,
        r#""data:image/png;base64""#,
        r#""data:image/png;base64;Zg==""#,
        r#""data:image/png;charset=utf-8;base64,Zg==""#,
    ] {
        assert_eq!(
            with_image(string),
            Err(Error::DataUrl { name: "image".to_owned() }),
            "{string}"
        );
    }
    let long = format!("\"data:{},\"", "a".repeat(100));
    assert_eq!(with_image(&long), Err(Error::DataUrl { name: "image".to_owned() }));
    for found in ["image/svg+xml", "text/html", "", "image/jpg"] {
        let error = Error::ImageType { name: "image".to_owned(), found: found.to_owned() };
        assert_eq!(with_image(&format!("\"data:{found};base64,Zg==\"")), Err(error));
    }
    // The scheme alone is not in base64 either.
    assert!(with_image(r#""DATA:image/png;base64,Zg==""#).is_err());
}

#[test]
fn the_image_begins_within_16_kib() {
    let begins_at = |at: usize| {
        let body = |space: usize| format!("{{{}\"image\":\"AAAA\"}}", " ".repeat(space));
        read_json(&body(at - 10))
    };
    assert_eq!(begins_at(16_383), Ok(image(None, 16_383, &[0; 3])));
    for at in [16_384, 16_385, 30_000] {
        let error = Error::ImageTooLate { name: "image".to_owned() };
        assert_eq!(begins_at(at), Err(error), "{at}");
    }
}
