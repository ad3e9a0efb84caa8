//! What is printed of a new key, this one time.

use filter::UnixMillis;
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::{Error, output};
use super::show::{Shown, shown, until};
use crate::keys::{Created, StoredKey, signing};

/// A new key as `--json` shows it, this one time.
#[derive(Serialize)]
struct ShownOnce<'a> {
    key: Option<&'a str>,
    signing_secret: Option<&'a str>,
    #[serde(flatten)]
    record: Shown<'a>,
    /// The key it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Shown<'a>>,
}

/// A new key, with what must be told to its client. No `Debug`: it holds secrets.
pub(super) struct Printed<'a> {
    key: &'a StoredKey,
    /// The key itself, where it is of use and not known already.
    text: Option<&'a Zeroizing<String>>,
    /// The secret that it signs with, in base64.
    secret: Option<Zeroizing<String>>,
    /// The key it replaces.
    replaced: Option<&'a StoredKey>,
}

impl<'a> Printed<'a> {
    /// A key that was made here, perhaps in the place of another.
    pub(super) fn created(
        created: &'a Created,
        secret: Option<Zeroizing<String>>,
        replaced: Option<&'a StoredKey>,
    ) -> Self {
        let useless = created.key.signing.as_ref().is_some_and(signing::replaces_key);
        let text = (!useless).then_some(&created.text);
        Self { key: &created.key, text, secret, replaced }
    }

    /// A key that was made elsewhere: its client has it.
    pub(super) fn imported(key: &'a StoredKey, secret: Option<Zeroizing<String>>) -> Self {
        Self { key, text: None, secret, replaced: None }
    }

    pub(super) fn print(&self, json: bool, now: UnixMillis) -> Result<(), Error> {
        if json {
            let once = ShownOnce {
                key: self.text.map(|text| text.as_str()),
                signing_secret: self.secret.as_ref().map(|secret| secret.as_str()),
                record: shown(self.key, now),
                replaces: self.replaced.map(|key| shown(key, now)),
            };
            return Ok(output::json(&once)?);
        }
        self.remark()?;
        Ok(output::line(&self.lines())?)
    }

    fn remark(&self) -> Result<(), Error> {
        let key = self.key;
        let keep = match (self.text, &self.secret) {
            (Some(_), None) => " It is shown only now: keep it safe.".to_owned(),
            (Some(_), Some(_)) => format!(
                " It is shown only now, and its signing secret again by `lunette keys secret {}`: \
                 keep both safe.",
                key.id
            ),
            (None, Some(_)) => {
                format!(" Keep its signing secret safe; `lunette keys secret {}` shows it.", key.id)
            }
            (None, None) => String::new(),
        };
        output::remark(&format!(
            "Key {} for {}, {}.{keep}",
            key.id,
            key.rights.principal(),
            until(key.expires, "without an end"),
        ))?;
        if let Some(old) = self.replaced {
            output::remark(&format!("Key {} lives on {}.", old.id, until(old.expires, "")))?;
        }
        Ok(())
    }

    /// The key alone, or the id alone where that is all there is to know; for a key that signs,
    /// lines for its client's environment.
    fn lines(&self) -> Zeroizing<String> {
        if self.key.signing.is_none() {
            let text = self.text.map_or(self.key.id.as_str(), |text| text.as_str());
            return Zeroizing::new(text.to_owned());
        }
        let mut lines = Zeroizing::new(String::with_capacity(256));
        let values = [
            ("LUNETTE_KEY_ID", Some(self.key.id.as_str())),
            ("LUNETTE_KEY", self.text.map(|text| text.as_str())),
            ("LUNETTE_SIGNING_SECRET", self.secret.as_ref().map(|secret| secret.as_str())),
        ];
        for (name, value) in values {
            let Some(value) = value else { continue };
            let end = if lines.is_empty() { "" } else { "\n" };
            lines.extend([end, name, "=", value]);
        }
        lines
    }
}
