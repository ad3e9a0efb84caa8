//! Background removal: a photo goes in, the same photo with alpha comes out.
//!
//! Results agree with [rembg](https://github.com/danielgatis/rembg) 2.0.86 on the same weights:
//! `tests/background_parity.rs` compares the two on photos.

mod compose;
mod lanczos;
pub mod matte;
pub mod matting;
pub mod network;
pub mod preprocess;
mod smooth;

use std::path::Path;

use candle_core::{Device, Module, Tensor};
use image::DynamicImage;
use rayon::prelude::*;

use self::{
    matte::Matte,
    matting::{MattingError, Thresholds},
    network::{Config, U2Net},
};
use crate::models::{
    Model, ModelError,
    layers::Workplace,
    weights::{ModelCard, Weights, WeightsError},
};

/// U^2-Net with the work before and after it.
pub struct BackgroundRemoval {
    network: U2Net,
    device: Device,
}

impl BackgroundRemoval {
    /// Loads the weights of `card` from the safetensors file at `path`, to run at `place`.
    pub fn load(
        card: &'static ModelCard,
        path: &Path,
        place: &Workplace,
    ) -> Result<Self, LoadError> {
        let config = Config::of(card.name).ok_or(LoadError::OtherTask { name: card.name })?;
        let weights = Weights::load(card, path)?;
        let network = U2Net::new(&config, weights.into_tensors(place.compute())?, place)?;
        Ok(Self { network, device: place.compute().device.clone() })
    }

    /// The mattes of `images`, each of its own image's size.
    pub fn mattes(&self, images: &[&DynamicImage]) -> Result<Vec<Matte>, ModelError> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let inputs = images
            .par_iter()
            .map(|image| preprocess::normalise(image, &Device::Cpu))
            .collect::<Result<Vec<_>, _>>()?;
        let batch = Tensor::stack(&inputs, 0)?.to_device(&self.device)?; // [B, 3, 320, 320]
        let saliency = self.network.forward(&batch)?.squeeze(1)?; // [B, 320, 320]
        let saliency = saliency.to_device(&Device::Cpu)?.to_vec3::<f32>()?;
        let matte = |(image, map): (&&DynamicImage, Vec<Vec<f32>>)| {
            Matte::from_saliency(&map.concat(), image.width(), image.height())
        };
        Ok(images.par_iter().zip(saliency).map(matte).collect())
    }
}

/// A decoded image, the right way up, and what is wanted of it.
pub struct Photo {
    /// The image.
    pub image: DynamicImage,
    /// What is wanted.
    pub wanted: Wanted,
}

/// What is wanted of an image.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// The cut-out or the mask.
    pub shape: Shape,
    /// Whether the mask has a smooth, hard edge, as with rembg's `ppm`.
    pub smooth: bool,
    /// What is put behind the cut-out.
    pub backdrop: Backdrop,
}

/// What is wanted of `image`, with alpha and colours near its edges refined from `mask`: on a processor, in seconds.
pub fn refined(
    image: &DynamicImage,
    mask: &DynamicImage,
    backdrop: Backdrop,
    thresholds: Thresholds,
) -> Result<DynamicImage, MattingError> {
    let mask = mask.to_luma8();
    let refined = matting::cut_out(&image.to_rgb8(), &mask, thresholds)?;
    let cutout = refined.unwrap_or_else(|| Matte::of(mask).cut_out(image));
    Ok(match backdrop {
        Backdrop::Nothing => cutout.into(),
        Backdrop::Colour(colour) | Backdrop::Faded(colour) => compose::over(cutout, colour).into(),
    })
}

/// What is put behind a cut-out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Backdrop {
    /// Nothing: it is transparent.
    #[default]
    Nothing,
    /// A colour, under the image and through its matte.
    Colour([u8; 4]),
    /// A colour, under the cut-out whose edge was faded already: the dark seam is rembg's.
    Faded([u8; 4]),
}

/// The cut-out or the mask.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Shape {
    /// The image without its background, in RGBA.
    #[default]
    Cutout,
    /// Its alpha alone, in grey: white is foreground.
    Mask,
}

impl Shape {
    /// What a client calls it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "cutout" => Some(Self::Cutout),
            "mask" => Some(Self::Mask),
            _ => None,
        }
    }
}

impl Model for BackgroundRemoval {
    type Input = Photo;
    /// The cut-out or the mask, of the photo's size.
    type Output = DynamicImage;

    fn run(&self, batch: &[Photo]) -> Result<Vec<DynamicImage>, ModelError> {
        let images: Vec<_> = batch.iter().map(|photo| &photo.image).collect();
        let mattes = self.mattes(&images)?;
        let finish = |(photo, matte): (&Photo, Matte)| {
            let Wanted { shape, smooth, backdrop } = photo.wanted;
            let matte = if smooth { smooth::edge(matte) } else { matte };
            match (shape, backdrop) {
                (Shape::Mask, _) => matte.into_alpha().into(),
                (Shape::Cutout, Backdrop::Nothing) => matte.cut_out(&photo.image).into(),
                (Shape::Cutout, Backdrop::Colour(colour)) => {
                    compose::through(&photo.image, &matte, colour).into()
                }
                (Shape::Cutout, Backdrop::Faded(colour)) => {
                    compose::over(matte.cut_out(&photo.image), colour).into()
                }
            }
        };
        Ok(batch.par_iter().zip(mattes).map(finish).collect())
    }

    fn rest(&self) {
        self.network.rest();
    }
}

/// Why background removal could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The weights are absent or not the pinned ones.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The card is of a model that does something else.
    #[error("`{name}` is not a model for background removal")]
    OtherTask {
        /// The model.
        name: &'static str,
    },
    /// The weights do not fit the architecture, or the device cannot hold them.
    #[error("the network cannot be built: {0}")]
    Network(#[from] candle_core::Error),
}
