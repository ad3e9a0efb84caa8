//! Bodies as clients lay them out, and the examples of the specifications.

use super::*;

/// Reads a body written with LF for CRLF.
fn read_as(text: &str, lines: &str) -> Result<Vec<Call>, String> {
    let body = lines.replace('\n', "\r\n");
    read(|| Reader::form(boundary(text), form()), body.as_bytes())
        .map(|calls| {
            calls.into_iter().filter(|call| !matches!(call, Call::Ends)).collect::<Vec<_>>()
        })
        .map_err(|error| error.to_string())
}

/// The calls without the offset, and without the end of the image.
fn told(calls: Result<Vec<Call>, String>) -> Vec<Call> {
    let without_offset = |call| match call {
        Call::Begins(declared, _) => Call::Begins(declared, 0),
        call => call,
    };
    calls.unwrap().into_iter().map(without_offset).collect()
}

fn png(bytes: &[u8]) -> [Call; 2] {
    [Call::Begins(Some(Format::Png), 0), Call::Image(bytes.to_vec())]
}

#[test]
fn curl() {
    // curl -F output=mask -F file=@a.png
    let calls = read_as(
        "------------------------d74496d66958873e",
        "--------------------------d74496d66958873e
Content-Disposition: form-data; name=\"output\"

mask
--------------------------d74496d66958873e
Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"
Content-Type: image/png

image
--------------------------d74496d66958873e--
",
    );
    let [begins, bytes] = png(b"image");
    assert_eq!(told(calls), [field(0, "mask"), begins, bytes]);
}

#[test]
fn requests_for_python() {
    // requests.post(url, data={"output": "mask"}, files={"file": open("a.png", "rb")}): urllib3
    // guesses no type of a file.
    let calls = read_as(
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "--0f1e2d3c4b5a69788796a5b4c3d2e1f0
Content-Disposition: form-data; name=\"output\"

mask
--0f1e2d3c4b5a69788796a5b4c3d2e1f0
Content-Disposition: form-data; name=\"file\"; filename=\"caf\u{e9}.png\"

image
--0f1e2d3c4b5a69788796a5b4c3d2e1f0--
",
    );
    let bytes = Call::Image(b"image".to_vec());
    assert_eq!(told(calls), [field(0, "mask"), Call::Begins(None, 0), bytes]);
}

#[test]
fn browsers() {
    // WebKit and Chromium; a line break of a text area is CRLF (WHATWG, form submission).
    let calls = read_as(
        "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.png\"
Content-Type: image/png

image
------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name=\"prompt\"

a
b
------WebKitFormBoundary7MA4YWxkTrZu0gW--
",
    );
    let [begins, bytes] = png(b"image");
    assert_eq!(told(calls), [begins, bytes, field(3, "a\r\nb")]);

    // Firefox, and a file input that was left empty.
    let calls = read_as(
        "----geckoformboundary1b2c3d",
        "------geckoformboundary1b2c3d
Content-Disposition: form-data; name=\"file\"; filename=\"\"
Content-Type: application/octet-stream


------geckoformboundary1b2c3d--
",
    );
    assert_eq!(told(calls), [Call::Begins(None, 0)]);
}

#[test]
fn node() {
    // undici, with a Blob.
    let calls = read_as(
        "----formdata-undici-012345678901",
        "------formdata-undici-012345678901
Content-Disposition: form-data; name=\"file\"; filename=\"blob\"
Content-Type: image/png

image
------formdata-undici-012345678901--
",
    );
    assert_eq!(told(calls), png(b"image"));
}

#[test]
fn go() {
    // mime/multipart: CreateFormFile.
    let boundary = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e";
    let calls = read_as(
        boundary,
        &format!(
            "--{boundary}
Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"
Content-Type: application/octet-stream

image
--{boundary}--
"
        ),
    );
    assert_eq!(told(calls), [Call::Begins(None, 0), Call::Image(b"image".to_vec())]);
}

#[test]
fn guzzle_for_php() {
    // It adds a length to each part.
    let calls = read_as(
        "5d41402abc4b2a76b9719d911017c592",
        "--5d41402abc4b2a76b9719d911017c592
Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"
Content-Length: 5
Content-Type: image/png

image
--5d41402abc4b2a76b9719d911017c592--
",
    );
    assert_eq!(told(calls), png(b"image"));
}

/// `MultipartEntityBuilder` of Apache `HttpClient` 4.
fn apache(extra: [&str; 2]) -> Result<Vec<Call>, String> {
    let [of_text, of_file] = extra;
    read_as(
        "Kdj3f-1_x",
        &format!(
            "--Kdj3f-1_x
Content-Disposition: form-data; name=\"output\"{of_text}

mask
--Kdj3f-1_x
Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"
Content-Type: image/png{of_file}

image
--Kdj3f-1_x--
"
        ),
    )
}

#[test]
fn apache_http_client() {
    // In the mode BROWSER_COMPATIBLE.
    let [begins, bytes] = png(b"image");
    assert_eq!(told(apache(["", ""])), [field(0, "mask"), begins, bytes]);
    // In the mode STRICT, which is the one where nothing is said.
    let error = apache([
        "\nContent-Type: text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: 8bit",
        "\nContent-Transfer-Encoding: binary",
    ]);
    assert!(error.unwrap_err().starts_with("part 1: Content-Transfer-Encoding is not taken"));
}

#[test]
fn http_client_of_dotnet() {
    // MultipartFormDataContent puts its boundary in quotes, names not, and the type first.
    let body = |file_name: &str| {
        format!(
            "--f81d4fae-7dec-11d0-a765-00a0c91e6bf6
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name=output

mask
--f81d4fae-7dec-11d0-a765-00a0c91e6bf6
Content-Type: image/png
Content-Disposition: form-data; name=file{file_name}

image
--f81d4fae-7dec-11d0-a765-00a0c91e6bf6--
"
        )
    };
    let boundary = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let [begins, bytes] = png(b"image");
    // Add(content, name)
    assert_eq!(told(read_as(boundary, &body(""))), [field(0, "mask"), begins, bytes]);
    // Add(content, name, fileName) adds a parameter that RFC 7578 §4.2 forbids.
    let error = read_as(boundary, &body("; filename=a.png; filename*=utf-8''a.png"));
    assert!(error.unwrap_err().contains("filename* are not taken"));
}

#[test]
fn the_example_of_rfc_7578() {
    // §4.2 and §4.6 (`_charset_`), with names of our form.
    let calls = read_as(
        "AaB03x",
        "--AaB03x
content-disposition: form-data; name=\"title\"
content-type: text/plain;charset=UTF-8

Joe owes \u{20ac}100.
--AaB03x
content-disposition: form-data; name=\"file\"; filename=\"file1.png\"
content-type: image/png

... contents of file1.png ...
--AaB03x--
",
    );
    let [begins, bytes] = png(b"... contents of file1.png ...");
    assert_eq!(told(calls), [field(2, "Joe owes \u{20ac}100."), begins, bytes]);
    let error = read_as(
        "AaB03x",
        "--AaB03x
content-disposition: form-data; name=\"_charset_\"

iso-8859-1
--AaB03x--
",
    );
    assert!(error.unwrap_err().starts_with("\"_charset_\" is not known"));
}

#[test]
fn the_example_of_rfc_2046_is_a_mail_and_no_form() {
    // §5.1.1: a preamble, a part without header, an epilogue.
    let error = read_as(
        "simple boundary",
        "This is the preamble.  It is to be ignored.
--simple boundary

This is implicitly typed plain US-ASCII text.
--simple boundary--
This is the epilogue.  It is also to be ignored.
",
    );
    assert!(error.unwrap_err().starts_with("the body must begin with `--` and the boundary"));
}

#[test]
fn json_of_several_languages() {
    let image = |body: &str| {
        let calls = read_json(body).unwrap();
        calls.into_iter().find(|call| matches!(call, Call::Image(_)))
    };
    let bytes = Some(Call::Image(vec![0xfb, 0xff, 0xbf]));
    // Python: json.dumps
    assert_eq!(image(r#"{"image": "+/+/", "output": "mask"}"#), bytes);
    // JavaScript: canvas.toDataURL, JSON.stringify
    assert_eq!(image(r#"{"image":"data:image/png;base64,+/+/"}"#), bytes);
    // PHP: json_encode
    assert_eq!(image(r#"{"image":"data:image\/png;base64,+\/+\/"}"#), bytes);
    // .NET: System.Text.Json
    assert_eq!(image("{\"image\":\"\\u002B/\\u002B/\"}"), bytes);
    // Go: json.MarshalIndent
    assert_eq!(image("{\n  \"image\": \"+/+/\"\n}"), bytes);
}
