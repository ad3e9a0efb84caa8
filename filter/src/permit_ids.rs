//! Ids of permits, drawn ahead: to ask a host for random bytes takes it about a microsecond, be they 16 or 512.

use crate::PermitId;

/// How many ids one question is good for.
const AHEAD: usize = 32;

/// Ids that were drawn and are not used yet, 31 at most.
#[derive(Default)]
pub struct PermitIds(Vec<PermitId>);

impl PermitIds {
    /// An id that nothing else has. `fill` makes all bytes of its argument random ones; it is asked only when no
    /// id is left.
    ///
    /// # Errors
    /// That of `fill`.
    ///
    /// ```
    /// let mut ids = filter::PermitIds::default();
    /// let random = |bytes: &mut [u8]| {
    ///     bytes.fill(7); // a host asks its generator
    ///     Ok::<(), ()>(())
    /// };
    /// assert_eq!(ids.draw(random).unwrap().0, [7; 16]);
    /// ```
    pub fn draw<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<PermitId, E> {
        if let Some(id) = self.0.pop() {
            return Ok(id);
        }
        let mut fresh = [[0; 16]; AHEAD];
        fill(fresh.as_flattened_mut())?;
        let [first, rest @ ..] = fresh;
        self.0.extend(rest.map(PermitId));
        Ok(PermitId(first))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_byte_that_was_drawn_is_in_one_id() {
        let (mut ids, mut next, mut questions) = (PermitIds::default(), 0u16, 0);
        let mut drawn = BTreeSet::new();
        for _ in 0..AHEAD * 3 {
            let id = ids.draw(|bytes| {
                questions += 1;
                for pair in bytes.chunks_exact_mut(2) {
                    pair.copy_from_slice(&next.to_be_bytes());
                    next += 1;
                }
                Ok::<(), ()>(())
            });
            drawn.extend(id.unwrap().0.as_chunks().0.iter().map(|&pair| u16::from_be_bytes(pair)));
        }
        assert_eq!((questions, drawn.len()), (3, AHEAD * 3 * 8));
    }

    #[test]
    fn without_random_bytes_there_is_no_id() {
        let mut ids = PermitIds::default();
        assert_eq!(ids.draw(|_| Err("dry")), Err("dry"));
        let ones = |bytes: &mut [u8]| {
            bytes.fill(1);
            Ok::<(), ()>(())
        };
        assert_eq!(ids.draw(ones), Ok(PermitId([1; 16])));
    }
}
