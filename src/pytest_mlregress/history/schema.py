"""The tables of the database, and the steps from each version of them to the next.

`PRAGMA user_version` is the version, `PRAGMA application_id` says whose file it is. A step never
changes once it is released: the next one builds on it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

__all__ = ["APPLICATION_ID", "MIGRATIONS", "migrate"]

APPLICATION_ID: Final = 0x6D6C7267
"""``mlrg``."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL,
            commit_hash TEXT, branch TEXT, dirty INTEGER NOT NULL, diff_hash TEXT,
            machine TEXT NOT NULL, environment TEXT NOT NULL, facts TEXT NOT NULL,
            options TEXT NOT NULL, plugin TEXT NOT NULL, alpha REAL NOT NULL,
            comparisons INTEGER NOT NULL, duration REAL NOT NULL,
            against TEXT NOT NULL, base_commit TEXT
        ) WITHOUT ROWID""",
        "CREATE INDEX runs_by_time ON runs (time)",
        """CREATE TABLE tests (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, position INTEGER NOT NULL,
            test TEXT NOT NULL, tier TEXT NOT NULL, verdict TEXT NOT NULL, colour TEXT NOT NULL,
            reasons TEXT NOT NULL, decided_after INTEGER NOT NULL, spent REAL NOT NULL,
            baseline_revision TEXT, baseline_commit TEXT, same_code INTEGER, details TEXT NOT NULL,
            PRIMARY KEY (run, position)
        ) WITHOUT ROWID""",
        "CREATE INDEX tests_by_name ON tests (test, tier)",
        """CREATE TABLE metrics (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            test_position INTEGER NOT NULL, position INTEGER NOT NULL,
            name TEXT NOT NULL, verdict TEXT NOT NULL,
            n INTEGER NOT NULL, mean REAL, sd REAL, difference REAL, low REAL, high REAL,
            p_harm REAL, p_safety REAL, level REAL, alpha REAL, margin REAL, detectable REAL,
            seed_values TEXT NOT NULL, details TEXT NOT NULL,
            PRIMARY KEY (run, test_position, position)
        ) WITHOUT ROWID""",
        "CREATE TABLE baselines (revision TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID",
    ),
)
"""The statements that lead from version i to version i + 1."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables to the newest version; inside a transaction of the caller's.

    Args:
        connection: to the database.
        version: the version that it has; 0 for an empty file.
    """
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
