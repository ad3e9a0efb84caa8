//! The policy file's shape, and how it becomes a [`Policy`].
//!
//! No field that bounds something has a default: whoever writes a route decides.

use serde::Deserialize;

use super::units::ByteSize;
use super::{HEADER_BYTES_DEFAULT, HEADER_BYTES_MAX, ImageLimits, Policy, Route};
use crate::Format;
use crate::checks::target;
use crate::key::{NAME_MAX, SCOPES_MAX};

/// The only version there is.
const VERSION: u32 = 1;
/// The most routes a policy may have.
const ROUTES_MAX: usize = 64;

/// Why a policy was refused: where, and what was expected there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("policy: {path}: {problem}")]
pub struct PolicyError {
    /// The field, as `routes[2].max_bytes`; `.` for the whole file.
    pub path: String,
    /// What is wrong with it and what was expected.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    version: u32,
    header_bytes: Option<ByteSize>,
    routes: Vec<RawRoute>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoute {
    name: String,
    method: String,
    path: String,
    scopes: Vec<String>,
    media_types: Vec<String>,
    max_bytes: ByteSize,
    max_width: u32,
    max_height: u32,
    max_pixels: u64,
    max_frames: u32,
}

pub(super) fn parse(json: &[u8]) -> Result<Policy, PolicyError> {
    let mut input = serde_json::Deserializer::from_slice(json);
    let raw: RawPolicy = serde_path_to_error::deserialize(&mut input).map_err(|error| {
        PolicyError { path: error.path().to_string(), problem: error.inner().to_string() }
    })?;
    input.end().map_err(|error| fault(".", error.to_string()))?;
    check(raw)
}

fn check(raw: RawPolicy) -> Result<Policy, PolicyError> {
    require(raw.version == VERSION, "version", || format!("expected {VERSION}"))?;
    let header_bytes = raw.header_bytes.map_or(HEADER_BYTES_DEFAULT, |size| size.0);
    require((1024..=HEADER_BYTES_MAX).contains(&header_bytes), "header_bytes", || {
        format!("expected 1024 to {HEADER_BYTES_MAX} bytes, got {header_bytes}")
    })?;
    require((1..=ROUTES_MAX).contains(&raw.routes.len()), "routes", || {
        format!("expected 1 to {ROUTES_MAX} routes")
    })?;
    let mut routes: Vec<Route> = Vec::with_capacity(raw.routes.len());
    for (index, raw) in raw.routes.into_iter().enumerate() {
        let route = check_route(raw, &format!("routes[{index}]"))?;
        let taken = |other: &Route| {
            other.name == route.name || (other.method == route.method && other.path == route.path)
        };
        require(!routes.iter().any(taken), &format!("routes[{index}]"), || {
            "another route has this name, or this method and path".to_owned()
        })?;
        routes.push(route);
    }
    Ok(Policy { header_bytes, routes })
}

fn check_route(raw: RawRoute, at: &str) -> Result<Route, PolicyError> {
    let field = |name: &str| format!("{at}.{name}");
    require(is_name(&raw.name), &field("name"), name_rule)?;
    let method = !raw.method.is_empty() && raw.method.bytes().all(|byte| byte.is_ascii_uppercase());
    require(method, &field("method"), || "expected a method such as \"POST\"".to_owned())?;
    require(target::is_unambiguous_path(&raw.path), &field("path"), || {
        "expected an absolute path without query, dot segments or escapes".to_owned()
    })?;
    require(raw.scopes.len() <= SCOPES_MAX, &field("scopes"), || {
        format!("expected at most {SCOPES_MAX} scopes")
    })?;
    for (index, scope) in raw.scopes.iter().enumerate() {
        require(is_name(scope), &format!("{at}.scopes[{index}]"), name_rule)?;
    }
    let mut formats = Vec::new();
    for (index, media_type) in raw.media_types.iter().enumerate() {
        let format = Format::from_media_type(media_type).ok_or_else(|| {
            fault(
                &format!("{at}.media_types[{index}]"),
                format!("expected one of image/png, image/jpeg, image/webp, got {media_type:?}"),
            )
        })?;
        formats.push(format);
    }
    require(!formats.is_empty(), &field("media_types"), || {
        "expected at least one media type".to_owned()
    })?;
    for (name, value) in [
        ("max_bytes", raw.max_bytes.0),
        ("max_width", raw.max_width.into()),
        ("max_height", raw.max_height.into()),
        ("max_pixels", raw.max_pixels),
        ("max_frames", raw.max_frames.into()),
    ] {
        require(value > 0, &field(name), || "expected a number above 0".to_owned())?;
    }
    Ok(Route {
        name: raw.name,
        method: raw.method,
        path: raw.path,
        scopes: raw.scopes,
        formats,
        max_bytes: raw.max_bytes.0,
        image: ImageLimits {
            max_width: raw.max_width,
            max_height: raw.max_height,
            max_pixels: raw.max_pixels,
            max_frames: raw.max_frames,
        },
    })
}

/// Names go into permits, metrics and logs: short, printable, nothing to escape.
fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

fn name_rule() -> String {
    format!("expected 1 to {NAME_MAX} letters, digits, '-', '_', '.' or ':'")
}

fn require(holds: bool, path: &str, problem: impl FnOnce() -> String) -> Result<(), PolicyError> {
    if holds { Ok(()) } else { Err(fault(path, problem())) }
}

fn fault(path: &str, problem: String) -> PolicyError {
    PolicyError { path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../policy.json");

    fn problem_after(from: &str, to: &str) -> PolicyError {
        assert!(EXAMPLE.contains(from), "{from} is not in the example policy");
        parse(EXAMPLE.replacen(from, to, 1).as_bytes()).unwrap_err()
    }

    #[test]
    fn the_shipped_policy_is_right() {
        let policy = parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(
            policy.route("POST", "/v1/background-removal").unwrap().name,
            "background-removal"
        );
        assert_eq!(policy.route("GET", "/v1/background-removal"), Err(vec!["POST"]));
        assert_eq!(policy.route("POST", "/"), Err(vec![]));
    }

    #[test]
    fn errors_name_the_path_of_the_field() {
        for (from, to, path) in [
            (r#""version": 1"#, r#""version": 2"#, "version"),
            (r#""version": 1"#, r#""version": 1, "colour": 1"#, "colour"),
            (r#""name": "#, r#""nome": "x", "name": "#, "routes[0]"),
            (r#""POST""#, r#""post""#, "routes[0].method"),
            (r#""/v1/background-removal""#, r#""/v1/../x""#, "routes[0].path"),
            (r#""image/png""#, r#""image/tiff""#, "routes[0].media_types[0]"),
            (r#""max_frames": 1"#, r#""max_frames": 0"#, "routes[0].max_frames"),
            (r#""max_frames": 1"#, r#""max_frames": "one""#, "routes[0].max_frames"),
            (r#""12MiB""#, r#""12 parsecs""#, "routes[0].max_bytes"),
            (r#""header_bytes": "512KiB""#, r#""header_bytes": "2MiB""#, "header_bytes"),
        ] {
            let error = problem_after(from, to);
            assert!(error.path.starts_with(path), "{to}: {error}");
        }
    }

    #[test]
    fn nothing_that_bounds_may_be_left_out() {
        for field in ["max_bytes", "max_width", "max_height", "max_pixels", "max_frames", "scopes"]
        {
            let error = problem_after(&format!("\"{field}\""), "\"name2\"");
            assert!(error.to_string().contains("name2"), "{error}");
            let line = EXAMPLE.lines().find(|line| line.contains(&format!("\"{field}\""))).unwrap();
            let without = EXAMPLE.replacen(line, "", 1).replace(",\n\n    }", "\n    }");
            let without = if field == "max_frames" {
                without.replace("\"max_pixels\": 25000000,", "\"max_pixels\": 25000000")
            } else {
                without
            };
            let error = parse(without.as_bytes()).unwrap_err();
            assert!(error.problem.contains(field), "{field}: {error}");
        }
    }

    #[test]
    fn the_same_route_twice_is_refused() {
        let twice =
            EXAMPLE.replacen("\"routes\": [", &format!("\"routes\": [{},", route_of(EXAMPLE)), 1);
        assert_eq!(parse(twice.as_bytes()).unwrap_err().path, "routes[1]");
    }

    fn route_of(policy: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(policy).unwrap();
        value["routes"][0].to_string()
    }
}
