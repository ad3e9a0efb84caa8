//! What follows the end of an image.
//!
//! Zeros may follow any. After a JPEG there may be, in the order in which cameras and phones write
//! them: further images and a film, if segments announced them, and Samsung's trailer, which nothing
//! announces. Zeros may stand between. What is announced need not be there. All else is refused.

mod film;
mod further;
mod lookahead;
mod samsung;
mod start;

use film::Film;
use further::Further;
use samsung::Samsung;
use start::Start;

use super::Extra;
use super::input::{Input, TAKE_MAX};
use super::walk::{Fault, Found, Progress};

/// The most further images.
const IMAGES_MAX: u8 = 16;

/// Reads what follows the end of an image: nothing, zeros, or what cameras write.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trailer {
    may_follow: MayFollow,
    /// Further images so far.
    images: u8,
    stage: Stage,
    /// The file ends with what is shown.
    ending: bool,
}

const _: () = assert!(size_of::<Trailer>() <= 1024, "a trailer's state has a limit");

/// What the segments of a JPEG announce.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Announced {
    /// Further images.
    pub(super) images: bool,
    /// A film.
    pub(super) film: bool,
}

/// What may still follow, beside zeros.
#[derive(Clone, Copy, Debug, Default)]
struct MayFollow {
    images: bool,
    film: bool,
    samsung: bool,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, and nothing here is on the heap")]
enum Stage {
    /// After the end of something, and so many zeros.
    Between {
        zeros: u64,
    },
    Further(Further),
    Film(Film),
    Samsung(Samsung),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Between { zeros: 0 }
    }
}

impl Trailer {
    /// What may follow a JPEG that announces this.
    pub(super) fn of_jpeg(announced: Announced) -> Self {
        let Announced { images, film } = announced;
        Self { may_follow: MayFollow { images, film, samsung: true }, ..Self::default() }
    }

    /// Reads more. It leaves fewer bytes than a walker may.
    pub(super) fn walk(&mut self, input: &mut Input<'_>, found: &mut Found) -> Result<(), Fault> {
        loop {
            match &mut self.stage {
                Stage::Between { zeros } => {
                    let rest = input.rest();
                    let more = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len());
                    *zeros = zeros.saturating_add(input.skip(more).len() as u64);
                    let zeros = *zeros;
                    let near = input.rest().get(..TAKE_MAX);
                    let near = if self.ending { Some(input.rest()) } else { near };
                    let Some(near) = near.filter(|near| !near.is_empty()) else { return Ok(()) };
                    let start = Start::of(zeros, near, self.may_follow)?;
                    self.begin(start, zeros, input, found)?;
                }
                Stage::Further(image) => match image.walk(input, found)? {
                    Progress::More => return Ok(()),
                    Progress::Ended => self.stage = Stage::default(),
                },
                Stage::Film(film) => match film.walk(input, self.ending)? {
                    Progress::More => return Ok(()),
                    Progress::Ended => self.stage = Stage::default(),
                },
                Stage::Samsung(blocks) => {
                    return blocks.read(input.skip(usize::MAX), found);
                }
            }
        }
    }

    /// The file ends here, with `left` not read.
    pub(super) fn end(&mut self, left: &[u8], found: &mut Found) -> Result<(), Fault> {
        self.ending = true;
        self.walk(&mut Input::new(left), found)?;
        match &mut self.stage {
            Stage::Between { zeros: 0 } => Ok(()),
            Stage::Between { .. } => {
                found.add(Extra::ZeroPadding);
                Ok(())
            }
            Stage::Further(_) => Err(Fault::Truncated),
            Stage::Film(film) => film.end(),
            Stage::Samsung(blocks) => blocks.end(found),
        }
    }

    /// Something begins, after `zeros` of which some may be its own.
    fn begin(
        &mut self,
        start: Start,
        zeros: u64,
        input: &mut Input<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let own = match start {
            Start::Image => 0,
            Start::Film { own, .. } | Start::Samsung { own } => own.len(),
        };
        if zeros > own as u64 {
            found.add(Extra::ZeroPadding);
        }
        self.stage = match start {
            Start::Image => {
                self.images += 1;
                if self.images > IMAGES_MAX {
                    return Err(Fault::TrailingData);
                }
                found.add(Extra::MultiPicture);
                Stage::Further(Further::new(found))
            }
            Start::Film { header_len, size, .. } => {
                found.add(Extra::MotionPhoto);
                self.may_follow.film = false;
                self.may_follow.images = false;
                input.skip(header_len);
                Stage::Film(Film::of_box(size))
            }
            Start::Samsung { own } => {
                let mut blocks = Samsung::default();
                blocks.read(own, found)?;
                Stage::Samsung(blocks)
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
