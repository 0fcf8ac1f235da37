"""ES modules as one inline script: a page that is one file can import nothing.

Knows just the forms in which the window's own modules are written: ``import { a, b as c } from
"./x.js";`` and ``export`` before a function, class, const or let. Any other is an error here, and
not a page that does not work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"\./([\w.-]+)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(
    r"^export\s+(?=(?:async\s+)?(?:function\*?|class|const|let)\s+([A-Za-z_$][\w$]*))", re.MULTILINE
)
_OTHER = re.compile(r"^(?:import|export)\b|\bimport\s*(?:\(|\.\s*meta)", re.MULTILINE)


def inlined(entry: str, files: Mapping[str, Path]) -> str:
    """Return the module ``entry`` and all that it imports as one script for ``type="module"``.

    ``files``: the name by which modules import each file → where it lies. Raises ValueError for a
    form that is not known, a name that is not there, and modules that import each other in a ring.
    """
    done: dict[str, str] = {}
    parts: list[str] = []
    _add(entry, files, done, parts, ())
    return "\n".join(parts)


def _add(
    name: str,
    files: Mapping[str, Path],
    done: dict[str, str],
    parts: list[str],
    above: tuple[str, ...],
) -> None:
    if name in done:
        return
    if name in above:
        raise ValueError(f"modules import each other: {' → '.join([*above, name])}")
    if name not in files:
        raise ValueError(f"{above[-1] if above else 'nobody'} imports {name!r}, which is not there")
    source = files[name].read_text("utf-8")
    for match in _IMPORT.finditer(source):
        _add(match[2], files, done, parts, (*above, name))
    source = _IMPORT.sub(lambda match: _taken(match[1], done[match[2]]), source)
    given = [match[1] for match in _EXPORT.finditer(source)]
    source = _EXPORT.sub("", source)
    code = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
    if other := _OTHER.search(code):
        raise ValueError(f"{name}: {code[other.start() : other.start() + 60]!r} cannot be inlined")
    if re.search(r"</script|<!--", source, re.IGNORECASE):
        raise ValueError(f"{name} holds what would end a script in a page")
    done[name] = f"module{len(done)}"
    parts.append(
        f"const {done[name]} = (() => {{\n{source}\nreturn {{ {', '.join(given)} }};\n}})();"
    )


def _taken(names: str, module: str) -> str:
    taken = ", ".join(
        re.sub(r"\s+as\s+", ": ", name.strip()) for name in names.split(",") if name.strip()
    )
    return f"const {{ {taken} }} = {module};"
