"""What holds beyond one run: yeses to exact plans, and the rules that a person said always to."""

from __future__ import annotations

from pydantic import ValidationError

from intentos.database import Database
from intentos.errors import StoreError
from intentos.plan import Approval
from intentos.rules import Rule


class Standing:
    """Reads and changes what stands in one state folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def approval(self, digest: str) -> Approval | None:
        """Return the newest approval that lets a plan run again without asking."""
        rows = self._database.rows(
            "SELECT body FROM approvals WHERE plan_digest = ? ORDER BY at DESC", digest
        )
        return next((found for (body,) in rows if (found := _standing(body))), None)

    def approvals(self) -> list[tuple[Approval, str]]:
        """Return the approvals by which plans run again without asking, the newest of each plan
        first, and the runs in which they were given."""
        given = self._database.rows(
            "SELECT json_extract(body, '$.approval.plan_digest'), run_id FROM events "
            "WHERE kind = 'plan_approved' ORDER BY at"
        )
        runs = {digest: run_id for digest, run_id in given}
        found: dict[str, Approval] = {}
        for (body,) in self._database.rows("SELECT body FROM approvals ORDER BY at DESC"):
            if approval := _standing(body):
                found.setdefault(approval.plan_digest, approval)
        return [(approval, runs.get(digest, "")) for digest, approval in found.items()]

    def rules(self) -> list[Rule]:
        """Return the rules that hold, the oldest first.

        Raises:
            StoreError: one of them cannot be read.
        """
        try:
            rows = self._database.rows("SELECT body FROM rules ORDER BY at, id")
            return [Rule.model_validate_json(body) for (body,) in rows]
        except ValidationError as error:
            what = error.errors(include_url=False)[0]["msg"]
            raise StoreError("rules.damaged", what=what) from error

    def remember(self, rule: Rule) -> None:
        """Let a rule hold from now on; one of the same scope stays as it is.

        Raises:
            StoreError: it cannot be written.
        """
        with self._database.transaction() as database:
            row = (rule.id, rule.at.isoformat(), rule.model_dump_json())
            database.execute("INSERT OR IGNORE INTO rules VALUES (?, ?, ?)", row)

    def forget(self, name: str) -> int:
        """Let a rule, or all approvals of a plan, hold no longer; runs keep what they were
        approved by. Return how many are meant by the beginning of an id or digest; where that is
        not one, nothing is forgotten.

        Raises:
            StoreError: it cannot be written.
        """
        name = name.encode("utf-8", "replace").decode()  # the shell's odd bytes name nothing
        meant = "substr({0}, 1, length(?1)) = ?1 AND ?1 <> ''"
        with self._database.transaction() as database:
            found = [
                (table, column, key)
                for table, column in (("rules", "id"), ("approvals", "plan_digest"))
                for (key,) in database.execute(
                    f"SELECT DISTINCT {column} FROM {table} WHERE {meant.format(column)}", (name,)
                )
            ]
            if len(found) == 1:
                ((table, column, key),) = found
                database.execute(f"DELETE FROM {table} WHERE {column} = ?", (key,))
        return len(found)


def _standing(body: str) -> Approval | None:
    approval = Approval.model_validate_json(body)
    return approval if approval.scope == "plan" and approval.decision == "approve" else None
