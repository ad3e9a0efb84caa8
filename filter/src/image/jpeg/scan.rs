//! Scan headers (T.81, B.2.3), and how many bits a scan takes at least.

use super::frame::{COMPONENTS_MAX, Frame};
use super::tables::Tables;
use crate::image::walk::Fault;

/// The most blocks in an MCU (B.2.3).
const BLOCKS_OF_MCU_MAX: u64 = 10;

/// A scan, as its header declares it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    /// The components whose DC coefficients it codes for the first time, by their places in the frame.
    pub(super) begun: u8,
    /// The bits that its entropy-coded data have at least.
    pub(super) bits: u64,
}

/// Which coefficients a scan codes, and which of their bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Selection {
    first: u8,
    last: u8,
    high: u8,
    low: u8,
}

impl Scan {
    /// Reads what follows the length of the header.
    pub(super) fn read(header: &[u8], frame: &Frame, tables: Tables) -> Result<Self, Fault> {
        let Some((&count, rest)) = header.split_first() else {
            return Err(Fault::Malformed("the scan header is too short"));
        };
        let count = usize::from(count);
        if !(1..=COMPONENTS_MAX).contains(&count) {
            return Err(Fault::Malformed("a scan does not have 1 to 4 components"));
        }
        let (of_components, &[first, last, bits]) = match rest.split_last_chunk() {
            Some(parts) if parts.0.len() == count * 2 => parts,
            _ => {
                return Err(Fault::Malformed(
                    "the scan header does not fit its number of components",
                ));
            }
        };
        let selection = Selection { first, last, high: bits >> 4, low: bits & 0x0f };
        selection.check(frame.progressive, count)?;
        let (mut selected, mut blocks_of_mcu, mut blocks_alone) = (0_u8, 0, 0);
        let (pairs, _) = of_components.as_chunks();
        for &[id, of_tables] in pairs {
            let (place, component) = frame
                .components()
                .iter()
                .enumerate()
                .find(|(_, component)| component.id == id)
                .ok_or(Fault::Malformed("a scan has a component that the frame has not"))?;
            if selected & (1 << place) != 0 {
                return Err(Fault::Malformed("a scan has a component twice"));
            }
            selected |= 1 << place;
            blocks_of_mcu += component.blocks_of_mcu();
            blocks_alone = frame.blocks_alone(*component);
            if !tables.has_quantisation(component.table) {
                return Err(Fault::Malformed("a quantisation table is not defined"));
            }
            selection.check_huffman(frame.progressive, of_tables, tables)?;
        }
        if count > 1 && blocks_of_mcu > BLOCKS_OF_MCU_MAX {
            return Err(Fault::Malformed("a scan has more than 10 blocks in an MCU"));
        }
        let blocks = if count == 1 { blocks_alone } else { frame.mcus() * blocks_of_mcu };
        Ok(Self {
            begun: if selection.first == 0 && selection.high == 0 { selected } else { 0 },
            bits: blocks * selection.bits_of_block(frame.progressive),
        })
    }
}

impl Selection {
    /// Table B.3 and G.1.1.1.
    fn check(self, progressive: bool, count: usize) -> Result<(), Fault> {
        let Self { first, last, high, low } = self;
        if !progressive {
            // Some encoders write zeros, and libjpeg only warns of it.
            let fits = matches!((first, last, high, low), (0, 0 | 63, 0, 0));
            return if fits {
                Ok(())
            } else {
                Err(Fault::Malformed("a sequential scan does not code all coefficients"))
            };
        }
        let (dc, ac) = (first == 0 && last == 0, first > 0 && first <= last && last <= 63);
        if !dc && !ac {
            return Err(Fault::Malformed("a progressive scan selects impossible coefficients"));
        }
        if ac && count > 1 {
            return Err(Fault::Malformed("a progressive scan has AC of several components"));
        }
        if low > 13 || high > 13 || high > 0 && high != low + 1 {
            return Err(Fault::Malformed("a progressive scan selects impossible bits"));
        }
        Ok(())
    }

    /// Whether the tables are there whose codes the scan has. DC is refined without (G.1.2.1).
    fn check_huffman(self, progressive: bool, ids: u8, tables: Tables) -> Result<(), Fault> {
        let (dc, ac) = (ids >> 4, ids & 0x0f);
        if dc > 3 || ac > 3 {
            return Err(Fault::Malformed("a scan has no Huffman tables 0 to 3"));
        }
        let dc_lacks = !tables.has_dc(dc) && self.first == 0 && self.high == 0;
        let ac_lacks = !tables.has_ac(ac) && (self.first > 0 || !progressive);
        if dc_lacks || ac_lacks {
            return Err(Fault::Malformed("a Huffman table is not defined"));
        }
        Ok(())
    }

    /// The fewest bits for a block: a code is at least 1 bit long. A sequential scan has one code for
    /// DC and one, the end of the block, for AC (F.1.2); a DC scan of a progressive image has one
    /// code or one bit (G.1.2.1); in an AC scan one code may end 32,767 blocks (G.1.2.2).
    fn bits_of_block(self, progressive: bool) -> u64 {
        match (progressive, self.first) {
            (false, _) => 2,
            (true, 0) => 1,
            (true, _) => 0,
        }
    }
}
