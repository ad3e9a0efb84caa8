//! `lunette tokens`: tokens of issuers that the policy trusts, and that nobody should take any more.

use std::time::Duration;

use clap::{Args, Subcommand};
use filter::UnixMillis;
use filter::jwt::{LIFETIME_MAX, SKEW_MAX};
use filter::key::TokenId;
use serde::Serialize;

use super::{Error, changes, output};
use crate::clock::{self, millis};
use crate::config::{CommonFlags, Config, Span};
use crate::keys::{NAME_RULE, Revocation, RevokedToken, Store, is_name};

/// The longest `jti`: more than a token can hold.
const JTI_MAX: usize = 8 * 1024;

#[derive(Subcommand)]
pub(super) enum TokensCommand {
    /// Refuse a token from now on, at once
    #[command(after_help = "Examples:
  lunette tokens revoke --issuer corp --jti 6f1c0d2e
  lunette tokens revoke --issuer corp --jti 6f1c0d2e --until 12h --label \"laptop stolen\"

The issuer is called as in the policy. The revocation is kept until the token has expired by itself,
so --until must not be earlier than that: the token's `exp`, or a time from now on.")]
    Revoke(Revoke),
    /// List the revoked tokens, the last revoked first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  lunette tokens list
  lunette tokens list --json | jq -r '.[].id'

A token is shown by a digest of its issuer and its `jti`; give it a --label to recognise it."
    )]
    List {
        /// Print JSON; times are Unix milliseconds
        #[arg(long)]
        json: bool,
    },
    /// Forget the tokens that have expired by themselves
    #[command(after_help = "Examples:
  lunette tokens prune

`lunette tokens revoke` does so too.")]
    Prune {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct Revoke {
    /// The issuer's name in the policy
    #[arg(long, value_name = "NAME")]
    issuer: String,
    /// The token's `jti`
    #[arg(long, value_name = "TEXT")]
    jti: String,
    /// When it expires: Unix seconds, or a time from now on such as 12h [default: 7 days and some
    /// minutes, longer than any token may live]
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Until>,
    /// A note for yourself, at most 200 characters
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Print JSON; times are Unix milliseconds
    #[arg(long)]
    json: bool,
}

/// When a token expires.
#[derive(Clone, Copy)]
enum Until {
    At(UnixMillis),
    In(Span),
}

/// A token as `--json` shows it.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a TokenId,
    issuer: &'a str,
    until: u64,
    revoked: u64,
    label: Option<&'a str>,
}

impl TokensCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<(), Error> {
        let config = Config::load_for_tools(common)?;
        let now = clock::now();
        match self {
            Self::Revoke(revoke) => revoke.run(&config, now),
            Self::List { json } => list(&Store::open(&config.data)?.tokens()?, json),
            Self::Prune { json } => {
                changes::print_pruned(Store::open(&config.data)?.prune_tokens(now)?, json)
            }
        }
    }
}

impl Revoke {
    fn run(self, config: &Config, now: UnixMillis) -> Result<(), Error> {
        if !is_name(&self.issuer) {
            return Err(Error::Argument(format!("--issuer {:?}: {NAME_RULE}", self.issuer)));
        }
        if !(1..=JTI_MAX).contains(&self.jti.len()) {
            return Err(Error::Argument(format!("--jti: expected 1 to {JTI_MAX} bytes")));
        }
        let until = match self.until {
            Some(Until::At(time)) if time <= now => {
                return Err(Error::Argument(
                    "--until: the token has expired already: there is nothing to revoke".to_owned(),
                ));
            }
            Some(Until::At(time)) => time,
            Some(Until::In(Span(span))) => later(now, span),
            // Issued by a clock that is ahead, judged by one that is behind.
            None => later(now, Duration::from_secs(LIFETIME_MAX + 2 * SKEW_MAX)),
        };
        remark_on(&self.issuer, config)?;
        let mut token = RevokedToken::new(self.issuer, &self.jti, until, now);
        token.label = self.label;
        let Revocation { token, news } = Store::open(&config.data)?.revoke_token(&token)?;
        changes::let_gates_notice();
        if self.json {
            return Ok(output::json(&shown(&token))?);
        }
        let before = if news { "" } else { "already " };
        Ok(output::line(&format!(
            "Token {} of {} is {before}revoked until {}.",
            String::from(token.id),
            token.issuer,
            clock::display(token.until)
        ))?)
    }
}

/// Says so if the policy does not have the issuer: its name is more often mistyped than new.
fn remark_on(issuer: &str, config: &Config) -> Result<(), Error> {
    let issuers = config.policy.policy.issuers.iter();
    let names: Vec<_> = issuers.map(|issuer| issuer.name.as_str()).collect();
    if !names.contains(&issuer) {
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        output::remark(&format!("Note: the policy has no issuer {issuer:?}; it has: {known}."))?;
    }
    Ok(())
}

fn list(tokens: &[RevokedToken], json: bool) -> Result<(), Error> {
    if json {
        return Ok(output::json(&tokens.iter().map(shown).collect::<Vec<_>>())?);
    }
    if tokens.is_empty() {
        return Ok(output::remark("No token is revoked.")?);
    }
    let rows = tokens.iter().map(|token| {
        [
            String::from(token.id),
            token.issuer.clone(),
            clock::display(token.revoked),
            clock::display(token.until),
            token.label.clone().unwrap_or_default(),
        ]
    });
    Ok(output::table(["ID", "ISSUER", "REVOKED", "UNTIL", "LABEL"], rows)?)
}

fn shown(token: &RevokedToken) -> Shown<'_> {
    Shown {
        id: &token.id,
        issuer: &token.issuer,
        until: token.until.0,
        revoked: token.revoked.0,
        label: token.label.as_deref(),
    }
}

fn later(now: UnixMillis, span: Duration) -> UnixMillis {
    UnixMillis(now.0.saturating_add(millis(span)))
}

/// Reads Unix seconds, or a span from now on.
fn until(text: &str) -> Result<Until, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Until::At(UnixMillis(seconds.saturating_mul(1000))));
    }
    let expected =
        "expected Unix seconds such as 1785542400, or a time from now on such as \"12h\"";
    text.parse().map(Until::In).map_err(|_| expected.to_owned())
}
