//! The frames of an APNG: their number, order and places (§4.9, §11.3.6).
//!
//! fcTL and fdAT are judged whether or not acTL makes an animation of them: without one they should
//! mean nothing, but the decoder `png` reads them all the same, and gives up on what is wrong there.

use super::chunk::MAX;
use super::header::Header;
use crate::image::walk::Fault;

/// What came of it so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Animation {
    /// Frames that acTL declares.
    declared: Option<u32>,
    /// Frames that fcTL began.
    begun: u32,
    /// The sequence number that comes next.
    sequence: u32,
    /// Width and height of a frame that fcTL began, and whose data is still to come.
    awaited: Option<(u32, u32)>,
}

impl Animation {
    pub(super) const DECLARATION_LEN: u32 = 8;
    pub(super) const CONTROL_LEN: u32 = 26;

    /// acTL (§11.3.6.1).
    pub(super) fn declare(&mut self, data: [u8; 8]) -> Result<(), Fault> {
        let [f0, f1, f2, f3, p0, p1, p2, p3] = data;
        let frames = u32::from_be_bytes([f0, f1, f2, f3]);
        let plays = u32::from_be_bytes([p0, p1, p2, p3]);
        if self.declared.is_some() {
            return Err(Fault::Malformed("acTL stands twice"));
        }
        if frames == 0 || frames > MAX || plays > MAX {
            return Err(Fault::Malformed(
                "acTL must declare 1 to 2147483647 frames, and no more repetitions",
            ));
        }
        self.declared = Some(frames);
        Ok(())
    }

    /// fcTL (§11.3.6.2), of the default image if that is still to come.
    pub(super) fn control(
        &mut self,
        data: [u8; 26],
        header: &Header,
        before_image: bool,
    ) -> Result<(), Fault> {
        let [s0, s1, s2, s3, place @ .., _, _, _, _, dispose, blend] = data;
        self.in_order([s0, s1, s2, s3])?;
        if self.awaited.is_some() {
            return Err(Fault::Malformed("a frame has no data"));
        }
        let [width, height, x, y] = words(place);
        let inside = |offset: u32, len: u32, side: u32| {
            len > 0 && offset.checked_add(len).is_some_and(|end| end <= side)
        };
        if !inside(x, width, header.width) || !inside(y, height, header.height) {
            return Err(Fault::Malformed("a frame must lie within the image"));
        }
        if before_image && (width, height) != (header.width, header.height) {
            return Err(Fault::Malformed("the first frame must be as large as the image"));
        }
        if dispose > 2 || blend > 1 {
            return Err(Fault::Malformed("unknown dispose or blend operation of a frame"));
        }
        self.begun = self.begun.saturating_add(1);
        if self.declared.is_some_and(|declared| self.begun > declared) {
            return Err(Fault::Malformed("there are more frames than acTL declares"));
        }
        self.awaited = Some((width, height));
        Ok(())
    }

    /// A sequence number, of fcTL or fdAT (§11.3.6.3).
    pub(super) fn in_order(&mut self, sequence: [u8; 4]) -> Result<(), Fault> {
        if u32::from_be_bytes(sequence) != self.sequence {
            return Err(Fault::Malformed(
                "the sequence numbers of fcTL and fdAT must count from 0",
            ));
        }
        self.sequence = self.sequence.saturating_add(1);
        Ok(())
    }

    /// The default image begins: how many images are to be decoded? One that no fcTL announces is
    /// not part of the animation, but is what viewers without animation show. It counts, or an
    /// animation of one frame could show something else than the image it passes for.
    pub(super) fn images(&mut self) -> u32 {
        let beside = u32::from(self.awaited.take().is_none());
        self.declared.map_or(1, |declared| declared.saturating_add(beside))
    }

    /// The data of a frame begins.
    pub(super) fn frame(&mut self) -> Result<(u32, u32), Fault> {
        self.awaited.take().ok_or(Fault::Malformed("fdAT stands where no fcTL announces a frame"))
    }

    /// The file is complete.
    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.awaited.is_some() {
            return Err(Fault::Malformed("a frame has no data"));
        }
        if self.declared.is_some_and(|declared| self.begun < declared) {
            return Err(Fault::Malformed("there are fewer frames than acTL declares"));
        }
        Ok(())
    }
}

fn words(bytes: [u8; 16]) -> [u32; 4] {
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = bytes;
    [[a0, a1, a2, a3], [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3]].map(u32::from_be_bytes)
}
