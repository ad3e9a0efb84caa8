//! Memory for maps, used again from layer to layer and from image to image.
//!
//! To get memory from the system for every map costs more than many a layer. What is held is what one run needed at
//! most at one time. A buffer still has what an earlier image left in it: every operation writes the whole of its
//! output, and under test a buffer is filled with what is no number before it is handed out.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

/// The free buffers of one network.
#[derive(Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Tensor>>>);

/// A buffer in use; dropping it makes it free again.
pub(super) struct Buffer {
    /// One-dimensional, at least as long as was asked for.
    tensor: Tensor,
    home: Buffers,
}

impl Buffers {
    /// A buffer of at least `len` values, whatever they are.
    pub(super) fn take(&self, len: usize) -> Result<Buffer> {
        let tensor = match self.smallest(len) {
            Some(tensor) => tensor,
            None => Tensor::zeros(len, DType::F32, &Device::Cpu)?,
        };
        let buffer = Buffer { tensor, home: self.clone() };
        #[cfg(test)]
        super::host::write(&buffer.tensor, "poison", |values| values.fill(f32::NAN))?;
        Ok(buffer)
    }

    /// The smallest free buffer that is long enough. If there are only shorter ones the longest of them makes room, so
    /// that there are never more buffers than were once in use together.
    fn smallest(&self, len: usize) -> Option<Tensor> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.sort_unstable_by_key(Tensor::elem_count);
        if let Some(index) = free.iter().position(|tensor| tensor.elem_count() >= len) {
            return Some(free.remove(index));
        }
        free.pop();
        None
    }

    /// The lengths of the free buffers.
    #[cfg(test)]
    pub(super) fn free(&self) -> Vec<usize> {
        let mut free: Vec<_> = self.0.lock().unwrap().iter().map(Tensor::elem_count).collect();
        free.sort_unstable();
        free
    }

    /// Gives all free memory back.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Buffer {
    pub(super) fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.tensor.clone());
    }
}
