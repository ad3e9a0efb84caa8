//! What is sent: one request for each image, made once.

use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use bytes::Bytes;
use http_body_util::Full;

use super::super::Error;
use super::target::Target;

/// The largest file that is read: more than any policy allows by far.
const IMAGE_MAX: u64 = 256 << 20;
/// No image holds it.
const BOUNDARY: &str = "lunette-bench-7f1c2a9e5b3d4860";

/// A request that can be sent again and again.
pub(super) struct Message {
    /// The file, for messages to people.
    pub(super) name: String,
    /// Width and height of the image, if it is one.
    pub(super) sides: Option<(u32, u32)>,
    /// The length of its body.
    pub(super) length: u64,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Message {
    /// One for each image; without an image, one that only reads.
    pub(super) fn all(
        target: &Target,
        images: &[PathBuf],
        form: Option<&Form<'_>>,
        key: Option<&HeaderValue>,
        http2: bool,
    ) -> Result<Vec<Self>, Error> {
        let mut base = Self {
            name: target.path.to_string(),
            sides: None,
            length: 0,
            method: Method::GET,
            uri: Uri::from(target.path.clone()),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        if http2 {
            let uri = Uri::builder().scheme("http").authority(target.authority.clone());
            let uri = uri.path_and_query(target.path.clone()).build();
            base.uri = uri.map_err(|error| Error::Argument(format!("--url: {error}")))?;
        } else {
            let host = HeaderValue::from_str(target.authority.as_str());
            let host = host.map_err(|error| Error::Argument(format!("--url: {error}")))?;
            base.headers.insert(header::HOST, host);
        }
        if let Some(key) = key {
            base.headers.insert("x-api-key", key.clone());
        }
        if images.is_empty() {
            return Ok(vec![base]);
        }
        images.iter().map(|path| base.with_image(path, form)).collect()
    }

    fn with_image(&self, path: &Path, form: Option<&Form<'_>>) -> Result<Self, Error> {
        let image = read(path)?;
        let sides = image::ImageReader::new(std::io::Cursor::new(&image));
        let sides =
            sides.with_guessed_format().ok().and_then(|reader| reader.into_dimensions().ok());
        // What is no image is sent too: a node must refuse it.
        let media_type = image::guess_format(&image)
            .map_or("application/octet-stream", |format| format.to_mime_type());
        let (content_type, body) = match form {
            None => (media_type.to_owned(), image),
            Some(form) => (
                format!("multipart/form-data; boundary={BOUNDARY}"),
                form.around(media_type, &image),
            ),
        };
        let mut headers = self.headers.clone();
        let content_type = HeaderValue::from_str(&content_type)
            .map_err(|error| Error::Argument(format!("--image: {error}")))?;
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        Ok(Self {
            name: path.display().to_string(),
            sides,
            length: body.len() as u64,
            method: Method::POST,
            uri: self.uri.clone(),
            headers,
            body: body.into(),
        })
    }

    /// The request, once more.
    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// The form that an image is sent in.
pub(super) struct Form<'a> {
    /// The field that has the image.
    image: &'a str,
    /// The others, with their values.
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Form<'a> {
    /// Reads `--form` and each `--field`; none if there is no form.
    pub(super) fn of(image: Option<&'a str>, fields: &'a [String]) -> Result<Option<Self>, Error> {
        let Some(image) = image else {
            return match fields.first() {
                None => Ok(None),
                Some(field) => {
                    Err(Error::Argument(format!("--field {field:?}: there is no form, see --form")))
                }
            };
        };
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let expected = "expected letters, digits, '-', '_' and '.'";
        if !plain(image) {
            return Err(Error::Argument(format!("--form {image:?}: {expected}")));
        }
        let split = |field: &'a String| {
            let pair = field
                .split_once('=')
                .filter(|(name, value)| plain(name) && !value.contains(['\r', '\n']));
            pair.ok_or_else(|| Error::Argument(format!("--field {field:?}: expected NAME=VALUE")))
        };
        let fields = fields.iter().map(split).collect::<Result<_, _>>()?;
        Ok(Some(Self { image, fields }))
    }

    fn around(&self, media_type: &str, image: &[u8]) -> Vec<u8> {
        let part = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=");
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| format!("{part}\"{name}\"\r\n\r\n{value}\r\n"));
        let fields = fields.collect::<Vec<_>>().concat();
        let head = format!(
            "{fields}{part}\"{}\"; filename=\"image\"\r\ncontent-type: {media_type}\r\n\r\n",
            self.image
        );
        [head.as_bytes(), image, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let problem = |what: String| Error::Argument(format!("--image {}: {what}", path.display()));
    let length = fs::metadata(path).map_err(|error| problem(error.to_string()))?.len();
    if length > IMAGE_MAX {
        return Err(problem(format!("expected at most {IMAGE_MAX} bytes")));
    }
    fs::read(path).map_err(|error| problem(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_fields_before_the_image() {
        let fields = ["model=u2net".to_owned(), "bgc=1,2,3,4".to_owned()];
        let form = Form::of(Some("file"), &fields).unwrap().unwrap();
        let body = String::from_utf8(form.around("image/png", b"<image>")).unwrap();
        let expected = "--B\ncontent-disposition: form-data; name=\"model\"\n\nu2net\n\
            --B\ncontent-disposition: form-data; name=\"bgc\"\n\n1,2,3,4\n\
            --B\ncontent-disposition: form-data; name=\"file\"; filename=\"image\"\ncontent-type: image/png\n\n\
            <image>\n--B--\n";
        assert_eq!(body, expected.replace("--B", &format!("--{BOUNDARY}")).replace('\n', "\r\n"));
    }

    #[test]
    fn what_would_break_a_form_is_refused() {
        let refused = |image, field: &str| Form::of(image, &[field.to_owned()]).is_err();
        assert!(refused(Some("a\"b"), "x=y") && refused(Some(""), "x=y"));
        assert!(refused(Some("file"), "x") && refused(Some("file"), "=y"));
        assert!(refused(Some("file"), "x=y\r\nz: 1") && refused(None, "x=y"));
    }
}
