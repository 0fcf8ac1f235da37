"""Finds executors, planners, kernels and recipe folders through entry points.

Built-ins come in by the same door as a stranger's package. A name that two packages bring is an
error for whoever asks for that name, and tells both; in lists a built-in keeps its name, and two
strangers' is left out. A plugin that fails to load is a warning. Everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from intentos.errors import ExecutorUnavailable, InvalidPlan, NotFound, PluginError
from intentos.guest import guest
from intentos.plan import Plan, Step
from intentos.protocols import Executor, Kernel, Planner
from intentos.samples import Samples
from intentos.warning import PluginWarning, warn

__all__ = ["OWN_DISTRIBUTION", "PluginWarning", "Registry", "strangers"]

OWN_DISTRIBUTION = "intentos-runtime"


class Registry:
    """What is installed, loaded when it is first asked for."""

    def __init__(self, *, plugins: bool = True) -> None:
        self._plugins = plugins
        self._found: dict[str, dict[str, EntryPoint]] = {}
        self._contested: dict[tuple[str, str], PluginError] = {}
        self._loaded: dict[tuple[str, str], Any] = {}
        self._problems: dict[tuple[str, str], ExecutorUnavailable] = {}
        """Why an executor that is installed cannot be had."""

    def names(self, kind: str) -> dict[str, str]:
        """Return name → distribution of every entry point of a kind, such as ``executors``."""
        return {name: _distribution(point) for name, point in self._points(kind).items()}

    def executors(self) -> dict[str, Executor]:
        """Return one instance of every executor that can be had; the others are warnings."""
        found = {}
        points = self._points("executors")
        for (kind, name), error in self._contested.items():
            if kind == "executors":
                kept = "own_kept" if name in points else "two_packages"
                warn(f"registry.{kept}", **error.arguments)
        for name in points:
            if (executor := self._executor(name)) is not None:
                found[name] = executor
        return found

    def executor(self, name: str) -> Executor:
        """Return one executor.

        Raises:
            ExecutorUnavailable: there is none of that name, or it does not load.
            PluginError: two packages bring one of that name.
        """
        self._uncontested("executors", name)
        executor = self._executor(name)
        if executor is None:
            known = ", ".join(self._points("executors"))
            unknown = ExecutorUnavailable("executor.unknown", name=name, known=known)
            raise self._problems.get(("executors", name), unknown)
        return executor

    def samples(self, name: str) -> Samples:
        """Return the sample steps of an executor; raises NotFound where nobody brought any."""
        self._uncontested("samples", name)
        found = self._load("samples", name)
        if found is None:
            known = ", ".join(self._points("samples")) or "—"
            raise NotFound("executor.no_samples", name=name, known=known)
        return cast(Samples, found() if callable(found) else found)

    def planner(self, name: str = "default", **options: object) -> Planner:
        """Return a new planner; raises NotFound listing those there are."""
        self._uncontested("planners", name)
        factory = self._load("planners", name)
        if factory is None:
            known = ", ".join(self._points("planners"))
            raise NotFound("planner.unknown", name=name, known=known)
        return cast(Planner, factory(registry=self, **options))

    def kernel(self, name: str) -> Kernel:
        """Return one kernel; raises InvalidPlan listing those there are."""
        self._uncontested("kernels", name)
        kernel = self._load("kernels", name)
        if kernel is None:
            known = ", ".join(self._points("kernels"))
            raise InvalidPlan("plan.unknown_kernel", name=name, known=known)
        return cast(Kernel, kernel)

    def recipe_folders(self) -> dict[str, Path]:
        """Return distribution → folder of recipes."""
        found: dict[str, Path] = {}
        for name, point in self._points("recipes").items():
            factory = cast("Callable[[], Path] | None", self._load("recipes", name))
            if factory is not None:
                found[f"{_distribution(point)}/{name}"] = factory()
        return found

    def pin(self, plan: Plan) -> Plan:
        """Return the plan with every kernel step's code hash as it is on this machine now, and a
        step that only other packages can run bound to one of them by name, so that an approval
        covers no other."""
        return plan.model_copy(update={"steps": tuple(self._pin(step) for step in plan.steps)})

    def _pin(self, step: Step) -> Step:
        if step.language == "kernel":
            return step.model_copy(update={"code_hash": self.kernel(step.code).code_hash})
        if step.executor is not None or step.language in ("python", "wgsl"):
            return step
        able = [
            name
            for name in sorted(self._points("executors"))
            if (executor := self._executor(name)) and step.language in executor.languages
        ]
        packages = self.names("executors")
        if not able or any(packages[name] == OWN_DISTRIBUTION for name in able):
            return step
        return step.model_copy(update={"executor": able[0]})

    def _points(self, kind: str) -> dict[str, EntryPoint]:
        if kind not in self._found:
            group = f"intentos.{kind}"
            points, contested = _entry_points(group, self._plugins)
            for name, (first, second) in contested.items():
                told = {"name": name, "group": group, "first": first, "second": second}
                self._contested[kind, name] = PluginError("registry.two_packages", **told)
            self._found[kind] = points
        return self._found[kind]

    def _uncontested(self, kind: str, name: str) -> None:
        self._points(kind)
        if (kind, name) in self._contested:
            raise self._contested[kind, name]

    def _load(self, kind: str, name: str) -> Any:
        key = (kind, name)
        if key not in self._loaded:
            point = self._points(kind).get(name)
            if point is None:
                return None
            try:
                self._loaded[key] = point.load()
            except (Exception, SystemExit) as error:  # a stranger's import may fail in any way
                self._loaded[key] = None
                self._tell(kind, name, error)
        return self._loaded[key]

    def _executor(self, name: str) -> Executor | None:
        key = ("executors!", name)
        if key not in self._loaded:
            self._loaded[key] = None
            factory = self._load("executors", name)
            if factory is None:
                return None
            package = _distribution(self._points("executors")[name])
            if package == OWN_DISTRIBUTION:
                self._loaded[key] = factory()
            else:
                try:
                    self._loaded[key] = guest(factory(), name, package)
                except (Exception, SystemExit) as error:
                    self._tell("executors", name, error)
        return cast("Executor | None", self._loaded[key])

    def _tell(self, kind: str, name: str, error: BaseException) -> None:
        told = {
            "name": name,
            "package": _distribution(self._points(kind)[name]),
            "what": f"{type(error).__name__}: {error}"[:500],
        }
        self._problems[kind, name] = ExecutorUnavailable("registry.does_not_load", **told)
        warn("registry.does_not_load", **told)


def _entry_points(
    group: str, plugins: bool
) -> tuple[dict[str, EntryPoint], dict[str, tuple[str, str]]]:
    """Return the entry points by name, and the names that two packages bring with both."""
    found: dict[str, EntryPoint] = {}
    contested: dict[str, tuple[str, str]] = {}
    for point in entry_points(group=group):
        package = _distribution(point)
        if not plugins and package != OWN_DISTRIBUTION:
            continue
        other = found.get(point.name)
        if other is not None and _distribution(other) != package:
            contested[point.name] = (_distribution(other), package)
            if _distribution(other) == OWN_DISTRIBUTION:
                continue
        found[point.name] = point
    for name in contested:
        if _distribution(found[name]) != OWN_DISTRIBUTION:
            del found[name]
    return found, contested


def strangers(plan: Plan) -> dict[str, str]:
    """Return executor → package, of other packages' executors that a plan's steps name."""
    named = {step.executor for step in plan.steps if step.executor is not None}
    if not named:
        return {}
    points = entry_points(group="intentos.executors")
    found = {point.name: _distribution(point) for point in points if point.name in named}
    return {name: package for name, package in found.items() if package != OWN_DISTRIBUTION}


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "?"
