//! `lunette keys import`.

use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;

use clap::Args;
use filter::UnixMillis;
use zeroize::Zeroizing;

use super::super::{Error, changes, output};
use super::printed::Printed;
use super::wanted::Wanted;
use super::{require_root, signing_secret};
use crate::config::Config;
use crate::keys::{ENTROPY_BITS_MIN, ImportError, ImportedKey, Store};
use crate::private_file;

/// Far more than the longest key.
const INPUT_MAX: u64 = 4096;

#[derive(Args)]
pub(crate) struct Import {
    /// The file that holds the key, which only its owner may read [default: standard input]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How many random bits the key has, by how it was made: 112 or more
    // No default: nobody but the operator can know it.
    #[arg(long, value_name = "NUMBER")]
    entropy_bits: u16,
    #[command(flatten)]
    wanted: Wanted,
}

impl Import {
    pub(super) fn run(self, config: &Config, now: UnixMillis) -> Result<(), Error> {
        if self.entropy_bits < ENTROPY_BITS_MIN {
            return Err(problem("--entropy-bits", &ImportError::Weak(self.entropy_bits)));
        }
        let json = self.wanted.json;
        let new = self.wanted.key(config, now)?;
        require_root(new.signing.as_ref(), config)?;
        let text = if let Some(path) = &self.file {
            read(private_file::open(path).map_err(Error::File)?)?
        } else {
            let input = io::stdin();
            if input.is_terminal() {
                output::remark("Paste the key, and end the input with Ctrl-D on a new line.")?;
            }
            read(input.lock())?
        };
        let key = ImportedKey::parse(&text, self.entropy_bits)
            .map_err(|error| problem("the key", &error))?;
        let stored = Store::open(&config.data)?.import(&new, &key, now)?;
        changes::let_gates_notice();
        let secret = signing_secret(&stored, config)?;
        Printed::imported(&stored, secret).print(json, now)
    }
}

fn read(input: impl Read) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut text = Zeroizing::new(Vec::with_capacity(8192));
    input
        .take(INPUT_MAX)
        .read_to_end(&mut text)
        .map_err(|error| Error::Argument(format!("the key cannot be read: {error}")))?;
    Ok(text)
}

fn problem(what: &str, error: &ImportError) -> Error {
    Error::Argument(format!("{what}: {error}"))
}
