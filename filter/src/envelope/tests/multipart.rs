//! The rules of multipart, one by one.

use super::write::{Part, file, multipart, part, text};
use super::*;

const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"";

/// Reads a body of these parts.
fn parts(parts: &[Part]) -> Result<Vec<Call>, Error> {
    read_form(&multipart(BOUNDARY, parts))
}

/// Reads a body of a part with this header.
fn header(lines: &[&str]) -> Result<Vec<Call>, Error> {
    parts(&[part(lines, b"image")])
}

fn why(outcome: Result<Vec<Call>, Error>) -> String {
    outcome.unwrap_err().to_string()
}

/// A body with what stands before its first and after its last boundary.
fn framed(before: &str, after: &str) -> Result<Vec<Call>, Error> {
    let body = format!("{before}--AaB03x\r\n{FILE}\r\n\r\nimage\r\n--AaB03x--{after}");
    read_form(body.as_bytes())
}

#[test]
fn the_image_and_the_fields_are_told_in_their_order() {
    let calls = parts(&[text("output", "mask"), file("file", b"image"), text("prompt", "a\r\nb")]);
    let mut expected = vec![field(0, "mask")];
    expected.extend(image(Some(Format::Png), 165, b"image"));
    expected.push(field(3, "a\r\nb"));
    assert_eq!(calls, Ok(expected));
}

#[test]
fn contents_may_be_empty() {
    let calls = parts(&[text("title", ""), file("file", b"")]).unwrap();
    assert_eq!(calls[0], field(2, ""));
    assert!(matches!(calls[1..], [Call::Begins(..), Call::Ends]));
}

#[test]
fn nothing_but_crlf_stands_around_the_parts() {
    for (before, after) in [("", ""), ("", "\r\n"), ("\r\n", ""), ("\r\n", "\r\n")] {
        assert!(framed(before, after).is_ok(), "{before:?} {after:?}");
    }
    for before in ["\n", "\r\n\r\n", "preamble\r\n", " ", "-", "\r\n ", "\r"] {
        assert_eq!(framed(before, ""), Err(Error::Preamble), "{before:?}");
    }
    for after in ["\n", "\r\n\r\n", "\r\nepilogue", " ", "-", "\rx", "\0"] {
        assert_eq!(framed("", after), Err(Error::Epilogue), "{after:?}");
    }
    let truncated = Error::FormEnds;
    assert_eq!(framed("", "\r"), Err(truncated.clone()));
    let whole = multipart(BOUNDARY, &[file("file", b"image")]);
    for len in 0..whole.len() - 2 {
        assert_eq!(read_form(&whole[..len]), Err(truncated.clone()), "{len}");
    }
    assert_eq!(read_form(b"--AaB03X\r\n"), Err(Error::Preamble));
}

#[test]
fn a_boundary_is_followed_by_crlf_or_dashes_alone() {
    for after in [" \r\n", "\n", "\t\r\n", "-", "-\r\n", "x\r\n", "\r\r\n", "\r--"] {
        let body = format!("--AaB03x{after}{FILE}\r\n\r\nimage\r\n--AaB03x--");
        assert_eq!(read_form(body.as_bytes()), Err(Error::BoundaryLine), "{after:?}");
    }
}

#[test]
fn there_are_no_more_parts_than_the_form_has_names() {
    let field = |index| Field {
        name: format!("f{index}"),
        max_bytes: 1,
        text: Text::Token,
        values: vec![],
        required: false,
    };
    let form = Arc::new(Form {
        multipart: Some("file".to_owned()),
        multipart_base64: None,
        json: None,
        urlencoded: None,
        fields: (0..33).map(field).collect(),
    });
    let reader = || Reader::form(boundary(BOUNDARY), Arc::clone(&form));
    let parts = |fields: &[usize]| {
        let fields = fields.iter().map(|index| text(&format!("f{index}"), "1"));
        let all: Vec<_> = [file("file", b"i")].into_iter().chain(fields).collect();
        read(reader, &multipart(BOUNDARY, &all)).map(|calls| calls.len())
    };
    let all: Vec<_> = (0..FIELDS_MAX).collect();
    assert_eq!(parts(&all), Ok(3 + FIELDS_MAX));
    let again = [&all[..], &[31]].concat();
    assert_eq!(parts(&again), Err(Error::Repeated { name: "f31".to_owned() }));
    let beyond = [&all[..], &[32]].concat();
    assert!(matches!(parts(&beyond), Err(Error::Unknown { .. })));
}

#[test]
fn names_are_known_and_unique_and_the_image_is_there() {
    let twice = parts(&[file("file", b"a"), file("file", b"b")]);
    assert_eq!(why(twice), "\"file\" is there twice");
    let twice = parts(&[text("size", "1"), file("file", b"a"), text("size", "1")]);
    assert_eq!(why(twice), "\"size\" is there twice");
    for name in ["File", "image", "", "file ", "file\\0", "file%00"] {
        let unknown = parts(&[file(name, b"a")]);
        assert!(matches!(unknown, Err(Error::Unknown { .. })), "{name}");
    }
    assert_eq!(why(parts(&[text("size", "1")])), "\"file\", the image, is missing");
    assert_eq!(why(read_form(b"--AaB03x--")), "\"file\", the image, is missing");
    // A form that takes no multipart knows no file, not even one without a name.
    let none = Arc::new(Form { multipart: None, ..Form::clone(&form()) });
    let reader = || Reader::form(boundary(BOUNDARY), Arc::clone(&none));
    for name in ["", "file", "image"] {
        let unknown = read(reader, &multipart(BOUNDARY, &[file(name, b"a")]));
        assert!(matches!(unknown, Err(Error::Unknown { .. })), "{name}");
    }
    let required = |parts: &[Part]| {
        let reader = || Reader::form(boundary(BOUNDARY), form_with_output());
        read(reader, &multipart(BOUNDARY, parts))
    };
    assert_eq!(why(required(&[file("file", b"a")])), "\"output\" is missing");
    assert!(required(&[file("file", b"a"), text("output", "mask")]).is_ok());
}

/// A form whose image may come in base64 in `file_b64`.
fn with_base64(parts: &[Part]) -> Result<Vec<Call>, Error> {
    let form = Form { multipart_base64: Some("file_b64".to_owned()), ..Form::clone(&form()) };
    let form = Arc::new(form);
    let reader = || Reader::form(boundary(BOUNDARY), Arc::clone(&form));
    read(reader, &multipart(BOUNDARY, parts))
}

#[test]
fn an_image_may_come_in_base64_in_a_part_of_its_own() {
    let image = |calls: Result<Vec<Call>, Error>| {
        let image = |call| if let Call::Image(image) = call { Some(image) } else { None };
        calls.map(|calls| calls.into_iter().find_map(image))
    };
    let size = || text("size", "1");
    for written in ["aW1hZ2U=", "data:image/png;base64,aW1hZ2U="] {
        let read = with_base64(&[size(), text("file_b64", written), text("title", "t")]);
        assert_eq!(image(read), Ok(Some(b"image".to_vec())), "{written}");
    }
    assert_eq!(image(with_base64(&[file("file", b"image")])), Ok(Some(b"image".to_vec())));
    let both = with_base64(&[file("file", b"image"), text("file_b64", "aW1hZ2U=")]);
    assert_eq!(why(both), "\"file_b64\" is there twice");
    let both = with_base64(&[text("file_b64", "aW1hZ2U="), file("file", b"image")]);
    assert_eq!(why(both), "\"file\" is there twice");
    assert_eq!(why(with_base64(&[size()])), "\"file\", the image, is missing");
    let named = with_base64(&[file("file_b64", b"aW1hZ2U=")]);
    assert!(matches!(named, Err(Error::TextIsFile { .. })), "{named:?}");
    for wrong in ["aW1hZ2U", "aW1h\r\nZ2U=", "aW1hZ2U= ", "data:image/png,x"] {
        let read = with_base64(&[text("file_b64", wrong)]);
        assert!(matches!(read, Err(Error::Base64 { .. } | Error::DataUrl { .. })), "{wrong}");
    }
    // Where the form does not say so, the part is not known.
    let unknown = parts(&[text("file_b64", "aW1hZ2U=")]);
    assert!(matches!(unknown, Err(Error::Unknown { .. })), "{unknown:?}");
}

#[test]
fn header_lines_are_bounded_and_plain() {
    let x = |index: usize| format!("X-{index}: y");
    let lines: Vec<_> = (0..8).map(x).collect();
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines[7] = FILE;
    assert!(header(&lines).is_ok());
    lines.push("X-9: y");
    assert_eq!(why(header(&lines)), "part 1: expected at most 8 header lines");
    let padded = |len: usize| format!("X: {}", "y".repeat(len - 3));
    assert!(header(&[FILE, &padded(PART_LINE_MAX)]).is_ok());
    let long = header(&[FILE, &padded(PART_LINE_MAX + 1)]);
    assert_eq!(why(long), "part 1: expected at most 1024 bytes in a header line");
    for (line, what) in [
        (" folded", "expected no folded header lines"),
        ("\tfolded", "expected no folded header lines"),
        ("X: a\nY: b", "expected CRLF after a header line"),
        ("X: a\rY: b", "expected CRLF after a header line"),
        ("X: a\0", "expected no control characters in a header line"),
        ("no colon", "expected header lines such as \"Content-Type: image/png\""),
        (": no name", "expected header lines such as \"Content-Type: image/png\""),
        ("X : space", "expected header lines such as \"Content-Type: image/png\""),
        ("X-9: a\r\nx-9: a", "expected each header field once"),
    ] {
        assert_eq!(why(header(&[FILE, line])), format!("part 1: {what}"), "{line:?}");
    }
    let twice = header(&["content-disposition: form-data; name=size", FILE]);
    assert_eq!(why(twice), "part 1: expected each header field once");
    for line in ["Content-Length: 7", "X:", "Content-ID: <a>", "MIME-Version: 1.0"] {
        assert!(header(&[FILE, line]).is_ok(), "{line}");
    }
}

#[test]
fn a_part_is_what_its_bytes_are() {
    for line in ["Content-Transfer-Encoding: binary", "content-transfer-encoding: base64"] {
        let error = why(header(&[FILE, line]));
        assert!(error.starts_with("part 1: Content-Transfer-Encoding is not taken"), "{error}");
    }
    let error = why(header(&["Content-Encoding: gzip", FILE]));
    assert!(error.starts_with("part 1: Content-Encoding is not taken"), "{error}");
}

#[test]
fn a_part_says_what_it_is() {
    let missing = "part 1: Content-Disposition: expected one, such as form-data; name=\"file\"";
    assert_eq!(why(header(&[])), missing);
    assert_eq!(why(header(&["Content-Type: image/png"])), missing);
    let star = header(&["Content-Disposition: form-data; name=file; filename*=utf-8''a"]);
    assert!(why(star).starts_with("part 1: Content-Disposition: extended parameters"));
    let other = header(&["Content-Disposition: attachment; name=file"]);
    assert_eq!(why(other), "part 1: Content-Disposition: expected form-data");
}

#[test]
fn the_type_of_an_image_is_one_of_an_image_or_unstated() {
    let declared = |lines: &[&str]| match header(lines)?[0] {
        Call::Begins(declared, _) => Ok(declared),
        _ => panic!("no image"),
    };
    assert_eq!(declared(&[FILE]), Ok(None));
    for (media_type, format) in [
        ("image/png", Some(Format::Png)),
        ("IMAGE/JPEG", Some(Format::Jpeg)),
        ("image/webp; x=\"y\"", Some(Format::Webp)),
        ("application/octet-stream", None),
    ] {
        let line = format!("Content-Type: {media_type}");
        assert_eq!(declared(&[FILE, &line]), Ok(format), "{line}");
        assert_eq!(declared(&[&line, FILE]), Ok(format), "{line} first");
    }
    for media_type in ["image/jpg", "image/svg+xml", "text/plain", "", "image/png; x", "*/*"] {
        let line = format!("Content-Type: {media_type}");
        let error = Error::ImageType { name: "file".to_owned(), found: media_type.to_owned() };
        assert_eq!(declared(&[&line, FILE]), Err(error), "{line}");
    }
    let long = format!("Content-Type: {}", "x\u{e9}".repeat(100));
    let shown = "x??".repeat(22)[..64].to_owned();
    let error = Error::ImageType { name: "file".to_owned(), found: shown };
    assert_eq!(declared(&[FILE, &long]), Err(error));
}

#[test]
fn a_text_is_plain_text_and_no_file() {
    let with = |lines: &[&str]| {
        let name = ["Content-Disposition: form-data; name=\"size\""];
        parts(&[part(&[&name, lines].concat(), b"1"), file("file", b"a")])
    };
    for media_type in [
        "text/plain",
        "text/plain; charset=utf-8",
        "Text/Plain;Charset=\"UTF-8\"",
        "text/plain; charset=us-ascii",
        "text/plain; format=flowed",
    ] {
        let line = format!("Content-Type: {media_type}");
        assert!(with(&[&line]).is_ok(), "{line}");
    }
    for media_type in [
        "text/html",
        "text/plain; charset=ISO-8859-1",
        "text/plain; charset=utf-8; charset=utf-8",
        "application/json",
        "application/octet-stream",
        "image/png",
        "",
    ] {
        let line = format!("Content-Type: {media_type}");
        let error = Error::TextType { name: "size".to_owned(), found: media_type.to_owned() };
        assert_eq!(with(&[&line]), Err(error), "{line}");
    }
    let named = part(&["Content-Disposition: form-data; name=size; filename=a"], b"1");
    let error = Error::TextIsFile { name: "size".to_owned() };
    assert_eq!(parts(&[named, file("file", b"a")]), Err(error));
}

#[test]
fn texts_are_bounded_and_of_their_kind() {
    let with = |name: &str, content: &[u8]| {
        let line = format!("Content-Disposition: form-data; name=\"{name}\"");
        parts(&[file("file", b"a"), part(&[&line], content)])
            .map(|calls| match calls.into_iter().last() {
                Some(Call::Field(_, text)) => text,
                _ => panic!("no text"),
            })
            .map_err(|error| error.to_string())
    };
    for (name, content) in [
        ("size", "12345678"),
        ("size", "a_.,:#%+"),
        ("title", "caf\u{e9} \u{1f600} \"<b>"),
        ("title", "\u{20ac}\u{20ac}\u{20ac}\u{20ac}\u{20ac}\u{20ac}ab"),
        ("prompt", "one\r\n\ttwo\r\n--AaB03\r\n-\r"),
        ("output", "mask"),
        ("output", "maskable"),
    ] {
        assert_eq!(with(name, content.as_bytes()).as_deref(), Ok(content), "{name}");
    }
    for (name, content, error) in [
        ("size", &b"123456789"[..], "\"size\": expected at most 8 bytes"),
        ("title", "\u{20ac}".repeat(7).as_bytes(), "\"title\": expected at most 20 bytes"),
        ("size", b"a b", "\"size\": expected letters, digits and _ . , : # % + -"),
        ("title", b"a\tb", "\"title\": expected one line without control characters"),
        ("title", b"a\xc2\x85b", "\"title\": expected one line without control characters"),
        ("prompt", b"a\0", "\"prompt\": expected text without control characters"),
        ("title", b"caf\xe9", "\"title\": expected UTF-8"),
        ("title", b"\xe2\x82", "\"title\": expected UTF-8"),
        ("title", b"\xed\xa0\x80", "\"title\": expected UTF-8"),
        ("title", b"\xc0\xaf", "\"title\": expected UTF-8"),
        ("title", b"\xf4\x90\x80\x80", "\"title\": expected UTF-8"),
        ("output", b"mas", "\"output\": expected one of cutout, mask, maskable"),
        ("output", b"masks", "\"output\": expected one of cutout, mask, maskable"),
        ("output", b"Mask", "\"output\": expected one of cutout, mask, maskable"),
        ("output", b"", "\"output\": expected one of cutout, mask, maskable"),
    ] {
        assert_eq!(with(name, content), Err(error.to_owned()), "{name}");
    }
}

#[test]
fn the_image_begins_within_16_kib() {
    // The header of the first part is padded, and the image begins at this byte.
    let begins_at = |at: usize| {
        let title = ["Content-Disposition: form-data; name=prompt"];
        let pad = ["X-Pad: ".to_owned() + &"y".repeat(900)];
        let mut form = Form::clone(&form());
        form.fields[3].max_bytes = 20_000;
        let form = Arc::new(form);
        let lines: Vec<_> = title.iter().copied().chain(pad.iter().map(String::as_str)).collect();
        let body = |filling: usize| {
            let filled = part(&lines, &vec![b'a'; filling]);
            multipart(BOUNDARY, &[filled, file("file", b"image")])
        };
        let offset = |body: &[u8]| body.windows(5).position(|five| five == b"image").unwrap();
        // "image" also stands in "image/png".
        let start = |body: &[u8]| {
            let first = offset(body);
            first + 5 + offset(&body[first + 5..])
        };
        let body = body(at - start(&body(0)));
        assert_eq!(start(&body), at);
        read(|| Reader::form(boundary(BOUNDARY), Arc::clone(&form)), &body)
    };
    let begins = begins_at(16_383).unwrap();
    assert_eq!(begins[1], Call::Begins(Some(Format::Png), 16_383));
    for at in [16_384, 16_385, 16_400, 20_000] {
        let error = why(begins_at(at));
        assert!(error.starts_with("\"file\" must begin within the first 16384 bytes"), "{error}");
    }
}

#[test]
fn a_boundary_right_after_a_header_is_refused_and_what_resembles_one_is_content() {
    let head = "--AaB03x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n";
    let rest =
        "\r\n--AaB03x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\na\r\n--AaB03x--";
    let with = |content: &str| read_form(format!("{head}{content}{rest}").as_bytes());
    for content in ["--AaB03x", "--AaB03x--", "--AaB03x\r\nX: y\r\n\r\nz"] {
        assert!(matches!(with(content), Err(Error::PartHeader { part: 1, .. })), "{content}");
    }
    for content in ["-", "--", "--AaB03", "--AaB03-", "---AaB03x", "-a--AaB03x"] {
        assert_eq!(with(content).unwrap()[0], field(3, content), "{content}");
    }
}
