//! Memory for maps, used again from layer to layer and from image to image.
//!
//! To get memory from the system for every map costs more than many a layer. What is held is at most a quarter more
//! than what was once in use at one time, until the network rests. A buffer still has what an earlier image left in it:
//! every operation writes the whole of its output, and under test a buffer is filled with what is no number before it is
//! handed out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

/// A map gets a buffer at most so many times as long as itself: where small maps sit in long buffers, the next large map
/// needs a new one.
const LOOSE: usize = 2;

/// The buffers of one network.
#[derive(Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Held>>);

/// What is held, in values.
#[derive(Default)]
struct Held {
    free: Vec<Tensor>,
    in_use: usize,
    /// The most that was in use at one time.
    most: usize,
}

/// A buffer in use; dropping it makes it free again.
pub(super) struct Buffer {
    /// One-dimensional, at least as long as was asked for.
    tensor: Tensor,
    home: Buffers,
}

impl Buffers {
    /// A buffer of at least `len` values, whatever they are.
    pub(super) fn take(&self, len: usize) -> Result<Buffer> {
        let tensor = match self.held().take(len) {
            Some(tensor) => tensor,
            None => Tensor::zeros(len, DType::F32, &Device::Cpu)
                .inspect_err(|_| self.held().in_use -= len)?,
        };
        let buffer = Buffer { tensor, home: self.clone() };
        #[cfg(test)]
        super::blocked::write(&buffer.tensor, "poison", |values| values.fill(f32::NAN))?;
        Ok(buffer)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lengths of the free buffers.
    #[cfg(test)]
    pub(super) fn free(&self) -> Vec<usize> {
        let mut free: Vec<_> = self.held().free.iter().map(Tensor::elem_count).collect();
        free.sort_unstable();
        free
    }

    /// Gives all free memory back.
    pub(super) fn clear(&self) {
        let mut held = self.held();
        held.free.clear();
        held.most = held.in_use;
    }
}

impl Held {
    /// The shortest free buffer that fits, now in use; none if one must be made, for which the longest make room.
    fn take(&mut self, len: usize) -> Option<Tensor> {
        self.free.sort_unstable_by_key(Tensor::elem_count);
        let fits =
            |tensor: &Tensor| (len..=len.saturating_mul(LOOSE)).contains(&tensor.elem_count());
        let found = self.free.iter().position(fits).map(|index| self.free.remove(index));
        self.in_use += found.as_ref().map_or(len, Tensor::elem_count);
        self.most = self.most.max(self.in_use);
        if found.is_none() {
            let mut free: usize = self.free.iter().map(Tensor::elem_count).sum();
            while self.in_use + free > self.most + self.most / 4 {
                let Some(longest) = self.free.pop() else { break };
                free -= longest.elem_count();
            }
        }
        found
    }
}

impl Buffer {
    pub(super) fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut held = self.home.held();
        held.in_use -= self.tensor.elem_count();
        held.free.push(self.tensor.clone());
    }
}
