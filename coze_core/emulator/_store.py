"""What the emulator remembers, in SQLite: in memory, or in a file that survives a restart."""

from __future__ import annotations

import json
import sqlite3
import weakref
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS by_parent ON documents (kind, parent, position);
CREATE TABLE IF NOT EXISTS contents (id TEXT PRIMARY KEY, content BLOB NOT NULL);
"""


class Store:
    """Documents by kind, id and parent, in the order in which they were first put.

    Args:
        path: A file, or `:memory:`.
    """

    def __init__(self, path: str) -> None:
        # Used from the emulator's own thread only; made and closed in the user's.
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        # An emulator that was never stopped leaves no open database behind.
        weakref.finalize(self, self._db.close)

    def put(self, kind: str, id: str, document: Document, *, parent: str = "") -> None:
        """Store a document, in place of the one of the same kind and id."""
        self._db.execute(
            "INSERT INTO documents (kind, id, parent, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, id, parent, json.dumps(document, ensure_ascii=False)),
        )

    def get(self, kind: str, id: str) -> Document | None:
        """Return a document, or None."""
        row = self._db.execute(
            "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def all(self, kind: str, parent: str = "") -> list[Document]:
        """Return the documents of a parent, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM documents WHERE kind = ? AND parent = ? ORDER BY position",
            (kind, parent),
        )
        return [json.loads(row[0]) for row in rows]

    def remove(self, kind: str, id: str) -> None:
        """Remove a document."""
        self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id))

    def remove_all(self, kind: str, parent: str) -> None:
        """Remove the documents of a parent."""
        self._db.execute("DELETE FROM documents WHERE kind = ? AND parent = ?", (kind, parent))

    def put_content(self, id: str, content: bytes) -> None:
        """Store the content of a file."""
        self._db.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (id, content))

    def content(self, id: str) -> bytes | None:
        """Return the content of a file, or None."""
        row = self._db.execute("SELECT content FROM contents WHERE id = ?", (id,)).fetchone()
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Close the database."""
        self._db.close()
