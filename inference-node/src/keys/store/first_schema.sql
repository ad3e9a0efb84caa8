-- A database of lunette 0.1.0 with one key, as `sqlite3 keys.db .dump` shows it.
CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY,
    secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
    principal TEXT NOT NULL,
    scopes TEXT NOT NULL,
    tier TEXT NOT NULL,
    environment TEXT NOT NULL CHECK (environment IN ('live', 'test')),
    not_before INTEGER,
    expires INTEGER,
    revoked INTEGER,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    replaced_by TEXT,
    label TEXT,
    changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO keys VALUES('Ab3dE5gH1j',X'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    'acme','["cut"]','free','test',NULL,NULL,NULL,1,1700000000000,NULL,NULL,1700000000000);
CREATE INDEX keys_changed ON keys (changed);
CREATE TABLE publication (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    terms BLOB
) STRICT;
INSERT INTO publication VALUES(1,1700000000000,0,NULL);
PRAGMA user_version = 1;
