"""Which file of a person's goes where in a plan, and how files are described in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from intentos.errors import UsageError
from intentos.parameters import Parameter
from intentos.plan import Plan, Slot
from intentos.types import Attachment, Column, Profile, Value

NUMBERS = frozenset({"integer", "number"})
_TAKES: Mapping[str, frozenset[str]] = {
    "any": frozenset({"integer", "number", "date", "text", "empty"}),
    "number": NUMBERS,
    "ordered": NUMBERS | {"date"},
    "text": frozenset({"text", "date", "integer"}),
}
COLUMNS_SHOWN = 40


def fits(slot: Slot, attachment: Attachment) -> bool:
    """Return whether a file can be what a slot wants."""
    profile = attachment.profile
    if profile.kind != slot.kind:
        return False
    return sum(column.type in NUMBERS for column in profile.columns) >= slot.numbers


def bind(slots: Sequence[Slot], attachments: Sequence[Attachment]) -> dict[str, Attachment]:
    """Return slot → file: the file that is called like the slot, else the first one that fits.

    Raises:
        UsageError: a file that the plan cannot do without is not there, or holds too little.
    """
    free, found = list(attachments), dict[str, Attachment]()
    named = {a.key: a for a in attachments}
    for slot in sorted(slots, key=lambda slot: slot.name not in named):
        candidates = [named[slot.name]] if named.get(slot.name) in free else []
        taken = next((a for a in (*candidates, *free) if fits(slot, a)), None)
        if taken is not None:
            free.remove(taken)
            found[slot.name] = taken
        elif not slot.optional:
            raise _missing(slot, attachments)
    return found


def fitted(plan: Plan, attachments: Sequence[Attachment]) -> Plan:
    """Return the plan with the columns of the person's tables as the choices of its parameters.

    The digest stays the same. A default that is no column becomes the first fitting column that no
    earlier parameter has by default.

    Raises:
        UsageError: a file that the plan cannot do without is not there, or lacks a column.
    """
    if not plan.attachments:
        return plan
    bound = bind(plan.attachments, attachments)
    taken: set[tuple[str, Value]] = set()
    parameters = []
    for parameter in plan.parameters:
        table = parameter.table
        if table is not None and table in bound:
            parameter = _fitted(parameter, bound[table], {c for t, c in taken if t == table})
            taken.add((table, parameter.default))
        parameters.append(parameter)
    return plan.model_copy(update={"parameters": tuple(parameters)})


def columns_for(parameter: Parameter, profile: Profile) -> list[str]:
    """Return the columns of a table that a parameter may be."""
    fitting = [c for c in profile.columns if c.type in _TAKES[parameter.takes]]
    if parameter.takes == "ordered":  # time is what things are mostly seen over
        fitting.sort(key=lambda column: column.type != "date")
    return [column.name for column in fitting]


def described(attachments: Iterable[Attachment]) -> str:
    """Return what a model is told about files: their profiles, one line each, names in quotes."""
    return "\n".join(f'inputs["{a.key}"]: {_described(a.profile)}' for a in attachments)


def _fitted(parameter: Parameter, attachment: Attachment, taken: set[Value]) -> Parameter:
    choices = columns_for(parameter, attachment.profile)
    if not choices:
        raise UsageError(
            f"attachment.no_column_{'number' if parameter.takes == 'number' else 'other'}",
            name=attachment.name,
            parameter=parameter.name,
        )
    default = parameter.default
    if default not in choices:
        free = [choice for choice in choices if choice not in taken]
        default = (free or choices)[0]
    return parameter.model_copy(update={"choices": tuple(choices), "default": default})


def _missing(slot: Slot, attachments: Sequence[Attachment]) -> UsageError:
    same = next((a for a in attachments if a.profile.kind == slot.kind), None)
    if same is not None:
        return UsageError("attachment.few_numbers", name=same.name, count=slot.numbers)
    return UsageError(f"attachment.missing_{slot.kind}")


def _described(profile: Profile) -> str:
    match profile.kind:
        case "table":
            shown = ", ".join(map(_column, profile.columns[:COLUMNS_SHOWN]))
            more = len(profile.columns) - COLUMNS_SHOWN
            rest = f", and {more} more columns" if more > 0 else ""
            return f"path of a CSV file with {profile.rows} rows; its columns: {shown}{rest}"
        case "image":
            return f"path of a PNG picture of {profile.width} × {profile.height} pixels"
        case "sound":
            return (
                f"path of a WAV file of {profile.seconds:.4g} s, {profile.rate} samples a second, "
                f"{profile.channels} channels"
            )
        case "array":
            span = ""
            if profile.minimum is not None and profile.maximum is not None:
                span = f", values from {profile.minimum:.6g} to {profile.maximum:.6g}"
            return f"path of a .npy file: an array of shape {profile.shape}, {profile.dtype}{span}"
        case "document":
            names = ", ".join(f'"{c.name}"' for c in profile.columns[:COLUMNS_SHOWN])
            return f"path of a JSON file; its keys: {names}"


def _column(column: Column) -> str:
    text = f'"{column.name}" ({column.type}'
    if column.minimum is not None and column.maximum is not None:
        text += f", {_short(column.minimum)} to {_short(column.maximum)}"
    if column.missing:
        text += f", {column.missing} missing"
    return text + ")"


def _short(value: float | str) -> str:
    return value[:19] if isinstance(value, str) else f"{value:.6g}"
