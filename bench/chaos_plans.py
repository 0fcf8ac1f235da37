"""Plans of every sort, small enough to be killed a hundred times."""

from __future__ import annotations

from pathlib import Path

from intentos.plan import Plan, Slot, Step
from intentos.plan_file import dump_plan
from intentos.types import Words

_FILM = Step(
    id="live",
    language="kernel",
    code="automaton",
    arguments={"rule": "B3/S23", "start": "random", "density": 0.4, "columns": "128", "frames": 60},
    needs=frozenset({"gpu"}),
)
_NUMBERS = """
import time
import numpy as np
random = np.random.default_rng(parameters.get("seed", 1))
field = random.normal(size=(400, 400))
for part in range(8):
    field = field @ field.T / 400
    save(f"part{part}.npy", field)
    progress((part + 1) / 8)
    time.sleep(0.05)
report("mean", float(field.mean()), "")
"""
_TABLE = """
import csv, io
rows = [(i, i * i, i ** 0.5) for i in range(20_000)]
text = io.StringIO()
csv.writer(text).writerows([("n", "square", "root"), *rows])
save("table.csv", text.getvalue().encode())
report("rows", len(rows), "")
"""
_SUM = """
import csv
with open(inputs["table"], newline="") as file:
    rows = list(csv.DictReader(file))
total = sum(float(row["square"]) for row in rows)
save("sum.csv", f"total\\n{total}\\n".encode())
report("total", total, "")
"""

PLANS: dict[str, tuple[tuple[Step, ...], bool]] = {
    "film": ((_FILM,), False),
    "python": ((Step(id="numbers", language="python", code=_NUMBERS),), False),
    "csv": (
        (Step(id="sum", language="python", code=_SUM, inputs={"table": "attachment/table"}),),
        True,
    ),
    "several": (
        (
            Step(id="table", language="python", code=_TABLE, outputs=("table.csv",)),
            Step(id="sum", language="python", code=_SUM, inputs={"table": "table/table.csv"}),
            _FILM,
        ),
        False,
    ),
}
"""Name → steps, and whether the plan works on an attached table."""


def write(folder: Path) -> dict[str, tuple[Path, list[Path]]]:
    """Write the plans as files; return name → plan and what to attach."""
    table = folder / "table.csv"
    lines = "".join(f"{n},{n * n},{n**0.5}\n" for n in range(5000))
    table.write_text("n,square,root\n" + lines, "utf-8")
    found = {}
    for name, (steps, attached) in PLANS.items():
        plan = Plan(
            title=Words(en=f"Chaos: {name}", zh=f"混沌：{name}"),
            interpretation=Words(en="Runs until it is killed.", zh="运行到被杀死为止。"),
            steps=steps,
            attachments=(Slot(name="table", kind="table"),) if attached else (),
            origin="edited",
        )
        path = folder / f"{name}.yaml"
        path.write_text(dump_plan(plan, {}), "utf-8")
        found[name] = (path, [table] if attached else [])
    return found
