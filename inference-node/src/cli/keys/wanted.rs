//! What a new key shall be: the flags of `lunette keys new` and `lunette keys import`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use filter::UnixMillis;
use filter::address::{AddressList, Networks};
use filter::algorithm::Algorithm;
use filter::key::Signing;
use filter::public_key::PublicKey;
use filter::signature::Scheme;

use super::super::{Error, output};
use super::later;
use crate::config::{Config, Span};
use crate::keys::{NewKey, Rights, signing};

#[derive(Args)]
pub(crate) struct Wanted {
    /// Whom the key acts for
    #[arg(long, value_name = "NAME")]
    principal: String,
    /// What it may do; give several with commas or several flags
    #[arg(long = "scope", value_name = "NAME", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// Which quotas apply
    #[arg(long, value_name = "NAME", default_value = "free")]
    tier: String,
    /// Where it may be used [default: on every route that its scopes allow]
    #[arg(long = "route", value_name = "NAME", value_delimiter = ',')]
    routes: Vec<String>,
    /// From which networks alone it may be used, as 192.0.2.0/24
    #[arg(long, value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    allow: Vec<String>,
    /// From which networks it may not be used, whatever --allow says
    #[arg(long, value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    deny: Vec<String>,
    /// When it ends [default: never]
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Span>,
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME")]
    starts_in: Option<Span>,
    /// Let it sign requests with a secret of its own: rfc9421, simple, or the scheme of another
    /// gateway [without SCHEME: rfc9421]
    #[arg(
        long,
        value_name = "SCHEME",
        num_args = 0..=1,
        default_missing_value = "rfc9421",
        conflicts_with = "public_key",
        value_parser = scheme
    )]
    signing: Option<Scheme>,
    /// Let it sign requests (RFC 9421) with the private half of this key: PEM, of Ed25519, P-256
    /// or RSA
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// How an RSA key signs: rsa-pss-sha512 or rsa-v1_5-sha256
    #[arg(long, value_name = "NAME", requires = "public_key", value_parser = algorithm)]
    algorithm: Option<Algorithm>,
    /// Refuse the key alone: every request must be signed
    #[arg(long)]
    signature_required: bool,
    /// A note for yourself, at most 200 characters
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Print JSON; times are Unix milliseconds
    #[arg(long)]
    pub(super) json: bool,
}

impl Wanted {
    /// The key that is asked for, with remarks on what the policy does not know.
    pub(super) fn key(self, config: &Config, now: UnixMillis) -> Result<NewKey, Error> {
        let signing = self.signing(config)?;
        let rights = Rights::new(self.principal, self.scopes, self.tier)?.on_routes(self.routes)?;
        let networks = |flag, given: &[String]| {
            let given: Vec<_> = given.iter().map(String::as_str).collect();
            Networks::parse(&given).map_err(|error| Error::Argument(format!("{flag}: {error}")))
        };
        let clients =
            AddressList::new(networks("--allow", &self.allow)?, networks("--deny", &self.deny)?);
        let new = NewKey {
            not_before: self.starts_in.map(|span| later(now, span)),
            expires: self.expires_in.map(|span| later(now, span)),
            signing,
            clients,
            label: self.label,
            ..NewKey::new(rights, config.environment)
        };
        remark(&new, config)?;
        Ok(new)
    }

    fn signing(&self, config: &Config) -> Result<Option<Signing>, Error> {
        match (self.signing, &self.public_key) {
            (Some(scheme), _) => {
                let realm = config.newest_realm();
                Ok(Some(signing::with_secret(scheme, realm, self.signature_required)))
            }
            (None, Some(file)) => {
                let key = read_public_key(file)?;
                Ok(Some(signing::with_public_key(&key, self.algorithm, self.signature_required)?))
            }
            (None, None) if self.signature_required => Err(Error::Argument(
                "--signature-required: give --signing or --public-key with it".to_owned(),
            )),
            (None, None) => Ok(None),
        }
    }
}

/// Says what the policy does not know: such a name is more often mistyped than ahead of its time.
fn remark(new: &NewKey, config: &Config) -> Result<(), Error> {
    let policy = &config.policy.policy;
    let unknown = |names: &[String], known: &[&str], what: &str| -> Result<(), Error> {
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            let known = known.join(", ");
            output::remark(&format!("Note: {what} {name:?}; it has: {known}."))?;
        }
        Ok(())
    };
    let routes: Vec<_> = policy.routes.iter().map(|route| route.name.as_str()).collect();
    let tiers: Vec<_> = policy.tiers.keys().map(String::as_str).collect();
    let tier = [new.rights.tier().to_owned()];
    unknown(
        new.rights.scopes(),
        &config.policy.scopes(),
        "no route of the policy asks for the scope",
    )?;
    unknown(new.rights.routes(), &routes, "the policy has no route")?;
    unknown(&tier, &tiers, "the policy has no tier")?;
    let scheme = new.signing.as_ref().map(|signing| signing.scheme);
    if let Some(scheme) = scheme.filter(|scheme| !policy.schemes.contains(*scheme)) {
        let scheme = scheme.as_str();
        output::remark(&format!(
            "Note: the policy does not take signatures of the scheme {scheme}."
        ))?;
    }
    Ok(())
}

/// Reads a public key in PEM.
pub(super) fn read_public_key(path: &Path) -> Result<PublicKey, Error> {
    let problem = |problem: String| Error::Argument(format!("{}: {problem}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    PublicKey::from_spki_pem(&text).map_err(|error| problem(error.to_string()))
}

/// Reads the name of a scheme.
pub(crate) fn scheme(text: &str) -> Result<Scheme, String> {
    let known = || Scheme::ALL.map(Scheme::as_str).join(", ");
    Scheme::ALL
        .into_iter()
        .find(|scheme| scheme.as_str() == text)
        .ok_or_else(|| format!("expected one of {}", known()))
}

/// Reads the name of a signature algorithm.
pub(super) fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_http_name(text).filter(|algorithm| algorithm.is_asymmetric()).ok_or_else(|| {
        let asymmetric = Algorithm::ALL.into_iter().filter(|one| one.is_asymmetric());
        let names: Vec<_> = asymmetric.filter_map(Algorithm::http_name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn network(text: &str) -> Result<String, String> {
    Networks::parse(&[text]).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
