//! `lunette keys rotate`.

use std::path::PathBuf;

use clap::Args;
use filter::UnixMillis;
use filter::algorithm::Algorithm;

use super::super::{Error, changes};
use super::printed::Printed;
use super::wanted::{algorithm, read_public_key};
use super::{Named, later, require_root, signing_secret};
use crate::config::{Config, Span};
use crate::keys::{Store, Successor, signing};

#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    key: Named,
    /// How long the old key lives on
    #[arg(long, value_name = "TIME", default_value = "24h")]
    overlap: Span,
    /// When the new key ends [default: when the old one would have]
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Span>,
    /// The new public key, as PEM [default: the same as before]
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// How the new public key signs, where it can in several ways
    #[arg(long, value_name = "NAME", requires = "public_key", value_parser = algorithm)]
    algorithm: Option<Algorithm>,
}

impl Rotate {
    pub(super) fn run(self, config: &Config, now: UnixMillis) -> Result<(), Error> {
        let id = self.key.id()?;
        let public_key = self.public_key.as_deref().map(read_public_key).transpose()?;
        let mut store = Store::open(&config.data)?;
        let old = store.find(&id)?;
        let signing = match (&old.signing, public_key) {
            (Some(signing), Some(key)) if signing.public_key.is_some() => {
                Some(signing::with_public_key(&key, self.algorithm, signing.required)?)
            }
            (_, Some(_)) => {
                return Err(Error::Argument(format!(
                    "--public-key: key {id} does not sign with one"
                )));
            }
            (signing, None) => {
                signing.as_ref().map(|old| signing::succeeding(old, config.newest_realm()))
            }
        };
        require_root(signing.as_ref(), config)?;
        let expires = self.expires_in.map(|span| later(now, span));
        let successor = Successor { expires, signing };
        let (old, created) = store.rotate(&id, self.overlap.0, &successor, now)?;
        changes::let_gates_notice();
        let secret = signing_secret(&created.key, config)?;
        Printed::created(&created, secret, Some(&old)).print(self.key.json, now)
    }
}
