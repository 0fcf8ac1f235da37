"""The error tree: what went wrong, which thing it was, and what to do about it.

An error carries a message *code* and arguments, never a finished sentence, so that the same error
reads in Chinese and in English (see ``intentos/messages``). Code that fails inside a step is a
:class:`~intentos.types.StepResult`; a rejected plan is a run status; neither is an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intentos.messages import message

if TYPE_CHECKING:
    from intentos.types import Problem


class IntentOSError(Exception):
    """Base of every error that IntentOS raises on purpose."""

    exit_code = 1

    def __init__(self, code: str, /, **arguments: object) -> None:
        super().__init__(code, arguments)
        self.code = code
        self.arguments = arguments

    def __str__(self) -> str:
        return self.text("en")

    def text(self, language: str) -> str:
        """Return the sentence for a person, in ``zh`` or ``en``."""
        return message(self.code, language, **self.arguments)

    def problem(self) -> Problem:
        """Return the error as data."""
        from intentos.types import Problem

        arguments = {
            key: value if isinstance(value, str | int | float | bool) else str(value)
            for key, value in self.arguments.items()
        }
        return Problem(code=self.code, arguments=arguments, exit_code=self.exit_code)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.code, self.arguments))


class UsageError(IntentOSError):
    """The person gave something that cannot be used: empty text, a bad option, a bad file."""

    exit_code = 2


class InvalidPlan(UsageError):
    """A plan or recipe breaks the rules of its format."""


class ValueOutOfRange(UsageError):
    """A parameter's value does not fit its kind or lies outside its range."""


class InvalidProgram(UsageError):
    """A GpuProgram breaks its own rules or the portable profile."""


class ConfigError(UsageError):
    """The configuration cannot be read or holds an impossible value."""


class NotFound(UsageError):
    """No run, recipe or artifact has that name."""


class NotApproved(IntentOSError):
    """A plan was about to run without an approval that names its digest."""

    exit_code = 3


class Missing(IntentOSError):
    """Something that the work needs is not here; the message says how to get it."""

    exit_code = 4


class ExecutorUnavailable(Missing):
    """An executor cannot work on this machine."""


class WrongSystem(ExecutorUnavailable):
    """An executor can never work on a system of this kind."""


class ModelUnavailable(Missing):
    """The language model is missing, damaged or does not answer."""


class PluginError(Missing):
    """Installed plugins contradict each other."""


class PlanningError(IntentOSError):
    """No plan could be made from the intent."""


class ExecutorError(IntentOSError):
    """An executor broke, as opposed to the code it was running."""


class StoreError(IntentOSError):
    """The store could not read or write."""


def _rebuild(kind: type[IntentOSError], code: str, arguments: dict[str, object]) -> IntentOSError:
    return kind(code, **arguments)
