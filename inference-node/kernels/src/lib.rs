//! What a convolutional network spends its time on, for a CPU: dense and Winograd convolutions, pooling, resizing.
//!
//! Every map of channels is *blocked*: `[batch, channels / 16, height, width, 16]`, so that the 16 values of a pixel
//! are one vector of AVX-512, two of AVX2, or one cache line to anything else. Nothing is gathered or shuffled: a
//! transform works on 16 channels at once, a dilated layer reads every d-th line, and channels are concatenated by
//! naming two maps instead of one. Lanes beyond the last channel are zero.
//!
//! | module | what it computes |
//! |---|---|
//! | [`map`] | the shape of a blocked map, and views of one |
//! | [`conv`] | convolution, bias, activation and residual in one pass; picks one of the next two |
//! | `direct` | ... tap by tap, leaving out the taps that fall outside the map |
//! | `winograd` | ... by F(4x4, 3x3): a quarter of the multiplications |
//! | [`single`] | a 3x3 convolution to one channel |
//! | [`depthwise`] | convolution of each channel on its own |
//! | [`pool`], [`resize`] | 2x2 maxima, bilinear resizing |
//! | [`channels`] | means, gates and other gatherings of whole channels |
//! | [`recurrent`], [`classes`] | a two-way LSTM, and the likeliest of many classes |
//! | [`weigh`] | weighted sums of rows of bytes, for resizing photos |
//! | `lanes`, `multiply` | 16 lanes on each instruction set, and the one inner loop of all convolutions |
//!
//! All `unsafe` of the project is in this crate. There are two reasons for it, and each block says which is its own:
//! instructions that only some processors have ([`Kernel`] proves that they are there), and writing one map from many
//! threads (each writes lines of its own).

pub mod channels;
pub mod classes;
pub mod conv;
pub mod depthwise;
mod direct;
mod exponential;
mod kernel;
mod lanes;
pub mod map;
mod multiply;
pub mod pool;
pub mod recurrent;
pub mod resize;
pub mod single;
mod threads;
pub mod weigh;
mod winograd;

pub use kernel::{Kernel, UnknownKernel};
