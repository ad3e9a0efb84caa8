//! `Signature-Input` and `Signature` (RFC 9421 §4): what a signature covers, and its bytes.

use sfv::BareItemFromInput;

use super::super::Error;
use crate::Headers;
use crate::structured::{self, InnerList, Limits, Member};

/// The most signatures that are looked at.
pub(super) const LABELS_MAX: usize = 8;
/// The most components one signature may cover.
pub(super) const COMPONENTS_MAX: usize = 32;
/// The longest signature, in bytes: RSA with twice the longest key that is taken.
pub(super) const SIGNATURE_MAX: usize = 1024;

const INPUT: &str = "Signature-Input";
const SIGNATURE: &str = "Signature";

/// One signature, as `Signature-Input` describes it.
#[derive(Debug)]
pub(super) struct Input<'a> {
    /// The name that joins it with its member of `Signature`. It means nothing else.
    pub(super) label: &'a str,
    /// The covered components, each a string, in the order they are signed; and the parameters.
    list: InnerList<'a>,
}

/// A covered component: a view of its identifier (RFC 9421 §2).
#[derive(Clone, Copy)]
pub(super) struct Component<'i, 'a> {
    pub(super) item: &'i structured::Item<'a>,
    pub(super) name: &'i str,
}

/// Reads every member of the field `Signature-Input`.
pub(super) fn parse(headers: &Headers) -> Result<Vec<Input<'_>>, Error> {
    let limits = Limits { members: LABELS_MAX, items: COMPONENTS_MAX };
    let members = structured::parse(lines(headers, "signature-input"), limits)
        .map_err(|e| refusal(e, INPUT))?;
    members
        .into_members()
        .map(|(label, member)| match member {
            Member::List(list) if list.items.iter().all(|item| name(&item.value).is_some()) => {
                Ok(Input { label, list })
            }
            Member::List(_) | Member::Item(_) => Err(malformed(INPUT)),
        })
        .collect()
}

/// Reads the signature with this label.
pub(super) fn signature(headers: &Headers, label: &str) -> Result<Vec<u8>, Error> {
    let limits = Limits { members: LABELS_MAX, items: 0 };
    let members = structured::parse(lines(headers, "signature"), limits)
        .map_err(|e| refusal(e, SIGNATURE))?;
    let member = members.into_members().find(|(name, _)| *name == label).map(|(_, member)| member);
    match member {
        None => Err(Error::ParameterMissing("member of Signature with its label")),
        Some(Member::Item(structured::Item {
            value: BareItemFromInput::ByteSequence(bytes),
            ..
        })) if bytes.len() <= SIGNATURE_MAX => Ok(bytes),
        Some(Member::Item(structured::Item {
            value: BareItemFromInput::ByteSequence(_), ..
        })) => Err(Error::TooLarge { what: "bytes", most: SIGNATURE_MAX }),
        Some(_) => Err(malformed(SIGNATURE)),
    }
}

fn lines<'a>(headers: &'a Headers, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(field, _)| *field == name).map(|(_, value)| value)
}

fn malformed(what: &'static str) -> Error {
    let expected = if what == INPUT {
        "a dictionary of lists of component names, each label and parameter once"
    } else {
        "a dictionary of signatures in base64 between colons, each label once"
    };
    Error::Malformed { what, expected }
}

fn refusal(error: structured::Error, what: &'static str) -> Error {
    use structured::Error as E;
    match error {
        E::Malformed | E::Repeated => malformed(what),
        E::TooManyMembers => Error::TooLarge { what: "labels", most: LABELS_MAX },
        E::TooManyItems => Error::TooLarge { what: "covered components", most: COMPONENTS_MAX },
        E::TooManyParameters => {
            Error::TooLarge { what: "parameters", most: structured::PARAMETERS_MAX }
        }
    }
}

/// The text of a string.
fn name<'i>(value: &'i BareItemFromInput<'_>) -> Option<&'i str> {
    match value {
        BareItemFromInput::String(name) => Some(name.as_str()),
        _ => None,
    }
}

impl<'a> Input<'a> {
    /// The covered components, in the order they are signed.
    pub(super) fn components(&self) -> impl Iterator<Item = Component<'_, 'a>> {
        self.list.items.iter().filter_map(|item| Some(Component { item, name: name(&item.value)? }))
    }

    /// Whether the component `name` is covered without parameters.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.components().any(|component| component.name == name && component.is_bare())
    }

    /// A component that is covered twice (RFC 9421 §2: identifiers are unique, whatever the order of
    /// their parameters).
    pub(super) fn repeated(&self) -> Option<&str> {
        let repeated = |(at, one): (usize, Component<'_, 'a>)| {
            self.components().skip(at + 1).any(|other| one.same_as(other))
        };
        let at = self.components().enumerate().position(repeated)?;
        self.components().nth(at).map(|component| component.name)
    }

    /// The string parameter `name` of the signature.
    pub(super) fn string(&self, name: &'static str) -> Result<Option<&str>, Error> {
        match self.list.parameters.find(name) {
            None => Ok(None),
            Some(BareItemFromInput::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Error::Malformed { what: name, expected: "a string" }),
        }
    }

    /// The parameter `name` of the signature, a time in Unix seconds.
    pub(super) fn seconds(&self, name: &'static str) -> Result<Option<u64>, Error> {
        let seconds = match self.list.parameters.find(name) {
            None => return Ok(None),
            Some(BareItemFromInput::Integer(seconds)) => u64::try_from(i64::from(*seconds)).ok(),
            Some(_) => None,
        };
        let malformed = Error::Malformed { what: name, expected: "Unix seconds" };
        seconds.map(Some).ok_or(malformed)
    }

    /// Writes the value of `@signature-params`: what `Signature-Input` says of this signature, in its
    /// one serialisation (RFC 9421 §2.3).
    pub(super) fn write(&self, out: &mut String) {
        self.list.write(out);
    }
}

impl Component<'_, '_> {
    /// Whether the identifier has no parameters.
    pub(super) fn is_bare(self) -> bool {
        self.item.parameters.len() == 0
    }

    fn same_as(self, other: Self) -> bool {
        let (ours, others) = (&self.item.parameters, &other.item.parameters);
        self.name == other.name
            && ours.len() == others.len()
            && ours.iter().all(|(name, value)| others.find(name) == Some(value))
    }
}
