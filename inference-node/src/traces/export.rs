//! From requests to spans, and to the collector in batches.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{Request, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::wire::{self, ExportTraceServiceRequest, ResourceSpans, Span};
use super::{Counts, Happened};
use crate::clock;
use crate::config::Otlp;
use crate::tls::{TlsError, outward};

/// Requests of one batch at most.
const BATCH: usize = 256;
/// How long a batch is waited for.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends batches.
pub(super) struct Exporter {
    /// `host:port` of the collector.
    authority: String,
    path: String,
    /// Whom its certificate must name, and what asks it.
    tls: Option<(ServerName<'static>, TlsConnector)>,
    resource: wire::Resource,
    counts: Arc<Counts>,
}

impl Exporter {
    pub(super) fn new(otlp: &Otlp, instance: &str, counts: Arc<Counts>) -> Result<Self, TlsError> {
        let attributes = vec![
            wire::text("service.name", "lunette"),
            wire::text("service.version", env!("CARGO_PKG_VERSION")),
            wire::text("service.instance.id", instance),
        ];
        let resource = wire::Resource { attributes };
        let (authority, path) = (otlp.authority.clone(), otlp.path.clone());
        let tls = otlp.tls.as_ref().map(|tls| {
            outward::connector("otlp.ca", tls.ca.as_deref()).map(|ask| (tls.name.clone(), ask))
        });
        Ok(Self { authority, path, tls: tls.transpose()?, resource, counts })
    }

    /// Sends what comes, until `stop`; then what has come.
    pub(super) async fn run(
        self,
        mut waiting: mpsc::Receiver<Happened>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut is_down = false;
        loop {
            let stopped = tokio::time::timeout(INTERVAL, stop.wait_for(|stop| *stop)).await.is_ok();
            loop {
                let mut batch = Vec::new();
                while batch.len() < BATCH
                    && let Ok(happened) = waiting.try_recv()
                {
                    batch.push(happened);
                }
                if batch.is_empty() {
                    break;
                }
                is_down = self.deliver(&batch, is_down).await;
            }
            if stopped {
                return;
            }
        }
    }

    /// Sends one batch; whether the collector is down, which is logged when it changes.
    async fn deliver(&self, batch: &[Happened], was_down: bool) -> bool {
        let sent = tokio::time::timeout(PATIENCE, self.send(batch)).await;
        let problem = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        let count = if problem.is_none() { &self.counts.sent } else { &self.counts.dropped };
        count.fetch_add(batch.len() as u64, Ordering::Relaxed);
        if let (Some(problem), false) = (&problem, was_down) {
            tracing::warn!(collector = self.authority, problem, "traces are dropped");
        }
        problem.is_some()
    }

    async fn send(&self, batch: &[Happened]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.authority).await?;
        match &self.tls {
            None => self.send_on(stream, batch).await,
            Some((name, tls)) => {
                self.send_on(tls.connect(name.clone(), stream).await?, batch).await
            }
        }
    }

    async fn send_on(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        batch: &[Happened],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(self.request(batch).encode_to_vec())))?;
        let answer = sender.send_request(request).await;
        connection.abort();
        let status = answer?.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}").into()) }
    }

    fn request(&self, batch: &[Happened]) -> ExportTraceServiceRequest {
        let scope = wire::Scope {
            name: "lunette".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let spans = batch.iter().flat_map(spans).collect();
        let spans = ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans: vec![wire::ScopeSpans { scope: Some(scope), spans }],
        };
        ExportTraceServiceRequest { resource_spans: vec![spans] }
    }
}

/// The span of a request, and those of its stages.
fn spans(happened: &Happened) -> Vec<Span> {
    let root = span_id();
    let trace_id = happened.context.trace.to_vec();
    let whole = Span {
        trace_id: trace_id.clone(),
        id: root.clone(),
        parent_span_id: happened.context.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        name: format!("{} {}", happened.method, happened.route),
        kind: wire::SERVER,
        start_time_unix_nano: nanos(happened.started),
        end_time_unix_nano: nanos(happened.started + happened.took),
        attributes: vec![
            wire::text("http.request.method", &happened.method),
            wire::text("http.route", &happened.route),
            wire::number("http.response.status_code", happened.status),
            wire::text("lunette.by", happened.by),
            wire::text("lunette.code", &happened.code),
            wire::text("lunette.request_id", &happened.request_id),
        ],
        // A server's span fails where the server does: a refusal is none of its faults.
        status: (happened.status >= 500)
            .then(|| wire::Status { message: happened.code.clone(), code: wire::ERROR }),
    };
    let stages = happened.stages.iter().map(|(name, after, took)| Span {
        trace_id: trace_id.clone(),
        id: span_id(),
        parent_span_id: root.clone(),
        name: (*name).to_owned(),
        kind: wire::INTERNAL,
        start_time_unix_nano: nanos(happened.started + *after),
        end_time_unix_nano: nanos(happened.started + *after + *took),
        attributes: Vec::new(),
        status: None,
    });
    std::iter::once(whole).chain(stages).collect()
}

fn span_id() -> Vec<u8> {
    clock::random_id().0.into_iter().take(8).collect()
}

fn nanos(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}
