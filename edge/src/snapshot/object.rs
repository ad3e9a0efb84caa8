//! The one Durable Object that pulls the snapshot from the node.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use filter::snapshot::{LENGTH_MAX, News, Refused, Statement};
use worker::{
    DurableObject, Env, Request, Response, Result, SqlStorage, SqlStorageValue, State,
    durable_object,
};

use super::NAME;
use crate::{config, log, node, time};

/// How often the node is asked at most, in milliseconds.
const PULL_EVERY: u64 = 1_000;
/// How long the node is waited for.
const PATIENCE: u64 = 800;
/// How old the entry in KV may be, so that it is good for some time when an isolate finds it.
const PUBLISH_EVERY: u64 = 5 * 60_000;
/// How much of a content is in one row.
const PIECE: usize = 1 << 20;

/// Pulls the snapshot when it is asked for it, keeps it, and puts it into KV.
#[durable_object(fetch)]
pub struct SnapshotObject {
    state: State,
    env: Env,
    stored: RefCell<Option<Rc<Stored>>>,
    pulled: Cell<u64>,
    published: Cell<u64>,
    /// How many snapshots were refused since the object began.
    refused: Cell<u64>,
}

/// A snapshot that was verified.
struct Stored {
    statement: Statement,
    seal: String,
    content: Rc<str>,
}

/// Why a snapshot is not kept.
#[derive(Debug, thiserror::Error)]
enum Ignored {
    #[error(transparent)]
    Refused(Refused),
    #[error("{0}")]
    Failed(String),
}

/// What the object has; the first line alone if the rest is `known`.
pub(super) async fn ask(env: &Env, known: Option<&Statement>) -> Result<Vec<u8>> {
    let stub = env.durable_object(config::SNAPSHOTS)?.get_by_name(NAME)?;
    let url = format!("https://snapshot/?have={}", known.map(name).unwrap_or_default());
    let mut response = stub.fetch_with_str(&url).await?;
    if response.status_code() != 200 {
        return Err(format!("it answered {}", response.status_code()).into());
    }
    response.bytes().await
}

impl DurableObject for SnapshotObject {
    fn new(state: State, env: Env) -> Self {
        let stored = match load(&state.storage().sql()) {
            Ok(stored) => stored,
            Err(error) => {
                log::error(format_args!("the stored snapshot cannot be read: {error}"));
                None
            }
        };
        let cell = || Cell::new(0);
        let (pulled, published, refused) = (cell(), cell(), cell());
        Self { state, env, stored: RefCell::new(stored.map(Rc::new)), pulled, published, refused }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let now = time::now().unix.0;
        let age = now.saturating_sub(self.pulled.get());
        if age >= PULL_EVERY || self.stored().is_none() {
            self.pulled.set(now);
            self.pull().await;
        }
        let Some(stored) = self.stored() else {
            return Ok(Response::empty()?.with_status(503));
        };
        let url = request.inner().url();
        let known = url.split_once("?have=").map(|(_, known)| known);
        let content = if known == Some(&name(&stored.statement)) { "" } else { &*stored.content };
        Response::from_bytes([&stored.seal, "\n", content].concat().into_bytes())
    }
}

impl SnapshotObject {
    fn stored(&self) -> Option<Rc<Stored>> {
        self.stored.borrow().clone()
    }

    /// Asks the node for news. Whatever goes wrong, the object keeps what it has.
    async fn pull(&self) {
        let known = self.stored().map(|stored| stored.statement.sha256.clone());
        match time::within(PATIENCE, self.renew(known.as_deref())).await {
            Some(Ok(())) => {}
            Some(Err(error)) => log::error(format_args!("no snapshot from the node: {error}")),
            None => log::error(format_args!("no snapshot from the node in {PATIENCE} ms")),
        }
        self.publish().await;
    }

    async fn renew(&self, known: Option<&str>) -> Result<()> {
        let mut judged = self.judge(&self.fetch_snapshot(known).await?);
        if known.is_some() && matches!(judged, Err(Ignored::Refused(Refused::Content))) {
            // A new epoch of the same content: what was left out is needed once more.
            judged = self.judge(&self.fetch_snapshot(None).await?);
        }
        if let Err(error) = judged {
            self.refused.set(self.refused.get() + 1);
            let count = self.refused.get();
            log::error(format_args!("a snapshot of the node is ignored ({count} so far): {error}"));
        }
        Ok(())
    }

    async fn fetch_snapshot(&self, known: Option<&str>) -> Result<String> {
        let text =
            |name: &str| config::text(&self.env, name).ok_or_else(|| format!("{name} is missing"));
        let url = text(config::SNAPSHOT_URL)?;
        let known = known.map(|known| format!("?have={known}"));
        let headers = web_sys::Headers::new()?;
        headers.set("authorization", &format!("Bearer {}", text(config::GATE_TOKEN)?))?;
        let init = web_sys::RequestInit::new();
        init.set_headers(&headers);
        let url = format!("{url}{}", known.unwrap_or_default());
        let mut response = node::send(&self.env, &url, &init).await?;
        if response.status_code() != 200 {
            return Err(format!("it answered {}", response.status_code()).into());
        }
        let length = response.headers().get("content-length")?;
        let length = length.and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| length > LENGTH_MAX + 8192) {
            return Err("it is too long".to_owned().into());
        }
        response.text().await
    }

    /// Keeps `text` if it is news, and good.
    fn judge(&self, text: &str) -> std::result::Result<(), Ignored> {
        let trust = config::trust_of(&self.env).map_err(Ignored::Failed)?;
        // Whatever was kept since the node was asked is what it must be newer than.
        let stored = self.stored();
        let held = stored.as_ref().map(|stored| &stored.statement);
        let news = trust.judge(text.as_bytes(), held, time::now().unix);
        let (seal, content) = text.split_once('\n').unwrap_or((text, ""));
        let new = match (news.map_err(Ignored::Refused)?, stored) {
            (News::Nothing, _) | (News::Renewed(_), None) => return Ok(()),
            (News::Renewed(statement), Some(stored)) => {
                Stored { statement, seal: seal.to_owned(), content: Rc::clone(&stored.content) }
            }
            (News::Changed(statement, _), _) => {
                self.published.set(0);
                Stored { statement, seal: seal.to_owned(), content: content.into() }
            }
        };
        let saved = save(&self.state.storage().sql(), &new);
        saved.map_err(|error| Ignored::Failed(error.to_string()))?;
        *self.stored.borrow_mut() = Some(Rc::new(new));
        Ok(())
    }

    /// Puts the snapshot into KV, for isolates that begin while this object cannot be reached.
    async fn publish(&self) {
        let now = time::now().unix.0;
        let Some(stored) = self.stored() else { return };
        if now.saturating_sub(self.published.get()) < PUBLISH_EVERY {
            return;
        }
        self.published.set(now);
        let Ok(kv) = self.env.kv(config::SNAPSHOT_KV) else { return };
        let text = [&stored.seal, "\n", &*stored.content].concat();
        let put = async { kv.put(NAME, text)?.execute().await };
        if let Err(error) = put.await {
            log::error(format_args!("the snapshot was not put into KV: {error}"));
            self.published.set(0);
        }
    }
}

/// What tells whether a content is known in its epoch.
fn name(statement: &Statement) -> String {
    format!("{}-{}", statement.epoch, statement.sha256)
}

/// Keeps a snapshot in pieces: a row holds 2 MB at most.
fn save(sql: &SqlStorage, stored: &Stored) -> Result<()> {
    create(sql)?;
    sql.exec("DELETE FROM snapshot", None)?;
    let statement = serde_json::to_string(&stored.statement)?;
    let heads = [statement.as_bytes(), stored.seal.as_bytes()];
    for (part, bytes) in
        (0i64..).zip(heads.into_iter().chain(stored.content.as_bytes().chunks(PIECE)))
    {
        let values = vec![SqlStorageValue::Integer(part), SqlStorageValue::Blob(bytes.to_vec())];
        sql.exec("INSERT INTO snapshot VALUES (?1, ?2)", values)?;
    }
    Ok(())
}

fn load(sql: &SqlStorage) -> Result<Option<Stored>> {
    create(sql)?;
    let mut parts = Vec::new();
    for row in sql.exec("SELECT bytes FROM snapshot ORDER BY part", None)?.raw() {
        match row?.into_iter().next() {
            Some(SqlStorageValue::Blob(bytes)) => parts.push(bytes),
            _ => return Err("a row is not bytes".to_owned().into()),
        }
    }
    let [statement, seal, content @ ..] = parts.as_slice() else { return Ok(None) };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string());
    Ok(Some(Stored {
        statement: serde_json::from_slice(statement)?,
        seal: text(seal)?,
        content: text(&content.concat())?.into(),
    }))
}

fn create(sql: &SqlStorage) -> Result<()> {
    sql.exec("CREATE TABLE IF NOT EXISTS snapshot (part INTEGER PRIMARY KEY, bytes BLOB)", None)?;
    Ok(())
}
