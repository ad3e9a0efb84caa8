//! The chunks of a WebP file (RFC 9649 §2.3 and §2.7).

/// What a chunk is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// `VP8 `: lossy image data.
    Lossy,
    /// `VP8L`: lossless image data.
    Lossless,
    /// `VP8X`: the canvas, and what else is in the file.
    Extended,
    /// `ALPH`: the alpha of lossy image data.
    Alpha,
    /// `ICCP`: a colour profile.
    Profile,
    /// `ANIM`: how an animation is played.
    Animation,
    /// `ANMF`: a frame of it.
    Frame,
    /// `EXIF`.
    Exif,
    /// `XMP `.
    Xmp,
    /// Any other, which decoders skip.
    Unknown,
}

impl Kind {
    fn of(name: [u8; 4]) -> Self {
        match &name {
            b"VP8 " => Self::Lossy,
            b"VP8L" => Self::Lossless,
            b"VP8X" => Self::Extended,
            b"ALPH" => Self::Alpha,
            b"ICCP" => Self::Profile,
            b"ANIM" => Self::Animation,
            b"ANMF" => Self::Frame,
            b"EXIF" => Self::Exif,
            b"XMP " => Self::Xmp,
            _ => Self::Unknown,
        }
    }

    /// Whether it is image data.
    pub(super) const fn is_image(self) -> bool {
        matches!(self, Self::Lossy | Self::Lossless)
    }

    /// Whether there may be more than one of it.
    pub(super) const fn may_repeat(self) -> bool {
        matches!(self, Self::Frame | Self::Unknown)
    }
}

/// A chunk, without its data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) kind: Kind,
    /// The length of its data.
    pub(super) len: u64,
}

impl Chunk {
    /// The length of a chunk's header.
    pub(super) const HEADER: u64 = 8;

    /// Reads the header.
    pub(super) fn of(header: [u8; 8]) -> Self {
        let [n0, n1, n2, n3, len @ ..] = header;
        Self { kind: Kind::of([n0, n1, n2, n3]), len: u32::from_le_bytes(len).into() }
    }
}

/// A set of [`Kind`]s.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kinds(u16);

impl Kinds {
    /// Adds one.
    pub(super) fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u16;
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }

    /// Whether there is image data.
    pub(super) const fn has_image(self) -> bool {
        self.contains(Kind::Lossy) || self.contains(Kind::Lossless)
    }
}
