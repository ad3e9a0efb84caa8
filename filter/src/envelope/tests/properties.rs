//! What is written can be read, wherever it is cut; and nothing makes a reader panic.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::Index;

use super::write::{Part, base64, file, multipart, text};
use super::*;

/// Bodies are short, so that cuts fall into everything.
const IMAGE_MAX: usize = 200;

/// Bytes of an image, some of which nearly are a delimiter.
fn image_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        (0..BOUNDARY.len()).prop_map(|end| [b"\r\n--", &BOUNDARY.as_bytes()[..end]].concat()),
        Just(b"\r\n-\r\n--AaB03".to_vec()),
        Just(b"--AaB03x".to_vec()),
        Just(b"\n--AaB03x".to_vec()),
        Just(b"\r".to_vec()),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()).prop_filter(
        "no delimiter",
        |bytes| {
            let delimiter = b"\r\n--AaB03x";
            bytes.len() <= IMAGE_MAX && !bytes.windows(10).any(|window| window == delimiter)
        },
    )
}

/// Texts of the fields of the form, each or none.
fn texts() -> impl Strategy<Value = Vec<(usize, String)>> {
    let output = prop_oneof![Just("cutout"), Just("mask"), Just("maskable")];
    let alpha = prop_oneof![Just("true"), Just("false")];
    let all = (
        proptest::option::of(output.prop_map(str::to_owned)),
        proptest::option::of("[A-Za-z0-9_.,:#%+-]{0,8}"),
        proptest::option::of("[ -~é€😀]{0,5}"),
        proptest::option::of("[ -~\r\n\té€😀]{0,10}"),
        proptest::option::of(alpha.prop_map(str::to_owned)),
    );
    let all = all.prop_map(|(output, size, title, prompt, alpha)| {
        let all = [output, size, title, prompt, alpha];
        all.into_iter().enumerate().filter_map(|(index, text)| Some((index, text?))).collect()
    });
    Strategy::prop_shuffle(all)
}

/// The names and texts of these fields.
fn members(texts: &[(usize, String)]) -> Vec<(String, String)> {
    texts.iter().map(|(index, text)| (form().fields[*index].name.clone(), text.clone())).collect()
}

/// A string of JSON with some of its characters escaped.
fn quoted(text: &str, escaped: &[bool]) -> String {
    let mut quoted = String::from("\"");
    for (character, escape) in text.chars().zip(escaped.iter().chain(std::iter::repeat(&false))) {
        if *escape || character < ' ' || character == '"' || character == '\\' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(quoted, "\\u{unit:04x}").unwrap();
            }
        } else {
            quoted.push(character);
        }
    }
    quoted + "\""
}

fn cut<'a>(body: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]).collect()
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 0..6)
}

/// The calls without their offsets; the image comes after `before` fields.
fn expected(
    texts: &[(usize, String)],
    before: usize,
    declared: Option<Format>,
    bytes: &[u8],
) -> Vec<Call> {
    let field = |(index, text): &(usize, String)| field(*index, text);
    let mut calls: Vec<_> = texts[..before].iter().map(field).collect();
    calls.extend(image(declared, 0, bytes));
    calls.extend(texts[before..].iter().map(field));
    calls
}

fn without_offsets(calls: Vec<Call>) -> Vec<Call> {
    let without = |call| match call {
        Call::Begins(declared, _) => Call::Begins(declared, 0),
        call => call,
    };
    calls.into_iter().map(without).collect()
}

fn readers() -> [fn() -> Reader; 4] {
    [
        Reader::raw,
        || Reader::form(boundary(BOUNDARY), form()),
        || Reader::json(form()),
        || Reader::urlencoded(form()),
    ]
}

/// Pieces that bodies are made of.
const SNIPPETS: &[&str] = &[
    "--AaB03x",
    "\r\n",
    "--",
    "\r",
    "\n",
    "Content-Disposition: form-data; name=",
    "\"file\"",
    "size",
    "title",
    "; filename=\"a\\\"\"",
    "Content-Type: ",
    "image/png",
    "text/plain",
    ":",
    "{",
    "}",
    "\"image\"",
    "\"title\"",
    "\"data:image/png;base64,",
    "AAAA",
    "=",
    "\"",
    "\\",
    "\\u00",
    "\\ud83d",
    "\\ude00",
    ",",
    "1",
    "-",
    ".5",
    "e",
    "true",
    "null",
    "image=",
    "size=",
    "&",
    "%2",
    "%3D",
    "+",
    "[",
    " ",
    "\u{e9}",
];

fn nearly_a_body() -> impl Strategy<Value = Vec<u8>> {
    let snippet = proptest::sample::select(SNIPPETS).prop_map(|text| text.as_bytes().to_vec());
    let piece = prop_oneof![8 => snippet, 1 => proptest::collection::vec(any::<u8>(), 0..4)];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_form_that_is_written_is_read(
        bytes in image_bytes(),
        texts in texts(),
        place in any::<Index>(),
        cuts in cuts(),
    ) {
        // What begins with the boundary is no content, but the end of an empty part.
        let boundary_line = format!("--{BOUNDARY}");
        prop_assume!(!bytes.starts_with(boundary_line.as_bytes()));
        prop_assume!(!texts.iter().any(|(_, text)| text.starts_with(&boundary_line)));
        let before = place.index(texts.len() + 1);
        let name = |index: usize| form().fields[index].name.clone();
        let mut parts: Vec<Part> =
            texts.iter().map(|(index, content)| text(&name(*index), content)).collect();
        parts.insert(before, file("file", &bytes));
        let body = multipart(BOUNDARY, &parts);
        let reader = Reader::form(boundary(BOUNDARY), form());
        let (calls, outcome) = read_pieces(reader, cut(&body, &cuts));
        prop_assert_eq!(outcome, Ok(()));
        let at = calls.iter().find_map(|call| match call {
            Call::Begins(_, at) => usize::try_from(*at).ok(),
            _ => None,
        });
        prop_assert!(body[at.unwrap()..].starts_with(&bytes));
        let expected = expected(&texts, before, Some(Format::Png), &bytes);
        prop_assert_eq!(without_offsets(calls), expected);
    }

    #[test]
    fn json_and_pairs_that_are_written_are_read(
        bytes in image_bytes(),
        url in proptest::option::of(Just(Format::Webp)),
        texts in texts(),
        place in any::<Index>(),
        escaped in proptest::collection::vec(any::<bool>(), 0..300),
        cuts in cuts(),
    ) {
        let before = place.index(texts.len() + 1);
        let prefix = url.map_or("", |_| "data:image/webp;base64,");
        let mut members = members(&texts);
        members.insert(before, ("image".to_owned(), format!("{prefix}{}", base64(&bytes))));
        let json: Vec<_> = members
            .iter()
            .map(|(name, text)| format!("{} : {}", quoted(name, &escaped), quoted(text, &escaped)))
            .collect();
        for (reader, body) in [
            (Reader::json(form()), format!("{{{}}}", json.join(",\n"))),
            (Reader::urlencoded(form()), write::urlencoded(&members, &escaped)),
        ] {
            let (calls, outcome) = read_pieces(reader, cut(body.as_bytes(), &cuts));
            prop_assert_eq!(outcome, Ok(()));
            prop_assert_eq!(without_offsets(calls), expected(&texts, before, url, &bytes));
        }
    }

    #[test]
    fn nothing_panics_and_cuts_make_no_difference(
        body in prop_oneof![nearly_a_body(), proptest::collection::vec(any::<u8>(), 0..200)],
        cuts in cuts(),
    ) {
        for reader in readers() {
            let whole = read_pieces(reader(), [&body[..]]);
            prop_assert_eq!(&read_pieces(reader(), cut(&body, &cuts)), &whole);
            prop_assert_eq!(&read_pieces(reader(), body.chunks(1)), &whole);
        }
    }

    #[test]
    fn a_body_with_a_fault_is_judged_alike_wherever_it_is_cut(
        bytes in image_bytes(),
        texts in texts(),
        faults in proptest::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..4),
        envelope in 1..4_usize,
        cuts in cuts(),
    ) {
        let reader = readers()[envelope];
        let mut members = members(&texts);
        members.push(("image".to_owned(), base64(&bytes)));
        let mut body = match envelope {
            1 => {
                let texts = &members[..texts.len()];
                let mut parts: Vec<Part> =
                    texts.iter().map(|(name, content)| text(name, content)).collect();
                parts.push(file("file", &bytes));
                multipart(BOUNDARY, &parts)
            }
            2 => {
                let members: Vec<_> =
                    members.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
                write::json(&members).into_bytes()
            }
            _ => write::urlencoded(&members, &[]).into_bytes(),
        };
        for (place, byte, kind) in faults {
            let at = place.index(body.len());
            match kind {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.drain(at..body.len().min(at + usize::from(byte % 8)))),
            }
            if body.is_empty() {
                body.push(byte);
            }
        }
        let whole = read_pieces(reader(), [&body[..]]);
        prop_assert_eq!(&read_pieces(reader(), cut(&body, &cuts)), &whole);
        prop_assert_eq!(&read_pieces(reader(), body.chunks(1)), &whole);
    }
}
