"""The tables of the hub's book, in the order in which its versions added them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from intentos.errors import StoreError

MIGRATIONS = (
    """
    CREATE TABLE members (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
        role TEXT NOT NULL, joined TEXT NOT NULL, revoked TEXT);
    CREATE TABLE invites (hash TEXT PRIMARY KEY, owner TEXT NOT NULL, role TEXT NOT NULL,
        until REAL NOT NULL, member TEXT, used TEXT);
    CREATE TABLE jobs (submitter TEXT NOT NULL, key TEXT NOT NULL, node TEXT, at TEXT NOT NULL,
        outcome TEXT NOT NULL, PRIMARY KEY (submitter, key)) WITHOUT ROWID;
    CREATE TABLE payments (submitter TEXT NOT NULL, key TEXT NOT NULL, from_owner TEXT NOT NULL,
        to_owner TEXT NOT NULL, node TEXT NOT NULL, seconds REAL NOT NULL,
        PRIMARY KEY (submitter, key, node)) WITHOUT ROWID;
    CREATE TABLE record (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL,
        body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
    CREATE TABLE blobs (sha256 TEXT NOT NULL, owner TEXT NOT NULL, size INTEGER NOT NULL,
        at REAL NOT NULL, PRIMARY KEY (sha256, owner)) WITHOUT ROWID
    """,
    """
    CREATE TABLE standings (node TEXT PRIMARY KEY, verified INTEGER NOT NULL,
        doubts INTEGER NOT NULL, ejected TEXT NOT NULL, aside TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE settled_jobs (submitter TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
        at REAL NOT NULL, job TEXT NOT NULL, PRIMARY KEY (submitter, key)) WITHOUT ROWID;
    CREATE TABLE vouchers (node TEXT NOT NULL, submitter TEXT NOT NULL, key TEXT NOT NULL,
        PRIMARY KEY (node, submitter, key)) WITHOUT ROWID;
    CREATE INDEX vouchers_of ON vouchers (submitter, key);
    CREATE TABLE corrections (seq INTEGER PRIMARY KEY, submitter TEXT NOT NULL, key TEXT NOT NULL,
        at TEXT NOT NULL, node TEXT NOT NULL, what TEXT NOT NULL, before TEXT NOT NULL)
    """,
    """
    CREATE TABLE doubts (submitter TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL,
        at REAL NOT NULL, PRIMARY KEY (submitter, key)) WITHOUT ROWID
    """,
)


def migrate(database: sqlite3.Connection, path: Path) -> None:
    """Make or add the tables that are missing, in a transaction of the caller's.

    Raises:
        StoreError: a newer version of the program made it.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StoreError("store.newer", path=str(path), version=version)
    for script in MIGRATIONS[version:]:
        for statement in script.split(";"):
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
