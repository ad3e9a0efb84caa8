//! What became of a request: as a table for people, and as JSON.

use std::net::IpAddr;

use axum::http::HeaderName;
use filter::permit::{Credential, Token};
use filter::{Claims, Format, Reply};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::super::{Error, output};
use super::inspection::{Explained, Outcome, Refusal, Released, Row, Verdict};

/// A table of the checks, the verdict, and the answer of a refusal.
pub(super) fn text(explained: &Explained) -> Result<(), Error> {
    let rows = explained.checks.iter().map(|row| {
        [row.check.to_owned(), row.outcome.word().to_owned(), row.outcome.why().to_owned()]
    });
    output::table(["CHECK", "OUTCOME", "WHY"], rows)?;
    output::line("")?;
    let client = explained.client.map(|address| address.to_string());
    let client = ("client", client.unwrap_or_else(|| "unknown".to_owned()));
    match &explained.verdict {
        Verdict::Released(released) => {
            let verdict = ("verdict", "released: it goes on to the model".to_owned());
            let fields = released.fields.iter();
            let fields = fields.map(|(name, value)| (name.as_str(), value.clone()));
            output::fields([verdict, client].into_iter().chain(released.shown()).chain(fields))?;
        }
        Verdict::Refused(refusal) => {
            let verdict = ("verdict", format!("refused by the {}", refusal.by));
            let code = ("code", refusal.code.to_owned());
            let reason = ("reason", refusal.reason.to_owned());
            output::fields([verdict, client, code, reason])?;
            output::line("")?;
            answer(&refusal.reply)?;
        }
        Verdict::Undecided => {
            let verdict = "none yet: the head is good, and its body is not described (--image)";
            output::fields([("verdict", verdict.to_owned()), client])?;
        }
    }
    let remark = "Quotas, nonces and failures were judged against an empty store.";
    Ok(output::remark(remark)?)
}

/// The same as one document.
pub(super) fn json(explained: &Explained) -> Result<(), Error> {
    let mut document = Document {
        verdict: "undecided",
        by: None,
        code: None,
        reason: None,
        answer: None,
        permit: None,
        client: explained.client,
        checks: explained.checks.iter().map(Shown::from).collect(),
        store: "empty",
    };
    match &explained.verdict {
        Verdict::Undecided => {}
        Verdict::Released(released) => {
            document.verdict = "released";
            document.permit = Some(Permit::from(&released.claims));
            let headers = headers(&released.fields);
            document.answer = Some(Answer { status: None, headers, body: None });
        }
        Verdict::Refused(refusal) => {
            let Refusal { by, code, reason, ref reply } = **refusal;
            document.verdict = "refused";
            (document.by, document.code, document.reason) = (Some(by), Some(code), Some(reason));
            document.answer = Some(Answer {
                status: Some(reply.status.as_u16()),
                headers: headers(&reply.headers),
                body: serde_json::from_slice(&reply.body).ok(),
            });
        }
    }
    Ok(output::json(&document)?)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    verdict: &'static str,
    by: Option<&'a str>,
    code: Option<&'a str>,
    reason: Option<&'a str>,
    answer: Option<Answer>,
    permit: Option<Permit<'a>>,
    client: Option<IpAddr>,
    checks: Vec<Shown<'a>>,
    /// What quotas, nonces and failures were judged against.
    store: &'static str,
}

/// An answer; of one that the model gives, only the fields are known that the gate adds.
#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    headers: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

#[derive(Serialize)]
struct Shown<'a> {
    check: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    why: &'a str,
}

impl<'a> From<&'a Row> for Shown<'a> {
    fn from(row: &'a Row) -> Self {
        Self { check: row.check, outcome: row.outcome.word(), why: row.outcome.why() }
    }
}

/// What a permit says that is worth knowing. The query may hold a signature, and is not shown.
#[derive(Serialize)]
struct Permit<'a> {
    credential: &'a Credential,
    principal: &'a str,
    scopes: &'a [String],
    tier: &'a str,
    format: Option<Format>,
    width: u32,
    height: u32,
    frames: Option<u32>,
    cost_pixels: u64,
    content_length: u64,
    content_digest: Option<&'a str>,
    weaker: &'a [String],
    mode: filter::policy::Mode,
    reported: &'a [String],
}

impl<'a> From<&'a Claims> for Permit<'a> {
    fn from(claims: &'a Claims) -> Self {
        Self {
            credential: &claims.credential,
            principal: &claims.principal,
            scopes: &claims.scopes,
            tier: &claims.tier,
            format: claims.format,
            width: claims.width,
            height: claims.height,
            frames: claims.frames,
            cost_pixels: claims.cost_pixels,
            content_length: claims.content_length,
            content_digest: claims.content_digest.as_deref(),
            weaker: &claims.weaker,
            mode: claims.mode,
            reported: &claims.reported,
        }
    }
}

impl Released {
    /// The permit, for people.
    fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        let claims = &self.claims;
        let Claims { format, width, height, cost_pixels, .. } = claims;
        let credential = match &claims.credential {
            Credential::Key(id) => format!("key {id}"),
            Credential::Token(Token { issuer, .. }) => format!("token of {issuer}"),
            Credential::Unverified => "none that could be verified".to_owned(),
            Credential::Anonymous => "none: the page is for everybody".to_owned(),
        };
        let frames = match claims.frames {
            Some(1) => String::new(),
            Some(frames) => format!(", {frames} frames"),
            None => ", frames not stated".to_owned(),
        };
        let cost = format!("{cost_pixels} pixels, times the weight of the route");
        let listed = |words: &[String]| (!words.is_empty()).then(|| words.join(", "));
        [
            ("credential", Some(credential)),
            ("principal", Some(claims.principal.clone())),
            ("tier", Some(claims.tier.clone())),
            ("scopes", listed(&claims.scopes)),
            ("image", format.map(|format| format!("{format}, {width} x {height}{frames}"))),
            ("cost", format.map(|_| cost)),
            ("not signed", listed(&claims.weaker)),
            ("reported", listed(&claims.reported)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused(_) => "refused",
            Self::Reported(_) => "reported",
            Self::NotReached => "not-reached",
        }
    }

    fn why(&self) -> &str {
        match self {
            Self::Refused(why) | Self::Reported(why) => why,
            Self::Passed | Self::NotReached => "",
        }
    }
}

/// A whole answer, as it would be sent.
fn answer(reply: &Reply) -> Result<(), Error> {
    output::line(&reply.status.to_string())?;
    for (name, value) in &reply.headers {
        output::line(&output::escape(&format!("{name}: {value}")))?;
    }
    output::line("")?;
    Ok(output::line(&output::escape(&String::from_utf8_lossy(&reply.body)))?)
}

fn headers(fields: &[(HeaderName, String)]) -> Map<String, Value> {
    fields.iter().map(|(name, value)| (name.to_string(), value.as_str().into())).collect()
}
