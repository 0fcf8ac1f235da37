"""A state folder in which every text from outside is hostile, and what such a text would do."""

from __future__ import annotations

from pathlib import Path

from intentos.config import Settings
from intentos.events import (
    ApprovalRequested,
    ArtifactSaved,
    CheckJudged,
    PlanApproved,
    PlanProposed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from intentos.parameters import Parameter
from intentos.plan import Approval, Assumption, CheckSpec, Plan, Step
from intentos.run import RunStatus, StepResult, StepStatus
from intentos.store import Store
from intentos.types import Check, Intent, Problem, Quantity, Words, new_id, now

STRINGS = (
    "<script>pwned()</script>",
    "<img src=x onerror=pwned()>",
    "<svg onload=pwned()>",
    "<svg><script>pwned()</script></svg>",
    '"><script>pwned()</script>',
    "'><img src=x onerror=pwned()>",
    "</script><script>pwned()</script>",
    "</textarea><script>pwned()</script>",
    "</title><script>pwned()</script>",
    "</style><img src=x onerror=pwned()>",
    "<iframe srcdoc='<script>parent.pwned()</script>'></iframe>",
    "<iframe src=javascript:parent.pwned()>",
    "<a href=javascript:pwned()>click</a>",
    "[click](javascript:pwned())",
    '![x](x" onerror="pwned())',
    "<details open ontoggle=pwned()>",
    "<input autofocus onfocus=pwned()>",
    "<body onload=pwned()>",
    "<math><mtext><img src=x onerror=pwned()></mtext></math>",
    "<object data=javascript:pwned()>",
    "<embed src=javascript:pwned()>",
    "<video><source onerror=pwned()>",
    "{{constructor.constructor('pwned()')()}}",
    "${pwned()}",
    "`+pwned()+`",
    "');pwned();('",
    '\\");pwned();//',
    "<!--><script>pwned()</script>-->",
    "<x v-html=\"constructor.constructor('pwned()')()\" :onclick=pwned()>",
    '\u202e<b onmouseover=pwned()>\u2066 =HYPERLINK("javascript:pwned()")',
)


def hostile_home(settings: Settings) -> list[str]:
    """Fill a state folder with one conversation for each string; return their ids."""
    store = Store(settings)
    ids = [_conversation(store, text) for text in STRINGS]
    store.close()
    return ids


def _conversation(store: Store, text: str) -> str:
    conversation = new_id()
    _run(store, conversation, text, "completed")
    _run(store, conversation, text, "failed")
    _run(store, conversation, text, "waiting")
    return conversation


def _plan(text: str) -> Plan:
    words = Words(en=text, zh=text)
    return Plan(
        title=words,
        interpretation=words,
        assumptions=(Assumption(text=words), Assumption(text=words, parameter="size")),
        parameters=(
            Parameter(
                name="size", label=words, default=3, minimum=1, maximum=9, unit=text[:40], live=True
            ),
            Parameter(name="kind", label=words, kind="choice", default=text, choices=(text, "b")),
            Parameter(name="note", label=words, kind="text", default=text),
            Parameter(name="rule", label=words, kind="expression", default=text),
        ),
        steps=(Step(id="work", title=words, language="python", code=f"print({text!r})  # {text}"),),
        checks=(CheckSpec(name=text, title=words, expect="1 > 0"),),
        answer=words,
        origin="generated",
        planner=text,
        model=text,
    )


def _run(store: Store, conversation: str, text: str, kind: str) -> None:
    run, plan, words = new_id(), _plan(text), Words(en=text, zh=text)
    intent = Intent(text=text, language="en", conversation=conversation)
    store.append(RunStarted(run_id=run, intent=intent, seed=7))
    values = plan.defaults
    store.append(PlanProposed(run_id=run, plan=plan, values=values))
    store.append(ApprovalRequested(run_id=run, plan_digest=plan.digest, why="policy.why_generated"))
    if kind == "waiting":
        return
    approval = Approval(
        plan_digest=plan.digest, decision="approve", by=text, scope="once", words=words, reason=text
    )
    store.append(PlanApproved(run_id=run, approval=approval))
    store.append(StepStarted(run_id=run, step_id="work", executor=text, isolation="sandbox"))
    name = text.replace("/", "_").replace("\\", "_")[:150]
    table = f'"{text.replace(chr(34), chr(34) * 2)}",n\n' * 3
    artifacts = [
        store.put(table.encode(), name=f"{name}.csv", media_type="text/csv", step_id="work"),
        store.put(text.encode(), name=f"{name}.html", media_type="text/html", step_id="work"),
        store.put(
            f'<svg xmlns="http://www.w3.org/2000/svg">{text}<script>top.pwned()</script></svg>'.encode(),
            name=f"{name}.svg",
            media_type="image/svg+xml",
            step_id="work",
        ),
        store.put(
            f'{{"a": "{text[:3]}"}}'.encode(),
            name=f"{name}.json",
            media_type="application/json",
            step_id="work",
        ),
        store.put(text.encode(), name=f"{name}.txt", media_type="text/plain", step_id="work"),
    ]
    for artifact in artifacts:
        store.append(ArtifactSaved(run_id=run, artifact=artifact))
    failed = kind == "failed"
    problem = Problem(code="executor.failed", arguments={"what": text})
    store.append(
        StepFinished(
            run_id=run,
            result=StepResult(
                step_id="work",
                executor=text,
                node=text,
                status=StepStatus.FAILED if failed else StepStatus.OK,
                stdout=text,
                stderr=text,
                values={"size": Quantity(value=text, unit=text)},
                artifacts=tuple(artifacts),
                error=problem if failed else None,
                note=problem,
                device=text,
                versions={text: text},
                started_at=now(),
                finished_at=now(),
            ),
        )
    )
    check = Check(name=text, title=words, kind="oracle", status="passed", detail=text)
    store.append(CheckJudged(run_id=run, check=check))
    store.append(
        RunFinished(
            run_id=run,
            status=RunStatus.FAILED if failed else RunStatus.COMPLETED,
            badge=None if failed else "plausible",
            doubts=(problem,),
            answer=text,
            error=problem if failed else None,
        )
    )


def recipe_file(folder: Path, text: str, number: int) -> None:
    """Write a recipe of the person's own whose every word is hostile."""
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    words = {"en": text, "zh": text}
    recipe = {
        "schema": 1,
        "id": f"hostile_{number}",
        "title": words,
        "description": words,
        "phrasings": {
            "en": [f"{text} {n}" for n in range(4)],
            "zh": [f"{text} {n}" for n in range(4)],
        },
        "interpretation": words,
        "parameters": [],
        "steps": [{"id": "work", "title": words, "language": "python", "code": "print(1)"}],
        "answer": words,
    }
    (folder / f"hostile_{number}.yaml").write_text(yaml.safe_dump(recipe), "utf-8")
