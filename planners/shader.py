"""Moving pictures as WGSL: the model writes functions, the host builds the program around them.

The interface is locked: ``fn shade(uv: vec2f, t: f32) -> vec3f``. Bindings, entry points and the
pixel buffer are the host's; loops are bounded. Only models whose profile allows it are asked.
What the compiler complains about is fed back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources

from intentos.errors import PlanningError
from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.protocols import PlanningContext, Proposal
from intentos.run import StepResult, StepStatus
from intentos.types import Intent, Words

from .model import Model, Prompt

ATTEMPTS = 3
MAX_TOKENS = 1500
ROUNDS = 512
"""Of one loop."""
ALL_ROUNDS = 4096
"""Of loops inside one another."""
WIDTH, HEIGHT, FRAMES, RATE = 640, 400, 120, 30
PICTURE, PROGRAM = "film", "program"
_SHAPE = re.compile(r"Task: (.*)\n```(?:wgsl)?\n(.*?)```", re.DOTALL)
_GRAMMAR = r"""
root ::= "Task: " [^\n`]{2,300} "\n```wgsl\n" [^`]{20,6000} "```"
"""
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_FORBIDDEN = (
    (r"@", "attributes such as @compute"),
    (r"\b(loop|while)\b", "loops without a bound; write for (var i = 0; i < 40; i++)"),
    (r"\b(uniforms|pixels)\b", "the host's own uniforms and pixels"),
    (r"\bhost_\w*", "names that begin with host_"),
    (r"\bvar\s*<", "variables of the module"),
    (r"\b(override|enable|requires|diagnostic|alias)\b", "declarations other than fn and const"),
    (r"\b(texture\w*|sampler\w*|atomic\w*|workgroup\w*|storage\w*)\b", "textures and buffers"),
)
_FOR = re.compile(
    r"\bfor\s*\(\s*var\s+(\w+)\s*(?::\s*[iu]32)?\s*=\s*(\d+)[iu]?\s*;"
    r"\s*(\w+)\s*(<=?)\s*(\d+)[iu]?\s*;\s*(\w+)\s*(?:\+\+|\+=\s*(\d+)[iu]?)\s*\)\s*\{"
)
_CONST = re.compile(
    r"^[ \t]*const\s+([a-z]\w{0,40})\s*(?::\s*f32)?\s*=\s*(-?\d+\.\d*(?:e-?\d+)?)f?\s*;[ \t]*\n?",
    re.MULTILINE,
)
_DRAW = """
@compute @workgroup_size(8, 8) fn host_draw(@builtin(global_invocation_id) host_id: vec3u) {
  if (host_id.x >= uniforms.width || host_id.y >= uniforms.height) { return; }
  let host_size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let host_place = (vec2f(host_id.xy) + 0.5) * 2.0 - host_size;
  let host_uv = vec2f(host_place.x, -host_place.y) / min(host_size.x, host_size.y);
  let host_seen = shade(host_uv, f32(uniforms.frame) / RATE);
  let host_c = vec3u(clamp(host_seen, vec3f(0.0), vec3f(1.0)) * 255.0 + 0.5);
  pixels[host_id.y * uniforms.width + host_id.x] =
    host_c.x | (host_c.y << 8u) | (host_c.z << 16u) | 0xff000000u;
}
""".replace("RATE", f"{RATE}.0")


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/shader.md").read_text("utf-8")


def trusted(model: Model) -> bool:
    """Return whether a model may write shaders."""
    return "wgsl" in model.profile.trusted


async def wanted(intent: Intent, model: Model) -> tuple[bool, int]:
    """Return whether the wish is for a moving picture, and the tokens that it took to know."""
    choice = await model.choose(
        Prompt(
            system="You sort wishes. Answer with one word: film, for something to be looked at "
            "that moves and has a look of its own; program, for a number, a text, a diagram, a "
            "plot, or anything that must be exact.",
            user=f"Wish: {' '.join(intent.text.split())[:600]}",
            prefill='{"kind": "',
        ),
        [PICTURE, PROGRAM],
    )
    return choice.name == PICTURE, choice.tokens


async def shaded(
    intent: Intent, model: Model, context: PlanningContext, on_text: Callable[[str], None]
) -> Proposal:
    """Return a plan with one WGSL step around the functions that the model wrote.

    Raises:
        PlanningError: neither they nor their repairs compile; the message holds the last error.
        ModelUnavailable: the model cannot be used.
    """
    wrong, body, tokens = "", "", 0
    for _ in range(ATTEMPTS):
        user = f"Wish: {' '.join(intent.text.split())}"
        if wrong:
            user += (
                f"\n\nThis code for it does not work:\n```wgsl\n{body}```\n"
                f"Its error: {wrong[-500:]}\nWrite the whole answer again, corrected."
            )
        done = await model.complete(
            Prompt(system=system(), user=user),
            grammar=_GRAMMAR,
            shape=_SHAPE,
            max_tokens=MAX_TOKENS,
            on_text=on_text,
        )
        tokens += done.tokens
        match = _SHAPE.match(done.text)
        if match is None:
            wrong = "the answer is not a Task line and one block of code"
            continue
        task, body = match[1].strip(), match[2]
        wrong = complaint(body) or ""
        if wrong:
            continue
        plan = assemble(task, body, intent, model.name)
        if context.trial is None:
            return Proposal(plan=plan, values=plan.defaults, tokens=tokens)
        result = await context.trial(plan.steps[0], plan.defaults | {"frames": 8})
        if result.status is StepStatus.OK:
            return Proposal(plan=plan, values=plan.defaults, tokens=tokens)
        wrong = _told(result)
    raise PlanningError("planning.program_fails", what=wrong.splitlines()[0][:200].rstrip("."))


def complaint(body: str) -> str | None:
    """Return what the locked interface does not allow of a body, in words for the model."""
    code = _COMMENT.sub(" ", body)
    for pattern, what in _FORBIDDEN:
        if match := re.search(pattern, code):
            return f"{match[0]!r}: {what} cannot be used"
    if len(re.findall(r"\bfn\s+shade\s*\(\s*\w+\s*:\s*vec2f\s*,\s*\w+\s*:\s*f32\s*\)", code)) != 1:
        return "there must be one function: fn shade(uv: vec2f, t: f32) -> vec3f"
    return next(_loops(code), None)


def assemble(task: str, body: str, intent: Intent, model: str) -> Plan:
    """Return the functions as a plan; named numbers become knobs that turn while it runs."""
    source, knobs = _with_uniforms(body)
    zh = intent.language == "zh"
    shown = task.replace("{", "(").replace("}", ")")
    size = {"width": WIDTH, "height": HEIGHT}
    frames = Parameter(
        name="frames",
        label=Words(en="Frames", zh="帧数"),
        kind="integer",
        default=FRAMES,
        minimum=2,
        maximum=1200,
        work=True,
        aliases=("frames", "帧"),
    )
    step = Step(
        id="shade",
        title=Words(en="Draw every pixel", zh="逐像素绘制"),
        language="wgsl",
        code=source + _DRAW,
        arguments={
            **size,
            "frames": "$frames",
            "frames_per_second": RATE,
            "uniforms": [{"name": k.name, "value": f"${k.name}"} for k in knobs],
            "buffers": [{"name": "pixels", "type": "u32", "length": WIDTH * HEIGHT}],
            "draw": [{"entry": "host_draw", "dispatch": [-(-WIDTH // 8), -(-HEIGHT // 8), 1]}],
        },
        needs=frozenset({"gpu"}),
    )
    title = intent.text[:80].replace("{", "(").replace("}", ")")
    return Plan(
        title=Words(zh=title) if zh else Words(en=title),
        interpretation=Words(zh=shown) if zh else Words(en=shown),
        parameters=(*knobs, frames),
        steps=(step,),
        answer=Words(en="The film is ready.", zh="影片已画好。"),
        origin="generated",
        planner="default",
        model=model,
    )


def _loops(code: str) -> Iterator[str]:
    """Yield what is wrong with the loops: each counts to a number, and nobody else moves it."""
    heads = list(_FOR.finditer(code))
    if len(heads) != len(re.findall(r"\bfor\b", code)):
        yield "a for loop must count from a number to a number: for (var i = 0; i < 40; i++)"
        return
    spans = []
    for head in heads:
        name, start, tested, _, end, moved, by = head.groups()
        body = _block(code, head.end())
        if not name == tested == moved:
            yield f"the loop over {name} must test and move {name}"
        elif re.search(rf"\b{name}\s*(=[^=]|[-+*/]=|\+\+|--)", body):
            yield f"the loop variable {name} must not be changed inside the loop"
        rounds = (int(end) - int(start)) // max(1, int(by or 1)) + 1
        if rounds > ROUNDS or by == "0":
            yield f"the loop over {name} has {rounds} rounds; at most {ROUNDS} are allowed"
        spans.append((head.start(), head.end() + len(body), max(1, rounds)))
    for begin, _, rounds in spans:
        for outer_begin, outer_end, outer in spans:
            if outer_begin < begin < outer_end:
                rounds *= outer
        if rounds > ALL_ROUNDS:
            yield f"loops inside one another have {rounds} rounds; at most {ALL_ROUNDS} are allowed"


def _block(code: str, start: int) -> str:
    depth = 1
    for index in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[index], 0)
        if depth == 0:
            return code[start:index]
    return code[start:]


def _with_uniforms(body: str) -> tuple[str, Sequence[Parameter]]:
    """Return the code with its constants read from uniforms, and the parameters for them."""
    code = _COMMENT.sub(" ", body)
    knobs = []
    for name, number in _CONST.findall(code):
        rest = _CONST.sub("", code)
        if name == "frames" or re.search(rf"\bconst\b[^;]*\b{name}\b", rest):
            continue  # another constant is made of it
        if re.search(rf"\b(let|var|const|fn)\s+{name}\b|[(,]\s*{name}\s*:", rest):
            continue  # something else bears its name
        value = float(number)
        reach = max(abs(value) * 5, 1.0)
        knobs.append(
            Parameter(
                name=name,
                label=Words(en=name.replace("_", " ").capitalize(), zh=name.replace("_", " ")),
                default=value,
                minimum=-reach if value < 0 else 0,
                maximum=0 if value < 0 else reach,
                live=True,
                aliases=(name.replace("_", " "),),
            )
        )
    for knob in knobs:
        code = re.sub(rf"(?m)^[ \t]*const\s+{knob.name}\b[^;]*;[ \t]*\n?", "", code)
        code = re.sub(rf"(?<![.\w]){knob.name}\b", f"uniforms.{knob.name}", code)
    return code, knobs


def _told(result: StepResult) -> str:
    problem = result.error.text("en") if result.error else ""
    return f"{problem}\n{result.stderr[-300:]}".strip() or str(result.status)
