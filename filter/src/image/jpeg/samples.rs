//! JPEG images for tests, built from T.81, annex B.

/// One marker segment.
pub(in crate::image) fn segment(code: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len() + 2).unwrap();
    [&[0xff, code][..], &len.to_be_bytes(), content].concat()
}

/// DQT with one table of 8 bits.
pub(in crate::image) fn dqt(id: u8) -> Vec<u8> {
    segment(0xdb, &[&[id][..], &[1; 64]].concat())
}

/// DHT with one table: codes of 1, 2 and 3 bits, for the symbols 0, 1 and 2.
pub(in crate::image) fn dht(class: u8, id: u8) -> Vec<u8> {
    segment(0xc4, &huffman_table(class, id, &[1, 1, 1], &[0, 1, 2]))
}

/// What a table is in DHT.
pub(in crate::image) fn huffman_table(class: u8, id: u8, counts: &[u8], symbols: &[u8]) -> Vec<u8> {
    let mut all = [0; 16];
    all[..counts.len()].copy_from_slice(counts);
    [&[class << 4 | id][..], &all, symbols].concat()
}

/// A frame header of 8 bits per sample; a component is its id and its sampling factors.
pub(in crate::image) fn sof(
    code: u8,
    (width, height): (u16, u16),
    components: &[(u8, u8)],
) -> Vec<u8> {
    let count = u8::try_from(components.len()).unwrap();
    let of_components: Vec<u8> =
        components.iter().flat_map(|(id, sampling)| [*id, *sampling, 0]).collect();
    segment(
        code,
        &[&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[count], &of_components].concat(),
    )
}

/// A scan header; all components use the tables 0.
pub(in crate::image) fn sos(ids: &[u8], [first, last, bits]: [u8; 3]) -> Vec<u8> {
    let count = u8::try_from(ids.len()).unwrap();
    let of_components: Vec<u8> = ids.iter().flat_map(|id| [*id, 0]).collect();
    segment(0xda, &[&[count][..], &of_components, &[first, last, bits]].concat())
}

/// 4:2:0.
pub(in crate::image) const COLOUR: [(u8, u8); 3] = [(1, 0x22), (2, 0x11), (3, 0x11)];
pub(in crate::image) const ALL: [u8; 3] = [0, 63, 0];

/// The tables 0, all three of them.
pub(in crate::image) fn tables() -> Vec<u8> {
    [dqt(0), dht(0, 0), dht(1, 0)].concat()
}

/// An image of these segments between SOI and EOI.
pub(in crate::image) fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    [&[0xff, 0xd8][..], &segments.concat(), &[0xff, 0xd9]].concat()
}

/// A sequential image of 16x16 pixels, with `segments` before its tables.
pub(in crate::image) fn with(segments: &[Vec<u8>]) -> Vec<u8> {
    jpeg(&[
        segments.concat(),
        tables(),
        sof(0xc0, (16, 16), &COLOUR),
        sos(&[1, 2, 3], ALL),
        vec![0x5a, 0xff, 0x00, 0x7e],
    ])
}

/// A sequential image of 16x16 pixels.
pub(in crate::image) fn plain() -> Vec<u8> {
    with(&[segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")])
}

/// A progressive image of 40x24 pixels.
pub(in crate::image) fn progressive() -> Vec<u8> {
    jpeg(&[
        tables(),
        sof(0xc2, (40, 24), &COLOUR),
        sos(&[1, 2, 3], [0, 0, 0x01]),
        vec![0x11; 9],
        dht(1, 1),
        sos(&[1], [1, 5, 0x02]),
        vec![0x22; 3],
        sos(&[1], [1, 63, 0x21]),
        vec![0x33; 3],
        sos(&[1, 2, 3], [0, 0, 0x10]),
        vec![0x44; 9],
    ])
}

/// An APP1 segment of XMP.
pub(in crate::image) fn xmp(text: &str) -> Vec<u8> {
    segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", text.as_bytes()].concat())
}
