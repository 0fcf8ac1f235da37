"""Plans and recipes as YAML text: read, located and written.

A narrow, predictable YAML: one mapping, text keys, no anchors, no tags, no second meaning of a
key; only ``true`` and ``false`` are booleans and ``1e5`` is a number. Errors name the line and
column. ``write_document`` writes what ``read_document`` reads back unchanged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from intentos.errors import InvalidPlan
from intentos.types import Json

MAX_CHARACTERS = 4_000_000
MAX_DEPTH = 60

M = TypeVar("M", bound=BaseModel)

_FLOAT = r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9][0-9_]*\.?(?:[eE][-+]?[0-9]+)?"
_RESOLVERS = (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", rf"{_FLOAT}|[-+]?\.inf|\.nan", list("-+0123456789.")),
)


def read_document(text: str, source: str) -> dict[str, Json]:
    """Return the one mapping that a YAML text holds; JSON is YAML too.

    Raises:
        InvalidPlan: ``document.syntax`` with source, line, column and what is wrong; or
            ``document.too_long``.
    """
    return _mapping(_compose(text, source), source)


def validate(model: type[M], data: Json, *, text: str, source: str) -> M:
    """Return ``data``, which was read from ``text``, as a model.

    Raises:
        InvalidPlan: ``document.invalid`` with source, line, the field and what is wrong with it.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # A misspelt key is both unknown and missing; the unknown one is in the text.
        errors = error.errors(include_url=False)
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
        raise InvalidPlan(
            "document.invalid",
            source=source,
            line=locate(text, first["loc"]),
            field=".".join(str(part) for part in first["loc"]) or model.__name__,
            what=first["msg"].removeprefix("Value error, "),
        ) from error


def locate(text: str, path: tuple[str | int, ...]) -> int:
    """Return the line, from 1, of the deepest part of ``path`` that the text holds."""
    import yaml

    try:
        node = _compose(text, "")
    except InvalidPlan as error:
        return int(str(error.arguments.get("line", 1)))
    line = node.start_mark.line + 1
    for part in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            pairs = {str(key.value): (key, value) for key, value in node.value}
            found = pairs.get(str(part))
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part < len(node.value):
                found = (node.value[part], node.value[part])
        if found is None:
            # pydantic names union members too; they are no part of the text.
            continue
        line, node = found[0].start_mark.line + 1, found[1]
    return int(line)


def write_document(data: Json) -> str:
    """Return a JSON value as YAML in its own order; long texts become blocks that read well."""
    import yaml

    text = yaml.dump(
        data, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=100, indent=2
    )
    return str(text)


def _compose(text: str, source: str) -> Any:
    import yaml

    if len(text) > MAX_CHARACTERS:
        raise InvalidPlan("document.too_long", source=source, limit=MAX_CHARACTERS)
    loader = None
    try:
        _refuse_depth(text, source)
        loader = _loader()(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _syntax(source, line, column, what) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        column = len(before) - (before.rfind("\n") + 1) + 1
        what = f"character {error.character!r} is not allowed: {error.reason}"
        raise _syntax(source, before.count("\n") + 1, column, what) from error
    except UnicodeEncodeError as error:
        raise _syntax(source, text[: error.start].count("\n") + 1, 1, "not Unicode text") from error
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(node, yaml.MappingNode):
        raise _syntax(source, 1, 1, "the text is not a mapping of 'key: value' lines")
    return node


def _refuse_depth(text: str, source: str) -> None:
    # PyYAML composes by recursion in C and overflows the stack at some 20,000 levels; a short text
    # cannot reach a fraction of them, and a long one is looked through by its flat events first.
    if len(text) < 4_000:
        return
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_loader()):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            mark: Any = event.start_mark
            raise _syntax(source, mark.line + 1, mark.column + 1, "nested too deep")


def _mapping(root: Any, source: str) -> dict[str, Json]:
    seen: set[int] = set()

    def build(node: Any, depth: int) -> Json:
        import yaml

        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if id(node) in seen:
            raise _syntax(source, line, column, "anchors and aliases (& and *) are not allowed")
        seen.add(id(node))
        if depth > MAX_DEPTH:
            raise _syntax(source, line, column, "nested too deep")
        standard = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
        if not isinstance(node, yaml.ScalarNode) and node.tag not in standard:
            raise _syntax(source, line, column, f"the tag {node.tag} is not allowed")
        if isinstance(node, yaml.SequenceNode):
            return [build(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return dict(pairs(node, depth))
        try:
            return _scalar(node)
        except ValueError as error:
            raise _syntax(source, line, column, str(error)) from error

    def pairs(node: Any, depth: int) -> Iterator[tuple[str, Json]]:
        keys: set[str] = set()
        for key, value in node.value:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            name = str(key.value)
            if not isinstance(key.value, str) or id(key) in seen:
                raise _syntax(source, line, column, "a key must be plain text")
            if name in keys:
                raise _syntax(source, line, column, f"the key {name!r} is there twice")
            keys.add(name)
            yield name, build(value, depth + 1)

    result = build(root, 0)
    assert isinstance(result, dict)
    return result


def _scalar(node: Any) -> Json:
    value, kind = str(node.value), str(node.tag).removeprefix("tag:yaml.org,2002:")
    match kind:
        case "str":
            return value
        case "null":
            return None
        case "bool" if value in ("true", "false"):
            return value == "true"
        case "int" if len(value) <= 400:
            return int(value.replace("_", ""), 16 if value.startswith("0x") else 10)
        case "float":
            number = float(value.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
            if math.isfinite(number):
                return number
            raise ValueError(f"{value} is not a finite number")
    raise ValueError(f"the tag or value {node.tag} {value[:40]!r} is not allowed")


def _syntax(source: str, line: int, column: int, what: str) -> InvalidPlan:
    return InvalidPlan("document.syntax", source=source, line=line, column=column, what=what)


def _with_resolvers(base: Any) -> Any:
    kind: Any = type("Narrow" + base.__name__, (base,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in _RESOLVERS:
        kind.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first
        )
    return kind


@cache
def _loader() -> Any:
    import yaml

    return _with_resolvers(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def _dumper() -> Any:
    import yaml

    # The pure-Python emitter: the C one writes Chinese beyond the BMP as escapes.
    kind = _with_resolvers(yaml.SafeDumper)
    kind.ignore_aliases = lambda self, data: True

    def text(dumper: Any, data: str) -> Any:
        # Other line ends and controls survive only as escapes between double quotes.
        odd = any(c in "\r\x85\u2028\u2029" or (c < " " and c not in "\n\t") for c in data)
        style = '"' if odd else "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def number(dumper: Any, data: float) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:float", repr(data))

    kind.add_representer(str, text)
    kind.add_representer(float, number)
    return kind
