"""The hub's book: members, invites, what came of every job, who is owed what, and the record of it.

A job's outcome, its payment and its line in the record are one SQLite transaction under the job's
unique key: however often a job is delivered again, it counts once. Many outcomes are settled in one
transaction, because what costs is forcing the disk, not the rows. The record is a chain of hashes;
its head is signed, and nodes keep the heads that they were given.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from intentos.errors import StoreError
from intentos.types import Json, canonical_json, now, sha256

from .book_tables import migrate
from .findings import Finding, keep
from .trust import READMITTED, StandingRow
from .wire import Correction, Entry, Outcome

KEEP_JOBS_SECONDS = 24 * 3600.0
"""How long a job is kept to be done again, should who did it turn out to lie: its inputs lie at the
hub as long."""
NOTHING = "0" * 64
"""What the first line of the record comes after."""


class Member(NamedTuple):
    """Somebody whose key was let in."""

    id: str
    owner: str
    name: str
    role: str
    revoked: bool


class Book:
    """One SQLite file; used by one process's threads in turn, and by other processes."""

    def __init__(self, path: Path) -> None:
        """Open it, making and migrating it where needed.

        Raises:
            StoreError: it cannot be opened, or a newer version of the program made it.
        """
        self._path = path
        self._lock = threading.Lock()
        self._version: object = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA fullfsync = ON")
        except (sqlite3.Error, OSError) as error:
            raise StoreError("store.cannot_open", path=str(path), what=str(error)) from error
        with self._writing() as database:
            migrate(database, path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def changed(self) -> bool:
        """Return whether another process has written since this was last asked."""
        version = self._rows("PRAGMA data_version")[0][0]
        before, self._version = self._version, version
        return bool(before != version)

    # ---- members and invites ----------------------------------------------------------------

    def members(self) -> list[Member]:
        """Return everybody who was ever let in."""
        rows = self._rows("SELECT id, owner, name, role, revoked FROM members")
        return [
            Member(id, owner, name, role, out is not None) for id, owner, name, role, out in rows
        ]

    def add_member(self, id: str, *, owner: str, name: str, role: str) -> None:
        """Let a key in without an invite: the hub's own machine."""
        with self._writing() as database:
            _add_member(database, id, owner, name, role)

    def revoke(self, id: str, why: str) -> bool:
        """Let a key in no more; False: it was not."""
        with self._writing() as database:
            found = database.execute(
                "UPDATE members SET revoked = ? WHERE id = ? AND revoked IS NULL",
                (now().isoformat(), id),
            ).rowcount
            if found:
                _write_down(database, [("revoked", {"member": id, "why": why})])
        return bool(found)

    def add_invite(self, hash: str, *, owner: str, role: str, until: float) -> None:
        """Keep an invite by the hash of its token."""
        with self._writing() as database:
            database.execute(
                "INSERT INTO invites VALUES (?, ?, ?, ?, NULL, NULL)", (hash, owner, role, until)
            )
            _write_down(database, [("invited", {"invite": hash, "owner": owner, "role": role})])

    def redeem(self, hash: str, *, member: str, name: str, at: float) -> Member | str:
        """Let in the first key that comes with an invite; or say why not.

        The same key may come again until the invite runs out: its first answer may have been lost.
        """
        with self._writing() as database:
            row = database.execute(
                "SELECT owner, role, until, member FROM invites WHERE hash = ?", (hash,)
            ).fetchone()
            if row is None:
                return "unknown"
            owner, role, until, bound = row
            if bound is not None and bound != member:
                return "used"
            if at > until:
                return "expired"
            known = database.execute(
                "SELECT revoked FROM members WHERE id = ?", (member,)
            ).fetchone()
            if known is not None and known[0] is not None:
                return "revoked"
            if bound is None:
                database.execute(
                    "UPDATE invites SET member = ?, used = ? WHERE hash = ?",
                    (member, now().isoformat(), hash),
                )
            if known is None:
                _add_member(database, member, owner, name, role)
        return Member(member, owner, name, role, revoked=False)

    # ---- jobs -------------------------------------------------------------------------------

    def settle(
        self, findings: Sequence[Finding], standings: Sequence[StandingRow] = ()
    ) -> list[bool]:
        """Write down what came of jobs and nodes, all in one transaction; True: it was new."""
        if not findings:
            return []
        with self._writing() as database:
            lines: list[tuple[str, Json]] = []
            new = [keep(database, finding, lines) for finding in findings]
            for row in standings:
                database.execute(
                    "INSERT OR REPLACE INTO standings VALUES (?, ?, ?, ?, ?)",
                    (*row[:4], " ".join(row.aside)),
                )
            _write_down(database, lines)
        return new

    def outcome(self, submitter: str, key: str) -> Outcome | None:
        """Return what came of a job; None: it is not over."""
        rows = self._rows(
            "SELECT outcome FROM jobs WHERE submitter = ? AND key = ?", submitter, key
        )
        return Outcome.model_validate_json(rows[0][0]) if rows else None

    def balances(self) -> dict[str, float]:
        """Return, by owner, the seconds that others were lent less those that were taken."""
        found: dict[str, float] = {}
        for giver, taker, seconds in self._rows(
            "SELECT to_owner, from_owner, seconds FROM payments WHERE to_owner <> from_owner"
        ):
            found[giver] = found.get(giver, 0.0) + seconds
            found[taker] = found.get(taker, 0.0) - seconds
        return found

    # ---- trust -------------------------------------------------------------------------------

    def standings(self) -> list[StandingRow]:
        """Return what is known of the nodes."""
        rows = self._rows("SELECT node, verified, doubts, ejected, aside FROM standings")
        return [StandingRow(row[0], row[1], row[2], row[3], tuple(row[4].split())) for row in rows]

    def readmit(self, node: str) -> bool:
        """Give a node work again, as to a newcomer; False: it was neither out nor set aside."""
        with self._writing() as database:
            found = database.execute(
                "UPDATE standings SET verified = 0, doubts = ?, ejected = '', aside = '' "
                "WHERE node = ? AND (ejected <> '' OR aside <> '')",
                (READMITTED, node),
            ).rowcount
            if found:
                _write_down(database, [("readmitted", {"node": node})])
        return bool(found)

    def unvouched(self, node: str, kind: str = "") -> list[tuple[str, str, str]]:
        """Return (submitter, key, job) of what a node vouched for and nobody of good standing.

        ``kind``: only of that kind of work.
        """
        rows: list[tuple[str, str, str]] = self._rows(
            "SELECT j.submitter, j.key, j.job FROM vouchers v "
            "JOIN settled_jobs j ON j.submitter = v.submitter AND j.key = v.key "
            "WHERE v.node = ? AND (? = '' OR j.kind = ?) AND NOT EXISTS ("
            " SELECT 1 FROM vouchers o LEFT JOIN standings s ON s.node = o.node"
            " WHERE o.submitter = v.submitter AND o.key = v.key AND coalesce(s.ejected, '') = ''"
            " AND instr(' ' || coalesce(s.aside, '') || ' ', ' ' || j.kind || ' ') = 0)",
            node,
            kind,
            kind,
        )
        return rows

    def kept_job(self, submitter: str, key: str) -> tuple[str, frozenset[str]] | None:
        """Return a settled job and who vouches for it, where it is kept to be done again."""
        where = "WHERE submitter = ? AND key = ?"
        rows = self._rows(f"SELECT job FROM settled_jobs {where}", submitter, key)
        nodes = self._rows(f"SELECT node FROM vouchers {where}", submitter, key)
        return (rows[0][0], frozenset(row[0] for row in nodes)) if rows else None

    def doubted(self, submitter: str, key: str) -> bool:
        """Return whether somebody has said that they do not believe a result."""
        known = "SELECT 1 FROM doubts WHERE submitter = ? AND key = ?"
        return bool(self._rows(known, submitter, key))

    def doubt(self, member: Member, key: str, *, since: float, most: int) -> bool:
        """Write that down; False: their owner has done so as often since then as they may."""
        with self._writing() as database:
            (count,) = database.execute(
                "SELECT count(*) FROM doubts WHERE owner = ? AND at > ?", (member.owner, since)
            ).fetchone()
            if count >= most:
                return False
            row = (member.id, key, member.owner, time.time())
            if database.execute("INSERT OR IGNORE INTO doubts VALUES (?, ?, ?, ?)", row).rowcount:
                _write_down(database, [("doubted", {"submitter": member.id, "key": key})])
        return True

    def corrections(self, submitter: str, since: int, most: int = 500) -> list[Correction]:
        """Return which of somebody's results turned out wrong after ``since``, in order."""
        rows = self._rows(
            "SELECT seq, key, at, node, what FROM corrections WHERE submitter = ? AND seq > ? "
            "ORDER BY seq LIMIT ?",
            submitter,
            since,
            most,
        )
        names = ("seq", "key", "at", "node", "what")
        return [Correction.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    def forget_jobs(self, before: float) -> None:
        """Remove the jobs that are too old to be done again."""
        with self._writing() as database:
            database.execute("DELETE FROM settled_jobs WHERE at < ?", (before,))
            database.execute(
                "DELETE FROM vouchers WHERE NOT EXISTS (SELECT 1 FROM settled_jobs j WHERE "
                "j.submitter = vouchers.submitter AND j.key = vouchers.key)"
            )
            database.execute("DELETE FROM doubts WHERE at < ?", (before,))

    # ---- the record --------------------------------------------------------------------------

    def note(self, what: str, body: Json) -> None:
        """Add a line to the record."""
        with self._writing() as database:
            _write_down(database, [(what, body)])

    def head(self) -> tuple[int, str]:
        """Return number and hash of the last line; 0 before the first."""
        return _head(self._connection, self._lock)

    def entries(self, since: int, most: int = 500) -> list[Entry]:
        """Return lines after ``since``, in order."""
        rows = self._rows(
            "SELECT seq, at, what, body, previous, hash FROM record WHERE seq > ? "
            "ORDER BY seq LIMIT ?",
            since,
            most,
        )
        names = ("seq", "at", "what", "body", "previous", "hash")
        return [Entry.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    def last(self, what: str) -> Entry | None:
        """Return the newest line of a kind; None: there is none."""
        rows = self._rows("SELECT coalesce(max(seq), 0) FROM record WHERE what = ?", what)
        return self.entries(rows[0][0] - 1, 1)[0] if rows[0][0] else None

    # ---- blobs --------------------------------------------------------------------------------

    def add_blob(self, digest: str, *, owner: str, size: int, at: float) -> None:
        """Write down that an owner has put bytes here."""
        with self._writing() as database:
            database.execute(
                "INSERT INTO blobs VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
                (digest, owner, size, at),
            )

    def blob(self, digest: str, owner: str) -> int | None:
        """Return the size of bytes that this owner has put here or was left; None: neither."""
        rows = self._rows("SELECT size FROM blobs WHERE sha256 = ? AND owner = ?", digest, owner)
        return rows[0][0] if rows else None

    def blob_bytes(self, owner: str) -> int:
        """Return how much of an owner's lies here."""
        return int(
            self._rows("SELECT coalesce(sum(size), 0) FROM blobs WHERE owner = ?", owner)[0][0]
        )

    def forget_blobs(self, before: float) -> list[str]:
        """Remove what is older; return the hashes that nobody has any more."""
        with self._writing() as database:
            old = {
                row[0]
                for row in database.execute("SELECT sha256 FROM blobs WHERE at < ?", (before,))
            }
            database.execute("DELETE FROM blobs WHERE at < ?", (before,))
            kept = {row[0] for row in database.execute("SELECT DISTINCT sha256 FROM blobs")}
        return sorted(old - kept)

    # -------------------------------------------------------------------------------------------

    def _rows(self, query: str, *arguments: object) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(query, arguments).fetchall()
        except sqlite3.Error as error:
            raise StoreError("store.broken", path=str(self._path), what=str(error)) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                code = "store.no_space" if "full" in str(error) else "store.cannot_write"
                told = {"name": "book", "path": str(self._path), "what": str(error)}
                raise StoreError(code, **told) from error


def chained(entries: Iterable[Entry], *, after: tuple[int, str] = (0, NOTHING)) -> int | None:
    """Return the number of the first line that does not follow from the one before; None: all do.

    ``after``: number and hash of the line that they come after.
    """
    number, last = after
    for entry in entries:
        number += 1
        expected = _hash(entry.seq, entry.at, entry.what, entry.body, last)
        if (entry.seq, entry.previous, entry.hash) != (number, last, expected):
            return number
        last = entry.hash
    return None


def _hash(seq: int, at: str, what: str, body: str, previous: str) -> str:
    return sha256(canonical_json([seq, at, what, body, previous]))


def _head(connection: sqlite3.Connection, lock: threading.Lock) -> tuple[int, str]:
    with lock:
        row = connection.execute("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1")
        return row.fetchone() or (0, NOTHING)


def _write_down(database: sqlite3.Connection, lines: Iterable[tuple[str, Json]]) -> None:
    """Add lines to the record, inside a transaction of the caller's."""
    row = database.execute("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1").fetchone()
    seq, last = row or (0, NOTHING)
    at = now().isoformat()
    for what, body in lines:
        seq += 1
        text = canonical_json(body).decode()
        digest = _hash(seq, at, what, text, last)
        database.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", (seq, at, what, text, last, digest)
        )
        last = digest


def _add_member(database: sqlite3.Connection, id: str, owner: str, name: str, role: str) -> None:
    database.execute(
        "INSERT OR IGNORE INTO members VALUES (?, ?, ?, ?, ?, NULL)",
        (id, owner, name, role, now().isoformat()),
    )
    _write_down(database, [("joined", {"member": id, "owner": owner, "role": role})])
