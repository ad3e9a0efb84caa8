//! Markers (T.81, table B.1), and what each of them is to the walker.

use crate::image::walk::Fault;

/// A marker that may stand in a file that is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Marker {
    /// SOF0 to SOF2: a frame header; Huffman coding, sequential or progressive.
    Frame {
        /// Whether the frame is progressive (SOF2).
        progressive: bool,
    },
    /// DHT.
    HuffmanTables,
    /// DQT.
    QuantisationTables,
    /// DRI.
    RestartInterval,
    /// SOS.
    Scan,
    /// EOI.
    End,
    /// `APPn`.
    Application(u8),
    /// COM.
    Comment,
}

impl Marker {
    /// The marker of the byte after 0xff.
    pub(super) fn of(code: u8) -> Result<Self, Fault> {
        Ok(match code {
            0xc0 | 0xc1 => Self::Frame { progressive: false },
            0xc2 => Self::Frame { progressive: true },
            0xc4 => Self::HuffmanTables,
            0xdb => Self::QuantisationTables,
            0xdd => Self::RestartInterval,
            0xda => Self::Scan,
            0xd9 => Self::End,
            0xe0..=0xef => Self::Application(code & 0x0f),
            0xfe => Self::Comment,
            0xc3 | 0xcb => return Err(Fault::Unsupported("lossless coding")),
            0xc5..=0xc7 | 0xcd..=0xcf | 0xde | 0xdf => {
                return Err(Fault::Unsupported("hierarchical coding"));
            }
            0xc9 | 0xca | 0xcc => return Err(Fault::Unsupported("arithmetic coding")),
            // Only a height of 0 needs it, and what it says may contradict the header.
            0xdc => return Err(Fault::Unsupported("the number of lines stands after a scan")),
            // TEM, RSTm and SOI have their places; JPGn and the rest are reserved. Decoders disagree
            // on which of them have a length.
            _ => return Err(Fault::Malformed("a marker stands where it cannot")),
        })
    }
}
