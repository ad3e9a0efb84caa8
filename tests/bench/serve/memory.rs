//! The most memory of a node that cuts out with the larger network and reads pages.

use std::io::{self, Cursor};

use conformance::client;
use conformance::node::post;
use conformance::vectors::Request;
use image::{DynamicImage, ImageFormat, RgbImage, imageops};

use super::photo::Photo;
use super::server::{Ours, Watched};
use crate::Row;

/// Requests of each kind.
const REQUESTS: usize = 100;
const CLIENTS: usize = 4;
/// An A4 page at 150 dots an inch.
const PAGE: (u32, u32) = (1240, 1754);

pub(super) async fn row() -> io::Result<Row> {
    let ours = Ours::start_with(&["--model", "u2net", "--text", "ppocr"]).await;
    let (photo, page) = (std::fs::read(&Photo::make()?.path)?, page()?);
    let key = ours.key();
    send(&ours, &post("/v1/background-removal", &key, "image/jpeg", photo)).await?;
    send(&ours, &post("/v1/ocr", &key, "image/png", page)).await?;
    let (peak, aim) = (Watched(ours.node.pid()).peak_mib()?, 800e6 / f64::from(1 << 20));
    Ok(Row {
        name: format!(
            "serve u2net and text, highest memory, {REQUESTS} photos and {REQUESTS} pages"
        ),
        ours: peak,
        peer: aim,
        peer_name: "the aim, 800 MB".to_owned(),
        unit: "MiB",
        ratio: peak / aim,
        aim: "<= 1".to_owned(),
        better: "lower",
    })
}

/// Sends one request many times.
async fn send(ours: &Ours, request: &Request) -> io::Result<()> {
    let clients = (0..CLIENTS).map(|_| {
        let (address, request) = (ours.node.address, request.clone());
        tokio::spawn(async move {
            for _ in 0..REQUESTS / CLIENTS {
                let answer = client::send(address, &request, usize::MAX).await?;
                if answer.status != 200 {
                    return Err(io::Error::other(format!("{}: {answer:?}", request.target)));
                }
            }
            Ok(())
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Two lines of text, again and again.
fn page() -> io::Result<Vec<u8>> {
    let lines = include_bytes!("../../pages/two-lines.png");
    let lines = image::load_from_memory(lines).map_err(io::Error::other)?.into_rgb8();
    let mut page = RgbImage::new(PAGE.0, PAGE.1);
    imageops::tile(&mut page, &lines);
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(page).write_to(&mut png, ImageFormat::Png).map_err(io::Error::other)?;
    Ok(png.into_inner())
}
