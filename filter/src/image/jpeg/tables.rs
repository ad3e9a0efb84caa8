//! Quantisation and Huffman tables (T.81, B.2.4.1 and B.2.4.2): which are there, not what they hold.

use super::budget::Budget;
use crate::image::input::Input;
use crate::image::walk::Fault;

/// Code lengths go from 1 to 16 bits.
const LENGTHS: usize = 16;

/// The tables that were defined, one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tables {
    dc: u8,
    ac: u8,
    quantisation: u8,
}

impl Tables {
    pub(super) fn has_dc(self, id: u8) -> bool {
        self.dc & (1 << id) != 0
    }

    pub(super) fn has_ac(self, id: u8) -> bool {
        self.ac & (1 << id) != 0
    }

    pub(super) fn has_quantisation(self, id: u8) -> bool {
        self.quantisation & (1 << id) != 0
    }

    /// A frame of Motion JPEG leaves the Huffman tables of K.3.3 out.
    pub(super) fn assume_those_of_motion_jpeg(&mut self) {
        self.dc |= 0b11;
        self.ac |= 0b11;
    }
}

/// What is left of a segment of tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    kind: Kind,
    /// Of the segment, after the table that is being read.
    left: u64,
    /// Of the table that is being read.
    of_table: u64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Quantisation,
    /// The greatest symbol of the table that is being read.
    Huffman(u8),
}

impl Segment {
    pub(super) fn quantisation(len: u64) -> Self {
        Self { kind: Kind::Quantisation, left: len, of_table: 0 }
    }

    pub(super) fn huffman(len: u64) -> Self {
        Self { kind: Kind::Huffman(0), left: len, of_table: 0 }
    }

    /// Reads more; says whether that was all.
    pub(super) fn read(
        &mut self,
        input: &mut Input<'_>,
        tables: &mut Tables,
        budget: &mut Budget,
    ) -> Result<bool, Fault> {
        loop {
            let of_table = input.pass(&mut self.of_table);
            if let Kind::Huffman(greatest) = self.kind
                && of_table.iter().any(|symbol| *symbol > greatest)
            {
                return Err(Fault::Malformed("a Huffman table has a DC symbol above 15"));
            }
            if self.of_table > 0 {
                return Ok(false);
            }
            if self.left == 0 {
                return Ok(true);
            }
            let begun = match self.kind {
                Kind::Quantisation => self.begin_quantisation(input, tables)?,
                Kind::Huffman(_) => self.begin_huffman(input, tables)?,
            };
            if !begun {
                return Ok(false);
            }
            budget.spend()?;
        }
    }

    fn begin_quantisation(
        &mut self,
        input: &mut Input<'_>,
        tables: &mut Tables,
    ) -> Result<bool, Fault> {
        let Some([about]) = input.take() else { return Ok(false) };
        let (precision, id) = (about >> 4, about & 0x0f);
        if precision > 1 || id > 3 {
            return Err(Fault::Malformed("a quantisation table has an impossible precision or id"));
        }
        let len = 64 << precision;
        self.left = self
            .left
            .checked_sub(1 + len)
            .ok_or(Fault::Malformed("a quantisation table does not fit its segment"))?;
        self.of_table = len;
        tables.quantisation |= 1 << id;
        Ok(true)
    }

    fn begin_huffman(&mut self, input: &mut Input<'_>, tables: &mut Tables) -> Result<bool, Fault> {
        let misfit = Fault::Malformed("a Huffman table does not fit its segment");
        let left = self.left.checked_sub(1 + LENGTHS as u64).ok_or(misfit)?;
        let Some([about, counts @ ..]) = input.take::<{ 1 + LENGTHS }>() else { return Ok(false) };
        let (class, id) = (about >> 4, about & 0x0f);
        if class > 1 || id > 3 {
            return Err(Fault::Malformed("a Huffman table has an impossible class or id"));
        }
        let symbols = symbols(counts)?;
        self.left = left.checked_sub(symbols).ok_or(misfit)?;
        self.of_table = symbols;
        let (defined, greatest) = match class {
            0 => (&mut tables.dc, 15),
            _ => (&mut tables.ac, u8::MAX),
        };
        *defined |= 1 << id;
        self.kind = Kind::Huffman(greatest);
        Ok(true)
    }
}

/// How many symbols a Huffman table has, by how many have codes of each length.
fn symbols(counts: [u8; LENGTHS]) -> Result<u64, Fault> {
    let (mut symbols, mut codes) = (0, 0_u32);
    for count in counts {
        // The codes that are used up, as numbers of the present length (C.2).
        codes = codes * 2 + u32::from(count);
        symbols += u64::from(count);
    }
    // The code of all ones is reserved: decoders refuse a table that uses it.
    if codes >= 1 << LENGTHS {
        return Err(Fault::Malformed("a Huffman table has more codes than there are"));
    }
    if symbols > 256 {
        return Err(Fault::Malformed("a Huffman table has more than 256 symbols"));
    }
    Ok(symbols)
}
