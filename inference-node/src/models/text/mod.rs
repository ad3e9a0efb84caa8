//! Text of whole pages: where it stands, and what it says.
//!
//! ```text
//! page ──▶ detector ──▶ regions ──▶ cut out, straightened ──▶ classifier ──▶ recogniser ──▶ lines
//!                                                             (turns what stands on its head)
//! ```
//!
//! Boxes and text agree with those of [RapidOCR](https://github.com/RapidAI/RapidOCR) 1.4.4 on the same weights:
//! `tests/text_parity.rs` compares the two on pages and photos.

mod blocks;
pub mod characters;
pub mod classifier;
pub mod detector;
mod layers;
mod page;
pub mod recogniser;
pub mod regions;
mod resample;

use std::path::Path;

use candle_core::DType;
use image::{DynamicImage, RgbImage, imageops};

use self::{
    characters::Characters,
    classifier::Classifier,
    detector::Detector,
    page::{Page, padded_planes},
    recogniser::Recogniser,
    regions::Quadrilateral,
    resample::resize,
};
use crate::models::{
    Model, ModelError,
    layers::Workplace,
    weights::{ModelCard, Weights, WeightsError},
};

/// Lines that go through a network together.
const BATCH: usize = 6;
/// How sure the classifier is before a line is turned.
const IS_TURNED: f32 = 0.9;
/// The least confidence of a line that is told.
const IS_READ: f32 = 0.5;
/// Lines whose upper edges are so close stand side by side.
const SAME_ROW: f32 = 10.0;
/// Width to height of the narrowest input of the recogniser.
const NARROWEST: f64 = 10.0;

/// All that was read of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The image's width in pixels.
    pub width: u32,
    /// The image's height in pixels.
    pub height: u32,
    /// From top to bottom, and from left to right.
    pub lines: Vec<Line>,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// The mean probability of its characters, from 0 to 1.
    pub confidence: f32,
    /// Where it stands in the image: top left, top right, bottom right, bottom left, `[x, y]` in pixels.
    pub corners: Quadrilateral,
}

/// The three networks, and what is done between them.
pub struct TextReading {
    detector: Detector,
    classifier: Classifier,
    recogniser: Recogniser,
    characters: Characters,
    place: Workplace,
}

impl TextReading {
    /// Loads the weights of `card` from the safetensors file at `path`. They run on the CPU, whatever the device of
    /// `place`: between the networks there is too much to do that a GPU does not.
    pub fn load(
        card: &'static ModelCard,
        path: &Path,
        place: &Workplace,
    ) -> Result<Self, LoadError> {
        let place = place.on_cpu();
        let tensors = Weights::load(card, path)?.into_tensors(place.compute())?;
        if !tensors.contains_tensor("characters") {
            return Err(LoadError::OtherTask { name: card.name });
        }
        let list = tensors.get_unchecked_dtype("characters", DType::U8)?.to_vec1::<u8>()?;
        let characters = Characters::parse(&list).ok_or(LoadError::Characters)?;
        Ok(Self {
            detector: Detector::new(&place, tensors.pp("detector"))?,
            classifier: Classifier::new(&place, tensors.pp("classifier"))?,
            recogniser: Recogniser::new(characters.classes(), &place, tensors.pp("recogniser"))?,
            characters,
            place,
        })
    }

    /// Reads a page.
    pub fn read(&self, image: &DynamicImage) -> Result<Reading, ModelError> {
        let page = Page::of(image);
        let probabilities = self.detector.forward(&page.for_detector()?)?;
        let width = probabilities.dim(3)?;
        let probabilities = probabilities.flatten_all()?.to_vec1()?;
        let regions = in_reading_order(regions::find(&probabilities, width, page.dimensions()));

        let mut cuts: Vec<RgbImage> = regions.iter().map(|corners| page.cut(corners)).collect();
        self.turn_upright(&mut cuts)?;
        let mut lines = Vec::with_capacity(regions.len());
        for ((text, confidence), corners) in self.texts(&cuts)?.into_iter().zip(&regions) {
            if confidence >= IS_READ {
                lines.push(Line { text, confidence, corners: page.in_image(corners) });
            }
        }
        Ok(Reading { width: image.width(), height: image.height(), lines })
    }

    /// Turns the lines that stand on their heads.
    fn turn_upright(&self, lines: &mut [RgbImage]) -> Result<(), ModelError> {
        let (height, width) = classifier::SIZE;
        for batch in lines.chunks_mut(BATCH) {
            let inputs: Vec<_> = batch
                .iter()
                .map(|line| resize(line, (input_width(line, height, width), height)))
                .collect();
            let input = padded_planes(&inputs, width, normalise)?;
            let answers = self.classifier.forward(&input)?.to_vec2::<f32>()?;
            for (line, answer) in batch.iter_mut().zip(answers) {
                if answer[1] > answer[0] && answer[1] > IS_TURNED {
                    *line = imageops::rotate180(line);
                }
            }
        }
        Ok(())
    }

    /// What each line says, and how sure that is. Lines of like width go together, so that little is padded; a line's
    /// reading depends a little on its padding.
    fn texts(&self, lines: &[RgbImage]) -> Result<Vec<(String, f32)>, ModelError> {
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by(|&a, &b| ratio(&lines[a]).total_cmp(&ratio(&lines[b])));
        let mut texts = vec![(String::new(), 0.0); lines.len()];
        for batch in order.chunks(BATCH) {
            let widest = batch.iter().map(|&index| ratio(&lines[index])).fold(NARROWEST, f64::max);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "sides of images"
            )]
            let width = (f64::from(recogniser::HEIGHT) * widest) as u32;
            let inputs: Vec<_> = batch
                .iter()
                .map(|&index| {
                    let line = &lines[index];
                    resize(line, (input_width(line, recogniser::HEIGHT, width), recogniser::HEIGHT))
                })
                .collect();
            let classes = self.recogniser.forward(&padded_planes(&inputs, width, normalise)?)?;
            for (&index, columns) in batch.iter().zip(&classes) {
                texts[index] = self.characters.read(columns);
            }
        }
        Ok(texts)
    }
}

impl Model for TextReading {
    type Input = DynamicImage;
    type Output = Reading;

    fn run(&self, batch: &[DynamicImage]) -> Result<Vec<Reading>, ModelError> {
        batch.iter().map(|image| self.read(image)).collect()
    }

    fn rest(&self) {
        self.place.rest();
    }
}

/// From top to bottom; of lines whose upper edges are close, the one further to the left first.
fn in_reading_order(mut regions: Vec<Quadrilateral>) -> Vec<Quadrilateral> {
    regions.sort_by(|a, b| a[0][1].total_cmp(&b[0][1]).then(a[0][0].total_cmp(&b[0][0])));
    for last in 1..regions.len() {
        for index in (0..last).rev() {
            let ([left, above], [next_left, next_above]) =
                (regions[index][0], regions[index + 1][0]);
            if (next_above - above).abs() >= SAME_ROW || next_left >= left {
                break;
            }
            regions.swap(index, index + 1);
        }
    }
    regions
}

fn ratio(line: &RgbImage) -> f64 {
    f64::from(line.width()) / f64::from(line.height())
}

/// The width of `line` at `height`, but no more than `most`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides of images")]
fn input_width(line: &RgbImage, height: u32, most: u32) -> u32 {
    ((f64::from(height) * ratio(line)).ceil() as u32).clamp(1, most)
}

/// From -1 to 1.
fn normalise(value: u8) -> f32 {
    (f32::from(value) / 255.0 - 0.5) / 0.5
}

/// Why text reading could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The weights are absent or not the pinned ones.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The card is of a model that does something else.
    #[error("`{name}` is not a model that reads text")]
    OtherTask {
        /// The model.
        name: &'static str,
    },
    /// The list of characters is no text.
    #[error("the list of characters is not UTF-8")]
    Characters,
    /// The weights do not fit the architecture.
    #[error("the networks cannot be built: {0}")]
    Network(#[from] candle_core::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_row_by_row() {
        let at = |x: f32, y: f32| [[x, y], [x + 50.0, y], [x + 50.0, y + 20.0], [x, y + 20.0]];
        // The second stands a little lower than the third, which is to its right.
        let regions = vec![at(10.0, 100.0), at(10.0, 14.0), at(200.0, 8.0), at(100.0, 11.0)];
        let sorted = in_reading_order(regions);
        assert_eq!(sorted, [at(10.0, 14.0), at(100.0, 11.0), at(200.0, 8.0), at(10.0, 100.0)]);
    }
}
