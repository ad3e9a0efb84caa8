//! The node as a service: certificates that change, plain HTTP that is sent on, and what can be seen of it.

mod certificates;
mod collector;
mod dashboard;
mod process;
mod redirect;
mod scan;
mod traces;

use conformance::vectors::Request;
use image::{DynamicImage, ImageFormat, RgbImage};

/// A request for a cut-out of a small grey image.
fn cut_out(key: &str, more: &[(&str, &str)]) -> Request {
    let mut body = std::io::Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::new(64, 48)).write_to(&mut body, ImageFormat::Png).unwrap();
    let body = body.into_inner();
    let length = body.len().to_string();
    let headers = [("X-API-Key", key), ("Content-Type", "image/png"), ("Content-Length", &length)];
    let headers = headers.iter().chain(more);
    Request {
        method: "POST".to_owned(),
        target: "/v1/background-removal".to_owned(),
        headers: headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body,
    }
}
