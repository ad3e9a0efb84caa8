//! Loads the models, and starts the threads of their devices.

use std::sync::Arc;

use filter::policy::Priority;
use image::DynamicImage;

use super::ServeError;
use crate::api::background::Models;
use crate::config::{self, Config};
use crate::engine::{Asked, Device, Engine, EngineLimits};
use crate::holder::Holder;
use crate::models::Model;
use crate::models::background::{BackgroundRemoval, Photo, Wanted};
use crate::models::cache::Cache;
use crate::models::layers::{Compute, Workplace};
use crate::models::text::TextReading;
use crate::models::weights::{self, ModelCard};

/// The model that reads text where none is named.
const TEXT_MODEL: &str = "ppocr";
/// Images that run together on a GPU where no number is set: on an H100, 8 of U^2-Net take three times as long as
/// one (docs/operations.md). A CPU gains nothing: one image keeps its cores busy.
const BATCH_ON_A_GPU: usize = 8;
/// The side of the image of a first run.
const BLANK: u32 = 32;

/// The models, each on its device.
pub(super) struct Loaded {
    pub(super) background: Models,
    pub(super) text: Option<Arc<Engine<TextReading>>>,
    /// What is under way on each device.
    pub(super) loads: Vec<Load>,
}

/// Jobs of a device, and the pixels of their images.
pub(super) type Load = Box<dyn Fn() -> (usize, u64) + Send + Sync>;

/// Loads what `config` names. Text is read on the CPU: on the thread of all models where that is the device, so that
/// two models do not fight for its cores; beside a GPU, on one of its own.
pub(super) fn load(config: &Config) -> Result<Loaded, ServeError> {
    let compute = Compute::open(config.device, config.kernel)?;
    let (on_cpu, place) = (compute.device.is_cpu(), Workplace::new(&compute));
    let mut device = Device::new(limits(config, on_cpu));
    let mut cpu = (!on_cpu).then(|| Device::new(limits(config, true)));
    let mut background = Vec::new();
    for name in &config.background {
        let (name, model) = load_background(name, config, &place)?;
        background.push((name, device.add(model)));
    }
    let text = load_text(config, &place)?;
    let text = text.map(|model| cpu.as_mut().unwrap_or(&mut device).add(model));
    let mut loads = Vec::<Load>::new();
    for device in [Some(device), cpu].into_iter().flatten() {
        loads.push(Box::new(device.load()));
        device.start()?;
    }
    let mut background = background.into_iter();
    let first = background.next().ok_or_else(|| ServeError::UnknownModel(String::new()))?;
    Ok(Loaded { background: Models::new(first, background.collect()), text, loads })
}

/// Runs each model once: a file that was read is not yet a model that works.
pub(super) async fn first_runs(
    background: &Models,
    text: Option<&Engine<TextReading>>,
) -> Result<(), ServeError> {
    let blank = || DynamicImage::new_rgb8(BLANK, BLANK);
    for engine in background.engines() {
        first_run(engine, Photo { image: blank(), wanted: Wanted::default() }).await?;
    }
    match text {
        Some(text) => first_run(text, blank()).await,
        None => Ok(()),
    }
}

fn load_background(
    name: &str,
    config: &Config,
    place: &Workplace,
) -> Result<(&'static str, BackgroundRemoval), ServeError> {
    let card = card(name)?;
    let file = Cache::new(&config.models).safetensors(card);
    let model = BackgroundRemoval::load(card, &file, place)
        .map_err(|error| ServeError::Model(Box::new(error), name.to_owned()))?;
    tracing::info!(model = card.name, device = %place.compute(), file = %file.display(), "the model is loaded");
    Ok((card.name, model))
}

/// The model that reads text, if one is served.
fn load_text(config: &Config, place: &Workplace) -> Result<Option<TextReading>, ServeError> {
    let name = match &config.text {
        config::Text::Off => return Ok(None),
        config::Text::IfFetched => TEXT_MODEL,
        config::Text::Model(name) => name,
    };
    let card = card(name)?;
    let file = Cache::new(&config.models).safetensors(card);
    if config.text == config::Text::IfFetched && !file.exists() {
        tracing::info!("no text is read: `lunette models fetch {name}` brings the weights");
        return Ok(None);
    }
    let model =
        TextReading::load(card, &file, place).map_err(|error| ServeError::Text(Box::new(error)))?;
    tracing::info!(model = card.name, file = %file.display(), "the model is loaded");
    Ok(Some(model))
}

fn card(name: &str) -> Result<&'static ModelCard, ServeError> {
    weights::card(name).ok_or_else(|| ServeError::UnknownModel(name.to_owned()))
}

fn limits(config: &Config, on_cpu: bool) -> EngineLimits {
    let config::Queue { waiting, deadline, batch, pixels } = config.queue;
    let batch = match batch {
        0 if on_cpu => 1,
        0 => BATCH_ON_A_GPU,
        batch => batch,
    };
    EngineLimits { waiting, patience: deadline, batch, pixels }
}

async fn first_run<M: Model>(engine: &Engine<M>, input: M::Input) -> Result<(), ServeError> {
    let pixels = u64::from(BLANK) * u64::from(BLANK);
    let asked = Asked { priority: Priority::High, holder: Holder::Node, pixels };
    let turn = engine.admit(asked)?.turn().await?;
    let done = engine.run(turn, input).await?;
    tracing::info!(milliseconds = done.ran.as_millis(), "the model has run");
    Ok(())
}
