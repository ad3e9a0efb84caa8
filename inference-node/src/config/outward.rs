//! Where plain HTTP is sent on to, and where traces go.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::Uri;
use axum::http::uri::Authority;
use tokio_rustls::rustls::pki_types::ServerName;

use super::check::require;
use super::units::Share;
use super::{ConfigError, ServeFlags, Tls, file};

/// Where plain HTTP is answered with the address that speaks TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redirect {
    /// Where it is listened on.
    pub listen: SocketAddr,
    /// Host, and port if it is not 443, as clients know them.
    pub authority: String,
}

/// The collector that traces are sent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Otlp {
    /// Its host and port.
    pub authority: String,
    /// Where it takes traces.
    pub path: String,
    /// Whom its certificate must name; plain HTTP without it.
    pub tls: Option<OtlpTls>,
    /// How many requests are traced, where no caller has decided.
    pub sample: Share,
}

/// How the collector is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtlpTls {
    /// The name or address in its certificate.
    pub name: ServerName<'static>,
    /// The authorities in PEM of which one must have signed it, if not the system's.
    pub ca: Option<PathBuf>,
}

/// The redirection, if it is set.
pub(super) fn redirect(
    serve: &ServeFlags,
    file: file::Redirect,
    tls: Option<&Tls>,
) -> Result<Option<Redirect>, ConfigError> {
    let listen = serve.redirect_listen.or(file.listen);
    let authority = serve.redirect_authority.clone().or(file.authority);
    let Some(listen) = listen else {
        require(
            authority.is_none(),
            "redirect.listen",
            || "expected an address, since redirect.authority is set",
        )?;
        return Ok(None);
    };
    let authority = authority.unwrap_or_default();
    let read = authority.parse::<Authority>();
    let is_host = read.is_ok_and(|read| !read.host().is_empty() && !authority.contains('@'));
    require(is_host, "redirect.authority", || {
        format!(
            "{authority:?}: expected the host that speaks TLS, as img.example.com or img.example.com:8443"
        )
    })?;
    require(
        tls.is_some(),
        "redirect.listen",
        || "nothing speaks TLS: expected tls.certificate and tls.key too",
    )?;
    Ok(Some(Redirect { listen, authority }))
}

/// The collector, if one is named.
pub(super) fn otlp(serve: &ServeFlags, file: file::Otlp) -> Result<Option<Otlp>, ConfigError> {
    let sample = serve.otlp_sample.or(file.sample).unwrap_or(Share::ALL);
    let Some(endpoint) = serve.otlp_endpoint.clone().or(file.endpoint) else { return Ok(None) };
    let problem = || {
        let problem = format!(
            "{endpoint:?}: expected a URL such as http://127.0.0.1:4318 or https://collector.internal:4318"
        );
        ConfigError::setting("otlp.endpoint", problem)
    };
    let url: Uri = endpoint.parse().map_err(|_| problem())?;
    let authority = url.authority().filter(|authority| !authority.as_str().contains('@'));
    let (Some(authority), None) = (authority, url.query()) else { return Err(problem()) };
    let ca = serve.otlp_ca.clone().or(file.ca);
    let (tls, port) = match url.scheme_str() {
        // OTLP/HTTP has a port of its own.
        Some("http") => (None, 4318),
        Some("https") => {
            let host = authority.host().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|_| problem())?;
            (Some(OtlpTls { name, ca: ca.clone() }), 443)
        }
        _ => return Err(problem()),
    };
    require(ca.is_none() || tls.is_some(), "otlp.ca", || {
        format!("{endpoint:?} speaks no TLS: expected an endpoint that begins with https://")
    })?;
    let authority = match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:{port}"),
    };
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    Ok(Some(Otlp { authority, path, tls, sample }))
}
