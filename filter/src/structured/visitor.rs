//! Collects what the parser reads, until something is too much or there twice.

use std::fmt;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef};

use super::{Dictionary, Error, InnerList, Item, Limits, Member, PARAMETERS_MAX, Parameters};

/// What has been read; `error` says what was wrong if the parser stops.
pub(super) struct Reading<'a> {
    pub(super) members: Dictionary<'a>,
    pub(super) limits: Limits,
    pub(super) error: Error,
}

/// Stops the parser; the reason is kept aside, because the parser's own error hides it.
#[derive(Debug)]
pub(super) struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stop {}

/// One place to put what is read next, and where to say why that cannot be.
struct Slot<'r, T> {
    into: &'r mut T,
    limits: Limits,
    error: &'r mut Error,
}

impl<'a> DictionaryVisitor<'a> for &mut Reading<'a> {
    type Out = ();
    type Error = Stop;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Stop> {
        let Reading { members, limits, error } = &mut **self;
        let repeated = members.find(key.as_str()).is_some();
        if repeated || members.0.len() == limits.members {
            *error = if repeated { Error::Repeated } else { Error::TooManyMembers };
            return Err(Stop);
        }
        // Replaced as soon as the value is read; if it is none, nothing is returned at all.
        members.0.push((key, Member::List(InnerList::default())));
        let (_, into) = members.0.last_mut().ok_or(Stop)?;
        Ok(Slot { into, limits: *limits, error })
    }

    fn finish(self) -> Result<(), Stop> {
        Ok(())
    }
}

impl<'a> EntryVisitor<'a> for Slot<'_, Member<'a>> {
    type Error = Stop;

    fn item(self) -> Result<impl ItemVisitor<'a>, Stop> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Stop> {
        match self.into {
            Member::List(into) => Ok(Slot { into, limits: self.limits, error: self.error }),
            Member::Item(_) => Err(Stop),
        }
    }
}

impl<'a> ItemVisitor<'a> for Slot<'_, Member<'a>> {
    type Out = ();
    type Error = Stop;

    fn bare_item(
        self,
        value: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = ()>, Stop> {
        *self.into = Member::Item(Item { value, parameters: Parameters::default() });
        match self.into {
            Member::Item(Item { parameters: into, .. }) => {
                Ok(Slot { into, limits: self.limits, error: self.error })
            }
            Member::List(_) => Err(Stop),
        }
    }
}

impl<'a> InnerListVisitor<'a> for Slot<'_, InnerList<'a>> {
    type Error = Stop;

    fn item(&mut self) -> Result<impl ItemVisitor<'a>, Stop> {
        if self.into.items.len() == self.limits.items {
            *self.error = Error::TooManyItems;
            return Err(Stop);
        }
        Ok(Slot { into: &mut self.into.items, limits: self.limits, error: &mut *self.error })
    }

    fn finish(self) -> Result<impl ParameterVisitor<'a>, Stop> {
        Ok(Slot { into: &mut self.into.parameters, limits: self.limits, error: self.error })
    }
}

impl<'a> ItemVisitor<'a> for Slot<'_, Vec<Item<'a>>> {
    type Out = ();
    type Error = Stop;

    fn bare_item(
        self,
        value: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = ()>, Stop> {
        self.into.push(Item { value, parameters: Parameters::default() });
        let into = &mut self.into.last_mut().ok_or(Stop)?.parameters;
        Ok(Slot { into, limits: self.limits, error: self.error })
    }
}

impl<'a> ParameterVisitor<'a> for Slot<'_, Parameters<'a>> {
    type Out = ();
    type Error = Stop;

    fn parameter(&mut self, key: &'a KeyRef, value: BareItemFromInput<'a>) -> Result<(), Stop> {
        let repeated = self.into.find(key.as_str()).is_some();
        if repeated || self.into.len() == PARAMETERS_MAX {
            *self.error = if repeated { Error::Repeated } else { Error::TooManyParameters };
            return Err(Stop);
        }
        self.into.0.push((key, value));
        Ok(())
    }

    fn finish(self) -> Result<(), Stop> {
        Ok(())
    }
}
