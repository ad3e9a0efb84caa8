//! A page in the policy file.

use serde::Deserialize;

use super::name::Name;
use crate::address::AddressList;
use crate::checks::target;
use crate::key::SCOPES_MAX;
use crate::policy::error::{PolicyError, require};
use crate::policy::{BodyRule, Dialect, ImageLimits, Mode, Route, SignatureRule};

/// A path that is only read, with GET: a request for it has no body, and costs no pixels.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Page"))]
#[serde(deny_unknown_fields)]
pub(super) struct RawPage {
    /// The name used in metrics and messages.
    name: Name,
    /// The path, compared byte for byte.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/")))]
    path: String,
    /// Scopes a key or a token must hold, all of them.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = SCOPES_MAX)))]
    scopes: Vec<Name>,
    /// Whether nobody is asked who they are. Nothing that belongs to anybody may stand on such a page.
    #[serde(default)]
    anonymous: bool,
    /// The API whose errors an answer carries beside our own members.
    #[serde(default)]
    dialect: Dialect,
    /// Where requests may come from; from everywhere if it is left out.
    #[serde(default)]
    clients: AddressList,
}

pub(super) fn check(raw: RawPage, at: &str) -> Result<Route, PolicyError> {
    let field = |name: &str| format!("{at}.{name}");
    require(target::is_unambiguous_path(&raw.path), &field("path"), || {
        "expected an absolute path without query, dot segments or escapes".to_owned()
    })?;
    require(raw.scopes.len() <= SCOPES_MAX, &field("scopes"), || {
        format!("expected at most {SCOPES_MAX} scopes")
    })?;
    require(!raw.anonymous || raw.scopes.is_empty(), &field("scopes"), || {
        "expected none, because the page is anonymous".to_owned()
    })?;
    Ok(Route {
        name: raw.name.0,
        method: "GET".to_owned(),
        path: raw.path,
        scopes: raw.scopes.into_iter().map(|scope| scope.0).collect(),
        anonymous: raw.anonymous,
        dialect: raw.dialect,
        query: None,
        formats: Vec::new(),
        max_bytes: 0,
        image: NO_IMAGE,
        form: None,
        signature: SignatureRule::None,
        body: BodyRule::None,
        weight: 1,
        clients: raw.clients,
        mode: Mode::Enforce,
    })
}

const NO_IMAGE: ImageLimits =
    ImageLimits { max_width: 0, max_height: 0, max_pixels: 0, max_frames: 0, max_scans: 0 };

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::BodyRule;
    use crate::policy::example::with;

    #[test]
    fn a_page_is_a_route_without_a_body() {
        let page = json!({ "name": "start", "path": "/start", "anonymous": true });
        let policy = with(&[("/pages", json!([page]))]).unwrap();
        let route = policy.route("GET", "/start").unwrap();
        assert_eq!((route.body, route.anonymous), (BodyRule::None, true));
        assert_eq!(policy.route("POST", "/start"), Err(vec!["GET"]));
    }

    #[test]
    fn errors_name_the_path_of_the_field() {
        for (page, path) in [
            (json!({ "name": "p", "path": "p" }), "pages[0].path"),
            (json!({ "name": "p", "path": "/p", "body": "hold" }), "pages[0].body"),
            (
                json!({ "name": "p", "path": "/p", "anonymous": true, "scopes": ["a"] }),
                "pages[0].scopes",
            ),
            (json!({ "name": "background-removal", "path": "/p" }), "pages[0]"),
        ] {
            let error = with(&[("/pages", json!([page]))]).unwrap_err().to_string();
            assert!(error.contains(&format!("{path}: ")), "{error}");
        }
    }
}
