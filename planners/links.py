"""What has become of everything that a text says in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from intentos.parameters import Parameter
from intentos.types import Value

from .fitting import accepted
from .mention import Mention


@dataclass
class Links:
    """Which mention became which parameter's value, and what is left over."""

    values: dict[str, Value] = field(default_factory=dict)
    left: list[Mention] = field(default_factory=list)
    taken: dict[str, Mention] = field(default_factory=dict)
    """Parameter → the number or colour that it was given."""
    guessed: list[Mention] = field(default_factory=list)
    """Numbers of which neither a unit nor a word tells whose they are."""
    told: set[str] = field(default_factory=set)
    """Parameters whose value was read as a whole: a date, a formula's factors."""
    plain: str = ""
    """The text without what was read as formulas, lists and choices."""
    unread: list[str] = field(default_factory=list)
    """Formulas that went nowhere, and what a model added."""

    @property
    def unused(self) -> list[Mention]:
        """The numbers that a person would miss: no articles."""
        return [m for m in self.left if m.kind == "number" and not m.weak]

    def give(self, parameter: Parameter, mention: Mention) -> None:
        """Make the mention the parameter's value; raises ValueOutOfRange."""
        self.values[parameter.name] = accepted(mention, parameter)
        self.taken[parameter.name] = mention
