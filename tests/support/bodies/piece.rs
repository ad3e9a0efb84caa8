//! Bytes laid out by hand: what vectors put together from the parts of a format.

use serde::Deserialize;

use super::Body;
use super::containers::{
    self, gif_blocks, iso_box, png_chunk, riff_chunk, samsung_trailer, segment,
};

/// A few bytes, or a structure that holds others.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Piece {
    Hex(String),
    Text(String),
    Zeros(usize),
    Repeat {
        times: usize,
        pieces: Vec<Self>,
    },
    /// A marker segment of a JPEG, with its length.
    Segment {
        marker: String,
        data: Vec<Self>,
    },
    /// A chunk of a PNG, with length and CRC.
    Chunk {
        kind: String,
        data: Vec<Self>,
    },
    /// A chunk of a RIFF file, padded.
    Riff {
        kind: String,
        data: Vec<Self>,
    },
    /// An extension of a GIF: its label, and its data in sub-blocks.
    Extension {
        label: String,
        data: Vec<Self>,
    },
    /// A box of an ISO base media file.
    Box {
        kind: String,
        data: Vec<Self>,
    },
    /// What follows, as a zlib stream.
    Zlib(Vec<Self>),
    /// A ZIP archive of one file.
    Zip {
        name: String,
        text: String,
    },
    /// Samsung's trailer.
    Samsung(Vec<SamsungBlock>),
    /// A whole body, such as another image.
    Body(Box<Body>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SamsungBlock {
    /// Its type, four hex digits, as it stands in the file.
    kind: String,
    name: String,
    data: Vec<Piece>,
}

/// The bytes of all of them.
pub(super) fn laid_out(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(bytes).collect()
}

fn bytes(piece: &Piece) -> Vec<u8> {
    match piece {
        Piece::Hex(hex) => unhex(hex),
        Piece::Text(text) => text.clone().into_bytes(),
        Piece::Zeros(len) => vec![0; *len],
        Piece::Repeat { times, pieces } => laid_out(pieces).repeat(*times),
        Piece::Segment { marker, data } => segment(unhex(marker)[0], &laid_out(data)),
        Piece::Chunk { kind, data } => png_chunk(kind.as_bytes(), &laid_out(data)),
        Piece::Riff { kind, data } => riff_chunk(kind.as_bytes(), &laid_out(data)),
        Piece::Extension { label, data } => {
            [vec![0x21], unhex(label), gif_blocks(&laid_out(data))].concat()
        }
        Piece::Box { kind, data } => iso_box(kind.as_bytes(), &laid_out(data)),
        Piece::Zlib(pieces) => containers::zlib(&laid_out(pieces)),
        Piece::Zip { name, text } => containers::zip(name, text.as_bytes()),
        Piece::Samsung(blocks) => samsung_trailer(
            &blocks
                .iter()
                .map(|block| (unhex(&block.kind), block.name.as_str(), laid_out(&block.data)))
                .collect::<Vec<_>>(),
        ),
        Piece::Body(body) => body.bytes(),
    }
}

/// The bytes of pairs of hex digits; spaces between them do not matter.
pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("a hex digit");
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).expect("a byte");
    text.replace(' ', "").as_bytes().chunks(2).map(pair).collect()
}
