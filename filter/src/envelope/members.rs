//! Which parts or members a form knows, and which of them were there.

use std::sync::Arc;

use super::error::shown;
use super::form::{FIELDS_MAX, Field, Form};
use super::{Error, FILE_BEGINS_MAX};

/// What a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Member {
    /// The image.
    Image,
    /// The image, in base64 in a part.
    Base64,
    /// The field of this index.
    Field(usize),
}

/// The parts or members of one body.
pub(super) struct Members {
    form: Arc<Form>,
    image_name: fn(&Form) -> Option<&String>,
    base64_name: fn(&Form) -> Option<&String>,
    /// One bit for each field that was there.
    fields: u32,
    image_seen: bool,
    image_begun: bool,
}

const _: () = assert!(FIELDS_MAX <= u32::BITS as usize, "each field has a bit");

impl Members {
    pub(super) fn of_multipart(form: Arc<Form>) -> Self {
        Self::new(form, |form| form.multipart.as_ref(), |form| form.multipart_base64.as_ref())
    }

    pub(super) fn of_json(form: Arc<Form>) -> Self {
        Self::new(form, |form| form.json.as_ref(), |_| None)
    }

    pub(super) fn of_urlencoded(form: Arc<Form>) -> Self {
        Self::new(form, |form| form.urlencoded.as_ref(), |_| None)
    }

    fn new(
        form: Arc<Form>,
        image_name: fn(&Form) -> Option<&String>,
        base64_name: fn(&Form) -> Option<&String>,
    ) -> Self {
        Self { form, image_name, base64_name, fields: 0, image_seen: false, image_begun: false }
    }

    /// What the name of a part or member stands for; each may be there once.
    pub(super) fn take(&mut self, name: &[u8]) -> Result<Member, Error> {
        let is_image = self.image().is_some_and(|image| image.as_bytes() == name);
        let member = if is_image {
            Member::Image
        } else if self.base64().is_some_and(|image| image.as_bytes() == name) {
            Member::Base64
        } else {
            let index = self.fields().position(|field| field.name.as_bytes() == name);
            Member::Field(index.ok_or_else(|| self.unknown(name))?)
        };
        let seen = match member {
            Member::Image | Member::Base64 => std::mem::replace(&mut self.image_seen, true),
            Member::Field(index) => {
                let before = self.fields;
                self.fields |= bit(index);
                before & bit(index) != 0
            }
        };
        if seen { Err(Error::Repeated { name: shown(name) }) } else { Ok(member) }
    }

    /// The image begins at byte `at` of the body.
    pub(super) fn image_begins(&mut self, at: u64) -> Result<(), Error> {
        self.image_begun = at < FILE_BEGINS_MAX;
        self.require_image()
    }

    /// Whether the image has begun, where it must have.
    pub(super) fn require_image(&self) -> Result<(), Error> {
        if self.image_begun {
            Ok(())
        } else {
            Err(Error::ImageTooLate { name: self.image_name().to_owned() })
        }
    }

    /// Whether everything was there that must be.
    pub(super) fn require_all(&self) -> Result<(), Error> {
        if !self.image_seen {
            return Err(Error::ImageMissing { name: self.image_name().to_owned() });
        }
        let missing =
            |(index, field): &(usize, &Field)| field.required && self.fields & bit(*index) == 0;
        match self.fields().enumerate().find(missing) {
            None => Ok(()),
            Some((_, field)) => Err(Error::Missing { name: field.name.clone() }),
        }
    }

    /// The name of the part or member with the image, for messages.
    pub(super) fn image_name(&self) -> &str {
        self.image().unwrap_or_default()
    }

    /// The name of the part with the image in base64.
    pub(super) fn base64_name(&self) -> &str {
        self.base64().unwrap_or_default()
    }

    /// The field of an index that [`Self::take`] gave.
    pub(super) fn field(&self, index: usize) -> Option<&Field> {
        self.form.fields.get(index)
    }

    /// The name of the image or of a field.
    pub(super) fn name(&self, member: Member) -> String {
        match member {
            Member::Image => self.image_name().to_owned(),
            Member::Base64 => self.base64_name().to_owned(),
            Member::Field(index) => {
                self.field(index).map(|field| field.name.clone()).unwrap_or_default()
            }
        }
    }

    /// A name that the form does not know.
    pub(super) fn unknown(&self, name: &[u8]) -> Error {
        if is_url(name) {
            return Error::Url { name: shown(name) };
        }
        let fields = self.fields().map(|field| field.name.as_str());
        let known = self.image().into_iter().chain(self.base64()).chain(fields);
        let expected = known.collect::<Vec<_>>().join(", ");
        Error::Unknown { name: shown(name), expected }
    }

    /// The name of the image; a form that takes no such envelope has none.
    fn image(&self) -> Option<&str> {
        (self.image_name)(&self.form).map(String::as_str)
    }

    /// The name of the image in base64, where it has one of its own.
    fn base64(&self) -> Option<&str> {
        (self.base64_name)(&self.form).map(String::as_str)
    }

    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.form.fields.iter().take(FIELDS_MAX)
    }
}

/// Whether other APIs take a URL under this name. Fetching what a client names is how servers are made
/// to reach what only they can reach.
fn is_url(name: &[u8]) -> bool {
    name == b"url" || name.ends_with(b"_url")
}

fn bit(index: usize) -> u32 {
    u32::try_from(index).ok().and_then(|index| 1_u32.checked_shl(index)).unwrap_or_default()
}
