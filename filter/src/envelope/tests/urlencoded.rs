//! The rules of forms of pairs, one by one.

use super::*;

fn why(body: &str) -> Error {
    read_urlencoded(body).unwrap_err()
}

fn malformed(at: u64, expected: &'static str) -> Error {
    Error::Urlencoded { at, expected }
}

/// Reads a form with an image and this pair.
fn with_pair(pair: &str) -> Result<Call, Error> {
    read_urlencoded(&format!("image=AAAA&{pair}")).map(|mut calls| calls.pop().unwrap())
}

#[test]
fn the_image_and_the_fields_are_told_in_their_order() {
    let mut expected = vec![field(0, "mask")];
    expected.extend(image(None, 18, b"foob"));
    expected.extend([field(1, "7"), field(2, "")]);
    // As Python's `requests` writes it, and as a careless client does.
    for padding in ["%3D%3D", "==", "%3d="] {
        let body = format!("output=mask&image=Zm9vYg{padding}&size=7&title=");
        assert_eq!(read_urlencoded(&body).as_ref(), Ok(&expected), "{body}");
    }
}

#[test]
fn an_image_may_be_a_url_of_data() {
    let body = "image=data%3Aimage%2Fpng%3Bbase64%2C%2B%2F8%3D";
    assert_eq!(read_urlencoded(body), Ok(image(Some(Format::Png), 36, b"\xfb\xff")));
}

#[test]
fn a_value_is_what_its_escapes_stand_for() {
    for (pair, call) in [
        ("title=caf%C3%A9+%F0%9F%98%80", field(2, "café 😀")),
        ("title=a%2Bb%26c%3dd", field(2, "a+b&c=d")),
        ("title=a=b", field(2, "a=b")),
        ("prompt=a%0D%0Ab", field(3, "a\r\nb")),
        ("%74itl%65=%31", field(2, "1")),
        ("size=", field(1, "")),
    ] {
        assert_eq!(with_pair(pair), Ok(call), "{pair}");
    }
}

#[test]
fn what_another_reader_could_split_or_decode_otherwise_is_refused() {
    let visible = "visible ASCII, and % for \";\" and the rest";
    let digits = "two hex digits after %";
    let pairs = "name=value, with one & in between";
    for (pair, at, expected) in [
        ("title=a;size=1", 7, visible),
        ("title=a b", 7, visible),
        ("title=caf\u{e9}", 9, visible),
        ("title=a\r\n", 7, visible),
        ("title=%zz", 7, digits),
        ("title=%4", 8, digits),
        ("title=%4&size=1", 8, digits),
        ("title=%%41", 7, digits),
        ("&title=a", 0, pairs),
        ("title&size=1", 5, pairs),
        ("title=a&&size=1", 8, pairs),
    ] {
        let expected = match pair {
            "title=%4" => Error::UrlencodedEnds,
            _ => malformed(11 + at, expected),
        };
        assert_eq!(with_pair(pair), Err(expected), "{pair}");
    }
    for body in ["", "image", "image=AAAA&", "image=AAAA&size", "image=AAAA&size=1%"] {
        assert_eq!(why(body), Error::UrlencodedEnds, "{body}");
    }
}

#[test]
fn names_are_known_and_unique_whatever_way_they_are_written() {
    let repeated = |name: &str| Err(Error::Repeated { name: name.to_owned() });
    assert_eq!(with_pair("im%61ge=AAAA"), repeated("image"));
    assert_eq!(with_pair("size=1&size=1"), repeated("size"));
    for name in ["Image", "file", "", "size+", "size%00", "size%5B%5D", &"a".repeat(300)] {
        let unknown = with_pair(&format!("{name}=1"));
        assert!(matches!(unknown, Err(Error::Unknown { .. })), "{name}: {unknown:?}");
    }
    assert!(matches!(with_pair("image_url=http://h/"), Err(Error::Url { .. })));
    assert_eq!(why("size=1"), Error::ImageMissing { name: "image".to_owned() });
    let required = read(|| Reader::urlencoded(form_with_output()), b"image=AAAA");
    assert_eq!(required, Err(Error::Missing { name: "output".to_owned() }));
}

#[test]
fn texts_and_images_keep_their_rules() {
    assert!(matches!(with_pair("output=masks"), Err(Error::NotOneOf { .. })));
    assert!(matches!(with_pair("size=123456789"), Err(Error::TooLong { .. })));
    assert!(matches!(with_pair("title=a%0Ab"), Err(Error::NotText { .. })));
    assert!(matches!(with_pair("title=%FF"), Err(Error::NotUtf8 { .. })));
    assert!(matches!(with_pair("title=%C3"), Err(Error::NotUtf8 { .. })));
    // A plus sign that was not escaped is a space, and no base64.
    assert!(matches!(why("image=AA+A"), Error::Base64 { .. }));
    assert!(matches!(why("image=AAA"), Error::Base64 { .. }));
    assert!(matches!(why("image=data%3Aimage%2Fpng%2CAAAA"), Error::DataUrl { .. }));
}

#[test]
fn the_image_begins_early_or_not_at_all() {
    let prompt = Field { max_bytes: 65_536, ..form().fields[3].clone() };
    let long = Arc::new(Form { fields: vec![prompt], ..Form::clone(&form()) });
    let at = |begins: u64| {
        let pads = usize::try_from(begins).unwrap() - "prompt=&image=".len();
        let body = format!("prompt={}&image=AAAA", "a".repeat(pads));
        read(|| Reader::urlencoded(Arc::clone(&long)), body.as_bytes()).map(|_| ())
    };
    assert_eq!(at(FILE_BEGINS_MAX - 1), Ok(()));
    assert!(matches!(at(FILE_BEGINS_MAX), Err(Error::ImageTooLate { .. })));
}
