//! `lunette sign`: a signed request, for curl and for people who write a client.

mod key;
mod request;
mod show;

use std::path::PathBuf;

use clap::Args;
use filter::signature::client::{self, Signing, Statement};
use filter::signature::{Error as SignatureError, Scheme};
use filter::{UnixMillis, hex};

use super::Error;
use super::keys::wanted;
use crate::clock::{self, millis};
use crate::config::{CommonFlags, Config, Span};
use key::Key;
use request::Unsigned;
use show::SignedRequest;

#[derive(Args)]
#[command(after_help = "Examples:
  lunette sign --key-id Ab3dE5gH1j --url http://127.0.0.1:8080/v1/background-removal \\
      --body photo.jpg --curl | curl --config - --output cutout.png

  set -a; . ./client.env; set +a        # what `lunette keys new --signing` printed
  lunette sign --url https://images.example/v1/background-removal --body photo.jpg \\
      | curl --header @- --data-binary @photo.jpg --output cutout.png \\
             https://images.example/v1/background-removal

Standard output has the header fields of the signed request, one on a line, or with --curl the whole
request as a configuration for curl. The secret is derived from the root secret where the key is in
the key database of this machine; a client gives its own by --secret-file or LUNETTE_SIGNING_SECRET.
A signature is good for one request, and for some minutes.")]
pub(super) struct Sign {
    /// Where the request will be sent
    #[arg(long, value_name = "URL")]
    url: String,
    /// The id of the key that signs
    #[arg(long, value_name = "ID", env = "LUNETTE_KEY_ID")]
    key_id: Option<String>,
    /// A file with the key itself, which only its owner may read, in the place of --key-id; the key is
    /// sent with the signature
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A file with the signing secret in base64; `LUNETTE_SIGNING_SECRET` may hold it instead
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// How to sign [default: as the key database says, or rfc9421]
    #[arg(long, value_name = "SCHEME", value_parser = wanted::scheme)]
    scheme: Option<Scheme>,
    /// The method [default: POST with a body, GET without]
    #[arg(long, value_name = "NAME")]
    method: Option<String>,
    /// The file with the body
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The media type of the body [default: as its first bytes say]
    #[arg(long, value_name = "TYPE", requires = "body")]
    content_type: Option<String>,
    /// The nonce: 16 to 64 letters, digits, '-' and '_' [default: a random one]
    #[arg(long, value_name = "TEXT")]
    nonce: Option<String>,
    /// When the signature is made, in Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    created: Option<u64>,
    /// How long it is good for, if shorter than the server says
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Span>,
    /// Print a configuration for `curl --config -`
    #[arg(long, conflicts_with = "json")]
    curl: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Sign {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        let config = Config::load_for_tools(common)?;
        let unsigned =
            Unsigned::read(&self.url, self.method, self.body, self.content_type.as_deref())?;
        let key = Key::find(
            &config,
            self.key_id.as_deref(),
            self.key_file.as_deref(),
            self.secret_file.as_deref(),
            self.scheme,
        )?;
        let created = self
            .created
            .map_or_else(clock::now, |seconds| UnixMillis(seconds.saturating_mul(1000)));
        let nonce = match self.nonce {
            Some(nonce) if is_nonce(&nonce) => nonce,
            Some(nonce) => {
                return Err(Error::Argument(format!(
                    "--nonce {nonce:?}: expected 16 to 64 letters, digits, '-' and '_'"
                )));
            }
            None => random_nonce()?,
        };
        let headers = unsigned.headers();
        let signing = Signing {
            scheme: key.scheme,
            secret: &key.secret,
            statement: Statement {
                key_id: Some(key.id.as_str()),
                created,
                expires: self
                    .expires_in
                    .map(|Span(span)| UnixMillis(created.0.saturating_add(millis(span)))),
                nonce: &nonce,
                body: unsigned.body.as_deref(),
            },
        };
        let signed =
            client::sign(&unsigned.head(&headers), &signing).map_err(|error| refused(&error))?;
        let signed = SignedRequest::new(unsigned, signed, key.text);
        if self.json {
            signed.print_json()
        } else if self.curl {
            signed.print_for_curl()
        } else {
            signed.print_fields()
        }
    }
}

/// A signature that would be refused whatever the secret is a mistake in the arguments.
fn refused(error: &SignatureError) -> Error {
    Error::Argument(format!("this request cannot be signed so: {error}"))
}

/// What every scheme takes.
fn is_nonce(text: &str) -> bool {
    (16..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn random_nonce() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Argument(format!("the system gave no random bytes: {error}")))?;
    Ok(hex::encode(&bytes))
}
