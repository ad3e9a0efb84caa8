//! Dictionaries of structured fields (RFC 9651 §3.2), within limits and with every name once.
//!
//! RFC 9651 takes the last of two members of one name. A signature must not depend on which of them a
//! reader takes, so a second one is refused. The parser is a library's; its own owned types are not
//! used because they hash with random keys.

mod visitor;

use std::borrow::BorrowMut;

use sfv::{
    BareItemFromInput, DictSerializer, InnerListSerializer, ItemSerializer, KeyRef, ListSerializer,
    ParameterSerializer, Parser,
};
use visitor::Reading;

/// The most parameters of one item or list.
pub(crate) const PARAMETERS_MAX: usize = 16;

/// A dictionary, in the order received.
#[derive(Debug, Default)]
pub(crate) struct Dictionary<'a>(Vec<(&'a KeyRef, Member<'a>)>);

/// A member of a dictionary.
#[derive(Debug)]
pub(crate) enum Member<'a> {
    /// One value.
    Item(Item<'a>),
    /// Values in brackets.
    List(InnerList<'a>),
}

/// A value with its parameters.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) value: BareItemFromInput<'a>,
    pub(crate) parameters: Parameters<'a>,
}

/// Items in brackets, with the parameters of them all.
#[derive(Debug, Default)]
pub(crate) struct InnerList<'a> {
    pub(crate) items: Vec<Item<'a>>,
    pub(crate) parameters: Parameters<'a>,
}

/// Parameters in the order received, each name once.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'a>(Vec<(&'a KeyRef, BareItemFromInput<'a>)>);

/// The most that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Members of the dictionary.
    pub(crate) members: usize,
    /// Items of one inner list.
    pub(crate) items: usize,
}

/// Why a field is not such a dictionary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Error {
    /// It cannot be read.
    Malformed,
    /// A name appears twice.
    Repeated,
    /// More members than are looked at.
    TooManyMembers,
    /// More items in one list than are looked at.
    TooManyItems,
    /// More parameters of one item or list than are looked at.
    TooManyParameters,
}

/// Reads a dictionary from all `lines` of its field.
pub(crate) fn parse<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> Result<Dictionary<'a>, Error> {
    let mut reading = Reading { members: Dictionary::default(), limits, error: Error::Malformed };
    for line in lines {
        if Parser::new(line).parse_dictionary_with_visitor(&mut reading).is_err() {
            return Err(reading.error);
        }
    }
    Ok(reading.members)
}

impl<'a> Dictionary<'a> {
    /// The members, in the order received.
    pub(crate) fn into_members(self) -> impl Iterator<Item = (&'a str, Member<'a>)> {
        self.0.into_iter().map(|(name, member)| (name.as_str(), member))
    }

    /// The member `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&Member<'a>> {
        self.0.iter().find(|(key, _)| key.as_str() == name).map(|(_, member)| member)
    }

    /// Whether there are no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the one serialisation of the dictionary (RFC 9651 §4.1.2).
    pub(crate) fn write(&self, out: &mut String) {
        let mut writer = DictSerializer::with_buffer(out);
        for (name, member) in &self.0 {
            match member {
                Member::Item(item) => item.parameters.write(writer.bare_item(name, &item.value)),
                Member::List(list) => list.write_into(writer.inner_list(name)),
            }
        }
    }
}

impl Member<'_> {
    /// Writes the one serialisation of the value alone (RFC 9651 §4.1.1).
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Item(item) => item.write(out),
            Self::List(list) => list.write(out),
        }
    }
}

impl Item<'_> {
    /// Writes the one serialisation of the item (RFC 9651 §4.1.3).
    pub(crate) fn write(&self, out: &mut String) {
        self.parameters.write(ItemSerializer::with_buffer(out).bare_item(&self.value));
    }
}

impl InnerList<'_> {
    /// Writes the one serialisation of the list (RFC 9651 §4.1.1.1).
    pub(crate) fn write(&self, out: &mut String) {
        self.write_into(ListSerializer::with_buffer(out).inner_list());
    }

    fn write_into(&self, mut writer: InnerListSerializer<'_>) {
        for item in &self.items {
            item.parameters.write(writer.bare_item(&item.value));
        }
        self.parameters.write(writer.finish());
    }
}

impl<'a> Parameters<'a> {
    /// The value of `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&BareItemFromInput<'a>> {
        self.0.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    /// Every parameter, in the order received.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &BareItemFromInput<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn write<W: BorrowMut<String>>(&self, mut writer: ParameterSerializer<W>) {
        for (name, value) in &self.0 {
            writer = writer.parameter(name, value);
        }
        // What it returns is the buffer.
        let _ = writer.finish();
    }
}

#[cfg(test)]
mod tests;
