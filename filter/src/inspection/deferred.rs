//! One question to the store instead of two, for hosts whose store is a journey away.
//!
//! The filter asks after the head whether a request may go on, and after the image header whether the
//! image may be paid for. [`Deferred`] goes on as if the first answer were yes, keeps what is needed to
//! go on again, and asks both questions at once when the prefix has been judged. Then it shows what was
//! held to the filter once more, with the true answers. So verdicts, and what is used up, are those of a
//! host that asked at once: a prefix that is refused is asked about no further than its head, and a head
//! that is refused hides what is wrong with its prefix.
//!
//! A client that is slow with its body is not waited for: [`Deferred::ask_now`].

use std::collections::VecDeque;

use super::{NeedsAnswer, NeedsPrefix, Step};
use crate::findings::{Findings, Refused};
use crate::store::{Answer, Lookup};
use crate::verdict::Release;

/// A request whose store is asked late. It holds the pieces of the body that were shown to it.
#[must_use]
pub struct Deferred<C> {
    course: Course<C>,
    prefix: NeedsPrefix,
}

/// Questions that are to be asked together.
#[must_use]
pub struct Asking<C> {
    course: Course<C>,
    kept: Kept,
}

/// What the host must do next.
#[must_use]
pub enum Next<C> {
    /// Show the next piece of the body, or that it ended.
    Body(Deferred<C>),
    /// Resolve these in their order, up to the first that is not granted.
    Ask(Asking<C>),
    /// Send the head on with the permit, then these pieces, then the rest of the body.
    Release(Release, Vec<C>),
    /// Answer the request here.
    Reject(Refused),
}

impl<C: AsRef<[u8]>> Deferred<C> {
    /// Follows a request from its first step.
    pub fn begin(step: Step) -> Next<C> {
        let course = Course {
            kept: None,
            held: Vec::new(),
            shown: 0,
            ended: false,
            answers: VecDeque::new(),
        };
        course.run(step)
    }

    /// Inspects the next piece of the body. Where it is cut makes no difference.
    pub fn chunk(mut self, chunk: C) -> Next<C> {
        self.course.held.push(chunk);
        self.course.run(Step::NeedsPrefix(self.prefix))
    }

    /// The body ended before it was released.
    pub fn end(mut self) -> Next<C> {
        self.course.ended = true;
        self.course.run(Step::NeedsPrefix(self.prefix))
    }

    /// Whether there is something to ask already.
    pub fn has_a_question(&self) -> bool {
        self.course.kept.is_some()
    }

    /// Asks what there is to ask already, without waiting for more of the body.
    pub fn ask_now(mut self) -> Next<C> {
        match self.course.kept.take() {
            Some(kept) => Next::Ask(Asking { course: self.course, kept }),
            None => Next::Body(self),
        }
    }
}

impl<C: AsRef<[u8]>> Asking<C> {
    /// What the host must find out, in this order.
    pub fn lookups(&self) -> &[Lookup] {
        &self.kept.lookups
    }

    /// What was found out before the first of them.
    pub fn findings(&self) -> &Findings {
        self.kept.state.findings()
    }

    /// Goes on with what the host found out: an answer to each lookup, or to the first few of them if
    /// the last one is not a yes.
    pub fn answer(self, answers: Vec<Answer>) -> Next<C> {
        let Self { mut course, kept: Kept { state, seen, lookups } } = self;
        course.answers = lookups.into_iter().zip(answers).collect();
        course.shown = seen;
        // Without an answer the same would be asked for ever.
        if course.answers.is_empty() {
            return course.run(state.answer(Answer::Unavailable));
        }
        course.run(Step::NeedsAnswer(state))
    }
}

/// A way through the states, which may be gone twice.
struct Course<C> {
    /// Where the first question came up whose answer is presumed.
    kept: Option<Kept>,
    held: Vec<C>,
    /// How many of the held pieces the current state has seen.
    shown: usize,
    ended: bool,
    /// What is known of questions that come up again.
    answers: VecDeque<(Lookup, Answer)>,
}

struct Kept {
    state: NeedsAnswer,
    /// How many of the held pieces it has seen.
    seen: usize,
    lookups: Vec<Lookup>,
}

impl<C: AsRef<[u8]>> Course<C> {
    fn run(mut self, mut step: Step) -> Next<C> {
        loop {
            step = match step {
                Step::NeedsPrefix(prefix) => match self.held.get(self.shown) {
                    Some(chunk) => {
                        self.shown += 1;
                        prefix.chunk(chunk.as_ref())
                    }
                    None if self.ended => Step::Reject(prefix.end()),
                    None => return Next::Body(Deferred { course: self, prefix }),
                },
                Step::NeedsAnswer(state) => match self.known(state.lookup()) {
                    Some(answer) => state.answer(answer),
                    None if self.presume(&state) => state.answer(Answer::Granted(Vec::new())),
                    None => {
                        let lookups = vec![state.lookup().clone()];
                        let kept = Kept { state, seen: self.shown, lookups };
                        return Next::Ask(Asking { course: self, kept });
                    }
                },
                Step::Release(release) => match self.kept.take() {
                    Some(kept) => return Next::Ask(Asking { course: self, kept }),
                    None => return Next::Release(release, self.held),
                },
                Step::Reject(refused) => match self.kept.take() {
                    Some(kept) => return Next::Ask(Asking { course: self, kept }),
                    None => return Next::Reject(refused),
                },
            };
        }
    }

    /// The answer to a question that was asked ahead. One that comes up in other words than were asked is
    /// not known, nor is anything after it.
    fn known(&mut self, lookup: &Lookup) -> Option<Answer> {
        let (asked, answer) = self.answers.pop_front()?;
        if asked == *lookup {
            return Some(answer);
        }
        self.answers.clear();
        None
    }

    /// Notes the question, if it need not be asked yet.
    fn presume(&mut self, state: &NeedsAnswer) -> bool {
        if let Some(kept) = &mut self.kept {
            kept.lookups.push(state.lookup().clone());
        } else if let Some(copy) = state.at_the_body() {
            let lookups = vec![state.lookup().clone()];
            self.kept = Some(Kept { state: copy, seen: self.shown, lookups });
        }
        self.kept.is_some()
    }
}

#[cfg(test)]
mod tests;
