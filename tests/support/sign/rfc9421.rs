//! HTTP Message Signatures (RFC 9421), from the signer's side.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use filter::signature::Scheme;

use super::Sign;
use crate::vectors::{Moment, Request};

/// What must be covered (and so is, unless a vector says otherwise).
const COMPONENTS: [&str; 6] =
    ["@method", "@authority", "@path", "@query", "content-digest", "content-type"];

/// Adds the digest, and one member for each signature to the two fields.
pub(super) fn sign(sign: &Sign, request: &mut Request, now: Moment) {
    if let Some(digest) = sign.content_digest(&request.body) {
        request.set("Content-Digest", digest);
    }
    let beside = sign.beside.iter().filter(|other| other.scheme == Scheme::Rfc9421);
    let (mut inputs, mut signatures) = (Vec::new(), Vec::new());
    for sign in [sign].into_iter().chain(beside) {
        let label = sign.label.as_deref().unwrap_or("sig");
        let components = components(sign);
        let input = input(sign, &components, now);
        let signature = sign.sign(base(sign, request, &components, &input).as_bytes());
        inputs.push(format!("{label}={input}"));
        if !sign.omits("signature") {
            signatures.push(format!("{label}=:{}:", Base64::encode_string(&signature)));
        }
    }
    request.set("Signature-Input", inputs.join(", "));
    if !signatures.is_empty() {
        request.set("Signature", signatures.join(", "));
    }
}

/// The identifiers of what is covered, as they are written.
fn components(sign: &Sign) -> Vec<String> {
    let usual = || COMPONENTS.map(str::to_owned).to_vec();
    let mut names = sign.components.clone().unwrap_or_else(usual);
    names.retain(|name| !sign.omits(name));
    names.extend(sign.add.iter().cloned());
    let identifier =
        |name: String| if name.starts_with('"') { name } else { format!("\"{name}\"") };
    names.into_iter().map(identifier).collect()
}

/// The value of the signature's member of `Signature-Input`: its components and parameters (§2.3).
fn input(sign: &Sign, components: &[String], now: Moment) -> String {
    let quoted = |text: &str| Some(format!("\"{text}\""));
    let usual = [
        ("created", Some(now.seconds(sign.created).to_string())),
        ("expires", sign.expires.map(|offset| now.seconds(offset).to_string())),
        ("nonce", quoted(&sign.nonce())),
        ("keyid", quoted(&sign.key_id())),
        ("alg", sign.alg.as_deref().and_then(quoted)),
        ("tag", quoted(sign.tag.as_deref().unwrap_or("lunette"))),
    ];
    let mut text = format!("({})", components.join(" "));
    for (name, value) in usual {
        let value = sign.parameters.get(name).cloned().or(value);
        if let Some(value) = value.filter(|_| !sign.omits(name)) {
            let _ = write!(text, ";{name}={value}");
        }
    }
    let more = sign.parameters.iter().filter(|(name, _)| usual_names().all(|usual| usual != *name));
    for (name, value) in more {
        let _ = write!(text, ";{name}={value}");
    }
    text
}

fn usual_names() -> impl Iterator<Item = &'static str> {
    ["created", "expires", "nonce", "keyid", "alg", "tag"].into_iter()
}

/// The signature base (§2.5).
fn base(sign: &Sign, request: &Request, components: &[String], input: &str) -> String {
    let mut base = String::new();
    for identifier in components {
        let _ = writeln!(base, "{identifier}: {}", value(sign, request, identifier));
    }
    base + "\"@signature-params\": " + input
}

/// The value of a component (§2.1, §2.2); nothing for what a request does not have.
fn value(sign: &Sign, request: &Request, identifier: &str) -> String {
    let (name, parameters) = identifier[1..].split_once('"').expect("a quoted name");
    let parameter = |name: &str| {
        let (_, rest) = parameters.split_once(&format!(";{name}=\""))?;
        rest.split_once('"').map(|(text, _)| text)
    };
    let authority = || normal(sign.authority(request));
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    match name {
        "@method" => request.method.clone(),
        "@authority" => authority(),
        "@scheme" => "https".to_owned(),
        "@target-uri" => format!("https://{}{}", authority(), request.target),
        "@request-target" => request.target.clone(),
        "@path" => path.to_owned(),
        "@query" => format!("?{query}"),
        "@query-param" => {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(known, _)| Some(*known) == parameter("name"));
            values.next().map_or(String::new(), |(_, value)| value.to_owned())
        }
        "host" => request.authority().to_owned(),
        field if parameters == ";bs" => {
            let lines =
                request.values(field).map(|line| Base64::encode_string(line.trim().as_bytes()));
            lines.map(|line| format!(":{line}:")).collect::<Vec<_>>().join(", ")
        }
        field => {
            let lines: Vec<_> = request.values(field).map(str::trim).collect();
            let value = lines.join(", ");
            let member = |key: &str| {
                let members = value.split(", ").filter_map(|member| member.split_once('='));
                members
                    .into_iter()
                    .find(|(name, _)| *name == key)
                    .map(|(_, value)| value.to_owned())
            };
            parameter("key").and_then(member).unwrap_or(value)
        }
    }
}

/// Lower case, and without the port of `https` (§2.2.3).
fn normal(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    lower.strip_suffix(":443").map(str::to_owned).unwrap_or(lower)
}
