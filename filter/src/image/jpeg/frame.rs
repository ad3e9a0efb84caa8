//! Frame headers (T.81, B.2.2).

use crate::image::walk::Fault;

/// The most components: those of CMYK.
pub(super) const COMPONENTS_MAX: usize = 4;

/// A frame, as its header declares it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: u16,
    pub(super) height: u16,
    components: [Component; COMPONENTS_MAX],
    count: usize,
    /// The greatest sampling factors.
    horizontal: u8,
    vertical: u8,
}

/// One of its components.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, 1 to 4.
    horizontal: u8,
    vertical: u8,
    /// The quantisation table, 0 to 3.
    pub(super) table: u8,
}

impl Component {
    /// Its blocks in an MCU of more than one component (A.2.3).
    pub(super) fn blocks_of_mcu(self) -> u64 {
        u64::from(self.horizontal) * u64::from(self.vertical)
    }
}

impl Frame {
    /// Reads what follows the length of the header.
    pub(super) fn read(header: &[u8], progressive: bool) -> Result<Self, Fault> {
        let Some((&[precision, h1, h0, w1, w0, count], of_components)) = header.split_first_chunk()
        else {
            return Err(Fault::Malformed("the frame header is too short"));
        };
        let count = usize::from(count);
        if of_components.len() != count * 3 {
            return Err(Fault::Malformed("the frame header does not fit its number of components"));
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if width == 0 {
            return Err(Fault::Malformed("the width is 0"));
        }
        match (precision, height, count) {
            (8, 1.., 1 | 3 | 4) => {}
            (8, 0, _) => return Err(Fault::Unsupported("the number of lines stands after a scan")),
            (8, ..) => return Err(Fault::Unsupported("other than 1, 3 or 4 components")),
            _ => return Err(Fault::Unsupported("other than 8 bits per sample")),
        }
        let mut frame = Self {
            progressive,
            width,
            height,
            components: [Component::default(); COMPONENTS_MAX],
            count,
            horizontal: 1,
            vertical: 1,
        };
        let (triples, _) = of_components.as_chunks();
        for (slot, &triple) in frame.components.iter_mut().zip(triples) {
            *slot = component(triple)?;
            frame.horizontal = frame.horizontal.max(slot.horizontal);
            frame.vertical = frame.vertical.max(slot.vertical);
        }
        frame.check()?;
        Ok(frame)
    }

    /// The components.
    pub(super) fn components(&self) -> &[Component] {
        self.components.get(..self.count).unwrap_or_default()
    }

    /// The places of all components, one bit each.
    pub(super) fn places(&self) -> u8 {
        (1 << self.count) - 1
    }

    /// The blocks that a scan of one component codes (A.2.2).
    pub(super) fn blocks_alone(&self, component: Component) -> u64 {
        let across = blocks(self.width, component.horizontal, self.horizontal);
        let down = blocks(self.height, component.vertical, self.vertical);
        across * down
    }

    /// The MCUs that a scan of several components codes (A.2.3).
    pub(super) fn mcus(&self) -> u64 {
        blocks(self.width, 1, self.horizontal) * blocks(self.height, 1, self.vertical)
    }

    /// What concerns the components together.
    fn check(&self) -> Result<(), Fault> {
        let mut rest = self.components();
        while let Some((component, others)) = rest.split_first() {
            if others.iter().any(|other| other.id == component.id) {
                return Err(Fault::Malformed("two components have the same id"));
            }
            // libjpeg asks this of both directions; three samples across are more than zune-jpeg does.
            if !self.horizontal.is_multiple_of(component.horizontal)
                || !self.vertical.is_multiple_of(component.vertical)
                || component.horizontal == 3
            {
                return Err(Fault::Unsupported("sampling factors that do not divide each other"));
            }
            rest = others;
        }
        Ok(())
    }
}

fn component([id, sampling, table]: [u8; 3]) -> Result<Component, Fault> {
    let (horizontal, vertical) = (sampling >> 4, sampling & 0x0f);
    if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) {
        return Err(Fault::Malformed("a sampling factor is not 1 to 4"));
    }
    if table > 3 {
        return Err(Fault::Malformed("a component has no quantisation table 0 to 3"));
    }
    Ok(Component { id, horizontal, vertical, table })
}

/// The 8x8 blocks along `side` samples, of which a component has `factor` out of `greatest`.
fn blocks(side: u16, factor: u8, greatest: u8) -> u64 {
    (u64::from(side) * u64::from(factor)).div_ceil(8 * u64::from(greatest))
}
