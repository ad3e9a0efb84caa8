//! Tokens that were revoked before their time.
//!
//! A token is named by a digest of its issuer and its `jti`. Its revocation is kept until the token
//! has expired by itself, and a little longer, for gates whose clocks are behind.

use std::time::Duration;

use filter::UnixMillis;
use filter::key::TokenId;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::new_key::check_label;
use super::store::{column, next_epoch};
use super::{Store, StoreError};
use crate::clock::millis;

/// The most revoked tokens a store holds; 16 bytes of each are published.
pub const TOKENS_MAX: u32 = 50_000;
/// How long a revocation outlives its token: more than any difference of clocks that is allowed.
pub const TOKENS_KEPT: Duration = Duration::from_hours(1);

/// A token that shall be revoked, or was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevokedToken {
    /// Its name.
    pub id: TokenId,
    /// The issuer's name in the policy.
    pub issuer: String,
    /// When it expires by itself.
    pub until: UnixMillis,
    /// When it was revoked.
    pub revoked: UnixMillis,
    /// A note for people; any characters at all.
    pub label: Option<String>,
}

/// What came of revoking a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// The token as it is revoked now.
    pub token: RevokedToken,
    /// Whether it was not revoked before.
    pub news: bool,
}

impl RevokedToken {
    /// The token `jti` of `issuer`, as of `revoked`.
    pub fn new(issuer: String, jti: &str, until: UnixMillis, revoked: UnixMillis) -> Self {
        Self { id: TokenId::of(&issuer, jti), issuer, until, revoked, label: None }
    }

    pub(super) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let damaged = |column| StoreError::Damaged {
            record: "token",
            id: id.escape_debug().to_string(),
            column,
        };
        let time = |column: &'static str| -> Result<UnixMillis, StoreError> {
            let millis: i64 = row.get(column)?;
            u64::try_from(millis).map(UnixMillis).map_err(|_| damaged(column))
        };
        Ok(Self {
            issuer: row.get("issuer")?,
            until: time("until")?,
            revoked: time("revoked")?,
            label: row.get("label")?,
            id: TokenId::try_from(id.clone()).map_err(|_| damaged("id"))?,
        })
    }
}

impl Store {
    /// Revokes a token, and says whether that is news. One that was revoked before stays so for the
    /// longer time.
    pub fn revoke_token(&mut self, token: &RevokedToken) -> Result<Revocation, StoreError> {
        check_label(token.label.as_deref())?;
        let now = token.revoked;
        let transaction = self.write()?;
        let id = String::from(token.id);
        if let Some(token) = prolong(&transaction, &id, token.until)? {
            transaction.commit()?;
            return Ok(Revocation { token, news: false });
        }
        prune(&transaction, now)?;
        let count: u32 =
            transaction.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?;
        if count >= TOKENS_MAX {
            return Err(StoreError::TokensFull);
        }
        let epoch = next_epoch(&transaction, now)?;
        transaction.execute(
            "INSERT INTO tokens (id, issuer, until, revoked, label, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![id, token.issuer, column(token.until.0), column(now.0), token.label, epoch],
        )?;
        transaction.commit()?;
        Ok(Revocation { token: token.clone(), news: true })
    }

    /// All revoked tokens, the last revoked first.
    pub fn tokens(&self) -> Result<Vec<RevokedToken>, StoreError> {
        let query = "SELECT id, issuer, until, revoked, label FROM tokens
                     ORDER BY revoked DESC, id";
        let mut statement = self.connection().prepare(query)?;
        let mut rows = statement.query([])?;
        let mut tokens = Vec::new();
        while let Some(row) = rows.next()? {
            tokens.push(RevokedToken::read(row)?);
        }
        Ok(tokens)
    }

    /// Forgets the tokens that have expired by themselves, and says how many.
    pub fn prune_tokens(&mut self, now: UnixMillis) -> Result<usize, StoreError> {
        let transaction = self.write()?;
        let pruned = prune(&transaction, now)?;
        transaction.commit()?;
        Ok(pruned)
    }
}

/// Prolongs a revocation; `None` if there is none. What gates are told does not change.
fn prolong(
    transaction: &Transaction<'_>,
    id: &str,
    until: UnixMillis,
) -> Result<Option<RevokedToken>, StoreError> {
    let mut statement = transaction
        .prepare("UPDATE tokens SET until = max(until, ?2) WHERE id = ?1 RETURNING *")?;
    let mut rows = statement.query(params![id, column(until.0)])?;
    rows.next()?.map(RevokedToken::read).transpose()
}

fn prune(transaction: &Transaction<'_>, now: UnixMillis) -> Result<usize, StoreError> {
    let cutoff = now.0.saturating_sub(millis(TOKENS_KEPT));
    let ended: Option<bool> = transaction
        .query_row("SELECT 1 FROM tokens WHERE until < ?1", [column(cutoff)], |row| row.get(0))
        .optional()?;
    if ended.is_none() {
        return Ok(0);
    }
    let epoch = next_epoch(transaction, now)?;
    transaction.execute("UPDATE publication SET deleted = ?1", [epoch])?;
    Ok(transaction.execute("DELETE FROM tokens WHERE until < ?1", [column(cutoff)])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const HOUR: u64 = 3_600_000;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn token(jti: &str, until: u64, revoked: UnixMillis) -> RevokedToken {
        RevokedToken::new("corp".into(), jti, UnixMillis(until), revoked)
    }

    #[test]
    fn a_revoked_token_is_found_again() {
        let (_folder, mut store) = store();
        let first =
            RevokedToken { label: Some("a \u{1b} label".into()), ..token("a", NOW.0 + HOUR, NOW) };
        let second = token("b", NOW.0 + HOUR, UnixMillis(NOW.0 + 1));
        for token in [&first, &second] {
            let revocation = store.revoke_token(token).unwrap();
            assert_eq!(revocation, Revocation { token: token.clone(), news: true });
        }
        assert_eq!(store.tokens().unwrap(), [second, first]);
        assert_eq!(store.epoch().unwrap(), NOW.0 + 1);
    }

    #[test]
    fn a_second_revocation_only_prolongs_the_first() {
        let (_folder, mut store) = store();
        store.revoke_token(&token("a", NOW.0 + HOUR, NOW)).unwrap();
        let epoch = store.epoch().unwrap();
        for (until, kept) in [(NOW.0 + 1, NOW.0 + HOUR), (NOW.0 + 2 * HOUR, NOW.0 + 2 * HOUR)] {
            let again = token("a", until, UnixMillis(NOW.0 + 9));
            let kept = token("a", kept, NOW);
            let revocation = store.revoke_token(&again).unwrap();
            assert_eq!(revocation, Revocation { token: kept.clone(), news: false });
            assert_eq!(store.tokens().unwrap(), [kept]);
        }
        assert_eq!(store.epoch().unwrap(), epoch, "nothing that is published has changed");
    }

    #[test]
    fn a_revocation_is_forgotten_an_hour_after_its_token_expired() {
        let (_folder, mut store) = store();
        store.revoke_token(&token("a", NOW.0 + HOUR, NOW)).unwrap();
        let epoch = store.epoch().unwrap();
        assert_eq!(store.prune_tokens(UnixMillis(NOW.0 + 2 * HOUR)).unwrap(), 0);
        assert_eq!(store.epoch().unwrap(), epoch);
        assert_eq!(store.prune_tokens(UnixMillis(NOW.0 + 2 * HOUR + 1)).unwrap(), 1);
        assert!(store.epoch().unwrap() > epoch);
        assert!(store.tokens().unwrap().is_empty());
    }

    #[test]
    fn a_full_store_makes_room_only_by_forgetting_what_has_expired() {
        let (_folder, mut store) = store();
        store
            .connection()
            .execute_batch(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {TOKENS_MAX})
                 INSERT INTO tokens SELECT printf('%032d', i), 'corp', {}, 0, NULL, 0 FROM n",
                NOW.0
            ))
            .unwrap();
        let full = store.revoke_token(&token("a", NOW.0 + HOUR, NOW)).unwrap_err();
        assert!(full.to_string().contains("50000 tokens"), "{full}");
        let later = UnixMillis(NOW.0 + HOUR + 1);
        assert!(store.revoke_token(&token("a", NOW.0 + 2 * HOUR, later)).unwrap().news);
        assert_eq!(store.tokens().unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_token_is_an_error() {
        let (_folder, mut store) = store();
        store.revoke_token(&token("a", NOW.0 + HOUR, NOW)).unwrap();
        for (change, named) in
            [("until = -1", "until"), ("until = 1, id = printf('%032s', 'x')", "id")]
        {
            store.connection().execute(&format!("UPDATE tokens SET {change}"), []).unwrap();
            let problem = store.tokens().unwrap_err().to_string();
            assert!(problem.contains("token") && problem.contains(&format!("{named} is damaged")));
        }
    }
}
