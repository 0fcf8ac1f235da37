"""Finds executors, planners, kernels and recipe folders through entry points.

Built-ins come in by the same door as a stranger's package. Two packages that bring one name are an
error that names both; a plugin that fails to import is a warning, and everything else goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from intentos.errors import ExecutorUnavailable, InvalidPlan, NotFound, PluginError
from intentos.plan import Plan, Step
from intentos.protocols import Executor, Kernel, Planner

OWN_DISTRIBUTION = "intentos-runtime"


class PluginWarning(UserWarning):
    """A plugin could not be loaded."""


class Registry:
    """What is installed, loaded when it is first asked for."""

    def __init__(self, *, plugins: bool = True) -> None:
        self._plugins = plugins
        self._found: dict[str, dict[str, EntryPoint]] = {}
        self._loaded: dict[tuple[str, str], Any] = {}

    def names(self, kind: str) -> dict[str, str]:
        """Return name → distribution of every entry point of a kind, such as ``executors``.

        Raises:
            PluginError: two distributions bring the same name.
        """
        return {name: _distribution(point) for name, point in self._points(kind).items()}

    def executors(self) -> dict[str, Executor]:
        """Return one instance of every executor that can be imported."""
        found = {}
        for name in self._points("executors"):
            if (factory := self._load("executors", name)) is not None:
                found[name] = self._instance("executors", name, factory)
        return found

    def executor(self, name: str) -> Executor:
        """Return one executor; raises ExecutorUnavailable listing those there are."""
        factory = self._load("executors", name)
        if factory is None:
            known = ", ".join(self._points("executors"))
            raise ExecutorUnavailable("executor.unknown", name=name, known=known)
        return cast(Executor, self._instance("executors", name, factory))

    def planner(self, name: str = "default", **options: object) -> Planner:
        """Return a new planner; raises NotFound listing those there are."""
        factory = self._load("planners", name)
        if factory is None:
            known = ", ".join(self._points("planners"))
            raise NotFound("planner.unknown", name=name, known=known)
        return cast(Planner, factory(registry=self, **options))

    def kernel(self, name: str) -> Kernel:
        """Return one kernel; raises InvalidPlan listing those there are."""
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
        """Return the plan with every kernel step's code hash as it is on this machine now."""
        return plan.model_copy(update={"steps": tuple(self._pin(step) for step in plan.steps)})

    def _pin(self, step: Step) -> Step:
        if step.language != "kernel":
            return step
        return step.model_copy(update={"code_hash": self.kernel(step.code).code_hash})

    def _points(self, kind: str) -> dict[str, EntryPoint]:
        if kind not in self._found:
            self._found[kind] = _entry_points(f"intentos.{kind}", self._plugins)
        return self._found[kind]

    def _load(self, kind: str, name: str) -> Any:
        key = (kind, name)
        if key not in self._loaded:
            point = self._points(kind).get(name)
            if point is None:
                return None
            try:
                self._loaded[key] = point.load()
            except Exception as error:  # a stranger's import may fail in any way
                warnings.warn(
                    f"plugin {name!r} of {_distribution(point)} does not load: {error!r}",
                    PluginWarning,
                    stacklevel=3,
                )
                self._loaded[key] = None
        return self._loaded[key]

    def _instance(self, kind: str, name: str, factory: Callable[[], Any]) -> Any:
        key = (kind + "!", name)
        if key not in self._loaded:
            self._loaded[key] = factory()
        return self._loaded[key]


def _entry_points(group: str, plugins: bool) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        package = _distribution(point)
        if not plugins and package != OWN_DISTRIBUTION:
            continue
        other = found.get(point.name)
        if other is not None and _distribution(other) != package:
            raise PluginError(
                "registry.two_packages",
                name=point.name,
                group=group,
                first=_distribution(other),
                second=package,
            )
        found[point.name] = point
    return found


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "?"
