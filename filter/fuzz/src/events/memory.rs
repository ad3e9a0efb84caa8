//! A memory that fails as it is told.

use std::cell::Cell;
use std::rc::Rc;

use filter::Unavailable;
use filter::store::{LocalMemory, SharedMemory, Written};

/// What goes wrong with one access.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Nothing is done, and it says so.
    Before,
    /// It is done, and the answer is lost.
    After,
    /// Somebody else is said to have been faster.
    Raced,
}

#[derive(Clone, Default)]
pub(super) struct Disturbed {
    pages: Rc<LocalMemory>,
    faults: Rc<Cell<u16>>,
}

impl Disturbed {
    /// The next accesses fail in these ways, two bits for each.
    pub(super) fn disturb(&self, faults: u16) {
        self.faults.set(faults);
    }

    fn next_fault(&self) -> Fault {
        let faults = self.faults.get();
        self.faults.set(faults >> 2);
        [Fault::None, Fault::Before, Fault::After, Fault::Raced][usize::from(faults & 3)]
    }

    fn write(
        &self,
        write: impl FnOnce(&LocalMemory) -> Result<Written, Unavailable>,
    ) -> Result<Written, Unavailable> {
        match self.next_fault() {
            Fault::None => write(&self.pages),
            Fault::Before => Err(Unavailable),
            Fault::After => write(&self.pages).and(Err(Unavailable)),
            Fault::Raced => Ok(Written::Raced),
        }
    }
}

impl SharedMemory for Disturbed {
    fn read(&self, page: &str) -> Result<Option<(Vec<u8>, u32)>, Unavailable> {
        match self.next_fault() {
            Fault::None | Fault::Raced => self.pages.read(page),
            Fault::Before | Fault::After => Err(Unavailable),
        }
    }

    fn create(&self, page: &str, bytes: &[u8]) -> Result<Written, Unavailable> {
        self.write(|pages| pages.create(page, bytes))
    }

    fn replace(&self, page: &str, bytes: &[u8], version: u32) -> Result<Written, Unavailable> {
        self.write(|pages| pages.replace(page, bytes, version))
    }
}
