//! The work on an image that is admitted: its turn, its permit, the decoder, the model.

use std::time::Duration;

use filter::KeyRing;
use image::DynamicImage;

use super::codec;
use super::concurrent::Place;
use super::error::ApiError;
use super::stages::Stages;
use super::{Admitted, Node};
use crate::clock;
use crate::engine::{Asked, Began, Done, Engine, EngineError, Slot, Turn};
use crate::holder::Holder;
use crate::metrics::{Dropped, Metrics};
use crate::models::Model;

/// What a model made of an image.
pub(super) struct Worked<O> {
    pub(super) output: O,
    /// To be held until the image is gone.
    pub(super) turn: Turn,
    pub(super) took: Took,
    pub(super) stages: Stages,
    /// Likewise, until there is an answer.
    pub(super) place: Place,
}

/// How long it took.
#[derive(Clone, Copy)]
pub(super) struct Took {
    pub(super) decode: Duration,
    /// The wait for a turn and for the device.
    pub(super) queue: Duration,
    pub(super) model: Duration,
}

impl<K: KeyRing> Node<K> {
    /// Takes an image through the queue and the decoder to a model; `input` makes of the image what that takes.
    pub(super) async fn work<M: Model + 'static>(
        &self,
        engine: &Engine<M>,
        admitted: Admitted,
        input: impl FnOnce(DynamicImage) -> M::Input,
    ) -> Result<Worked<M::Output>, ApiError> {
        let asked = self.asked(&admitted);
        let priority = asked.priority;
        let slot = engine.admit(asked).inspect_err(|_| self.metrics.dropped(Dropped::Full))?;
        let mut leaving = Leaving { metrics: &self.metrics, began: slot.began(), stayed: false };
        let worked = self.run(engine, slot, admitted, input).await;
        leaving.stayed = true;
        match &worked {
            Ok(Worked { took, .. }) => self.metrics.inference(priority, took.queue, took.model),
            Err(
                ApiError::Engine(EngineError::WaitedTooLong)
                | ApiError::Run(EngineError::WaitedTooLong),
            ) => self.metrics.dropped(Dropped::Deadline),
            Err(_) => {}
        }
        worked
    }

    async fn run<M: Model + 'static>(
        &self,
        engine: &Engine<M>,
        slot: Slot,
        admitted: Admitted,
        input: impl FnOnce(DynamicImage) -> M::Input,
    ) -> Result<Worked<M::Output>, ApiError> {
        let Admitted { claims, image, limits, place, .. } = admitted;
        let mut stages = Stages::default();
        let turn = slot.turn().await?;
        stages.ended([("queue", turn.waited())]);
        // Not earlier: whoever was sent away by then may come again.
        self.permits.use_once(&claims, clock::now()).await?;
        let (image, turn, decode) = codec::decode(&self.codec, image, limits, turn).await?;
        self.metrics.stage("decode", decode);
        stages.ended([("decode", decode)]);
        let turn_waited = turn.waited();
        let done = engine.run(turn, input(image)).await.map_err(ApiError::Run)?;
        let Done { output, turn, queued, ran, batch } = done;
        if let Some(images) = batch {
            self.metrics.batch(images);
        }
        stages.ended([("queue", queued.saturating_sub(turn_waited)), ("model", ran)]);
        let took = Took { decode, queue: queued, model: ran };
        Ok(Worked { output, turn, took, stages, place })
    }

    /// What the engine is asked for an image: what goes first is up to the tier.
    fn asked(&self, admitted: &Admitted) -> Asked {
        let Admitted { claims, image, .. } = admitted;
        let (width, height) = image.dimensions();
        Asked {
            priority: self.tier(claims).map(|tier| tier.priority).unwrap_or_default(),
            holder: Holder::of(claims),
            pixels: u64::from(width) * u64::from(height),
        }
    }
}

impl Took {
    /// As `Server-Timing` has it.
    pub(super) fn timing(&self) -> String {
        let millis = |took: Duration| took.as_secs_f64() * 1000.0;
        format!(
            "decode;dur={:.1}, queue;dur={:.1}, model;dur={:.1}",
            millis(self.decode),
            millis(self.queue),
            millis(self.model)
        )
    }
}

/// Counts a client who leaves before a model began to work for it: its request is dropped where it stands.
struct Leaving<'a> {
    metrics: &'a Metrics,
    began: Began,
    stayed: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.stayed && !self.began.has() {
            self.metrics.dropped(Dropped::Left);
        }
    }
}
