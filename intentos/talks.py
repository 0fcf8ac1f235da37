"""Conversations: which runs belong together, as one person said them one after another."""

from __future__ import annotations

from typing import NamedTuple

from intentos.database import Database


class Talk(NamedTuple):
    """A conversation as lists show it."""

    id: str
    title: str
    """What was said first."""
    at: str
    """When something was said last, as ISO text in UTC."""
    runs: int
    latest: str
    """The id of the run that was begun last."""


_SAID = """
    SELECT run_id, at, runs.rowid AS place,
           json_extract(body, '$.intent.conversation') AS talk,
           json_extract(body, '$.intent.text') AS text
    FROM events JOIN runs USING (run_id)
    WHERE kind = 'run_started' AND json_valid(body)
"""


class Talks:
    """Reads the conversations of one state folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def every(self, search: str = "", limit: int = 100) -> list[Talk]:
        """Return the conversations in which a text was said, the newest first; empty: any."""
        pattern = "".join(f"\\{c}" if c in "%_\\" else c for c in search.strip())
        rows = self._database.rows(
            f"""
            WITH said AS ({_SAID})
            SELECT talk, (SELECT text FROM said AS s WHERE s.talk = said.talk ORDER BY place),
                   max(at), count(*), max(run_id)
            FROM said GROUP BY talk
            HAVING ?1 = '' OR max(text LIKE '%' || ?1 || '%' ESCAPE '\\')
            ORDER BY max(place) DESC LIMIT ?2
            """,
            pattern,
            limit,
        )
        return [Talk(*row) for row in rows]

    def runs(self, talk: str) -> list[str]:
        """Return the ids of a conversation's runs, the oldest first."""
        query = f"SELECT run_id FROM ({_SAID}) WHERE talk = ? ORDER BY place"
        return [run_id for (run_id,) in self._database.rows(query, talk)]
