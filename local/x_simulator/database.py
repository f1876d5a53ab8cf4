"""The simulator's state: one SQLite file, so that timeline, tokens and ids survive a restart."""

import sqlite3
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS posts (
    id INTEGER PRIMARY KEY,
    first_id INTEGER NOT NULL,
    author_id TEXT NOT NULL,
    source TEXT NOT NULL,
    in_reply_to INTEGER,
    quoted INTEGER,
    conversation_id INTEGER NOT NULL,
    implicit_mentions INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS posts_by_first_id ON posts (first_id);
CREATE INDEX IF NOT EXISTS posts_by_conversation ON posts (conversation_id);
CREATE INDEX IF NOT EXISTS posts_by_author ON posts (author_id);
CREATE TABLE IF NOT EXISTS oauth_codes (
    hash TEXT PRIMARY KEY, account_id TEXT NOT NULL, scope TEXT NOT NULL, redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL, expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS oauth_tokens (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, family TEXT NOT NULL, account_id TEXT NOT NULL, scope TEXT NOT NULL,
    expires_at REAL, used INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS oauth_tokens_by_family ON oauth_tokens (family);
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, valid INTEGER NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS subscriptions (
    id INTEGER PRIMARY KEY, event_type TEXT NOT NULL, user_id TEXT NOT NULL, webhook_id INTEGER, tag TEXT,
    created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, webhook_id INTEGER NOT NULL, event_type TEXT NOT NULL, post_id INTEGER,
    body BLOB NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_by_post ON deliveries (post_id);
CREATE TABLE IF NOT EXISTS delivery_attempts (
    delivery_id INTEGER NOT NULL, at REAL NOT NULL, status INTEGER, latency_ms INTEGER NOT NULL, error TEXT
);
CREATE INDEX IF NOT EXISTS delivery_attempts_by_delivery ON delivery_attempts (delivery_id);
"""


def open_database(path: Path | str) -> sqlite3.Connection:
    """Open the file, or `:memory:`, and make what is missing. Every statement commits by itself."""
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
    return connection
