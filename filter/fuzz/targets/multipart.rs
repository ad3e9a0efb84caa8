//! Any bytes as a multipart body: where they are cut makes no difference, and what is told of them is
//! all that there is.
#![no_main]

use filter_fuzz::envelope::{self, BOUNDARY, Call, IMAGE, Told};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[mode, one, other], body)) = input.split_first_chunk() else { return };
    let Some(told) = envelope::multipart(body, [one, other], mode & 1 != 0) else { return };
    let (at, image) = told.image();
    assert!(body[at as usize..].starts_with(image), "the image is not where it is said to be");
    let again = envelope::multipart(&write(&told), [other, one], mode & 1 != 0);
    assert_eq!(again.map(without_place), Some(without_place(told)), "something else is read again");
});

/// A body of which the same is told.
fn write(told: &Told) -> Vec<u8> {
    let mut body = Vec::new();
    let mut part = |name: &str, lines: &str, content: &[u8]| {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n{lines}\r\n");
        body.extend([format!("--{BOUNDARY}\r\n{head}").as_bytes(), content, b"\r\n"].concat());
    };
    for call in &told.calls {
        if let Call::Begins(declared, _) = call {
            let line =
                |format: filter::Format| format!("Content-Type: {}\r\n", format.media_type());
            part(IMAGE, &declared.map(line).unwrap_or_default(), told.image().1);
        }
    }
    for (name, text) in told.fields() {
        part(name, "", text.as_bytes());
    }
    body.extend(format!("--{BOUNDARY}--").bytes());
    body
}

/// What was told, in the order in which it is written again.
fn without_place(mut told: Told) -> Vec<Call> {
    for call in &mut told.calls {
        if let Call::Begins(_, at) = call {
            *at = 0;
        }
    }
    told.calls.sort_by_key(|call| matches!(call, Call::Field(..)));
    told.calls
}
