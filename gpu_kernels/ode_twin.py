"""The NumPy twin of ``ode.wgsl``: the same members, integrated in float64, and the same picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .ode_system import DIRECTIONS, System

if TYPE_CHECKING:
    from .ode import OdeArguments

Floats = NDArray[np.floating[Any]]
ENDED, EVENTS, FIRST, LAST, STEP, STUCK = range(6)


def frames(a: OdeArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    from .ode_picture_twin import Sketch

    film = Film(a, fold_seed(seed))
    sketch = Sketch(a, film)
    for frame in range(a.frames):
        if frame:
            for _ in range(a.samples_per_frame):
                film.advance()
        yield Snapshot(
            pixels=sketch.picture(frame),
            probes={},
            buffers={
                "members": film.members.astype(np.float32),
                "curves": film.curves.astype(np.float32),
                "errors": film.log.astype(np.float32),
            },
        )


class Film:
    """All members and twins: ``y`` (variables, all), ``rest`` (6, all), and what is kept."""

    def __init__(self, a: OdeArguments, seed: int) -> None:
        from .ode import log_width, system

        self.a, self.seed, self.system = a, seed, system(a)
        number = np.arange(a.members)
        chosen = np.arange(a.twins) * (a.members // a.twins)
        self.owner = np.concatenate([number, chosen, chosen])
        self.fine = np.arange(a.all) >= a.members
        self.of_member = self.system.members(self.owner, seed)
        with np.errstate(all="ignore"):
            self.y = self.system.begin(self.of_member, seed)
        self.rest = np.zeros((6, a.all))
        self.rest[[ENDED, FIRST, LAST]] = -1
        self.rest[STEP] = a.sample / a.steps
        self.origin = self.y[:, chosen]
        self.chosen = chosen
        self.sample = 0
        self.curves = np.zeros((a.samples, len(a.shown), a.curve_members))
        self.log = np.zeros((a.samples, log_width(a)))
        self.trails: list[Floats] = []
        self.ranges = self._scouted()
        self._note()

    @property
    def members(self) -> Floats:
        """The output of that name; sums are not compensated here."""
        return np.concatenate([self.y, np.zeros_like(self.y), self.rest])

    def advance(self) -> None:
        """One sample for all."""
        a = self.a
        last = slice(a.members + a.twins, None)
        self.y[:, last] = self.y[:, self.chosen]
        self.rest[:, last] = self.rest[:, self.chosen]
        flow = Flow(self.system, self.seed, self.of_member, self.y, self.rest)
        flow.sample(self.sample * a.sample, self.fine)
        self.sample += 1
        self._note()
        self._watch()

    def at(self, which: Any, sample: int | None = None) -> dict[str, Any]:
        """Return every name of a formula, of the members ``which``."""
        t = (self.sample if sample is None else sample) * self.a.sample
        here = _of(self.of_member, which)
        return dict(self.system.environment(self.y[:, which], t, here, self.seed))

    def _note(self) -> None:
        a, system = self.a, self.system
        if self.sample < a.samples:
            which = np.arange(a.curve_members) * (a.members // a.curve_members)
            here = self.at(which)
            for k, formula in enumerate(system.curves):
                self.curves[self.sample, k] = formula.numpy(here, seed=self.seed)
        self.trails.append(self.places(np.arange(a.members)))

    def places(self, which: Any) -> Floats:
        """Return where the places are, shape (members, places, 3)."""
        here = self.at(which)
        found = np.zeros((len(which), len(self.system.places), 3))
        for k, place in enumerate(self.system.places):
            for axis, formula in enumerate(place):
                found[:, k, axis] = formula.numpy(here, seed=self.seed)
        return found

    def _watch(self) -> None:
        a, system, count = self.a, self.system, len(self.a.rates)
        main = self.y[:, self.chosen]
        one = np.abs(main - self.y[:, a.members + a.twins :]).max(axis=1)
        two = np.abs(main - self.y[:, a.members : a.members + a.twins]).max(axis=1)
        row = [*one, *two, *np.abs(main).max(axis=1)]
        here = self.at(self.chosen)
        members = _of(self.of_member, self.chosen)
        begun = system.environment(self.origin, 0.0, members, self.seed)
        for formula, terms in zip(system.conserved, system.scales, strict=True):
            now, then = (formula.numpy(e, seed=self.seed) for e in (here, begun))
            row.append(np.max(np.abs(now - then)))
            row.append(np.max(sum(np.abs(term.numpy(here, seed=self.seed)) for term in terms)))
        known = here | {f"{n}_0": y for n, y in zip(system.variables, self.origin, strict=True)}
        for name, formula in system.exact.items():
            k = system.variables.index(name)
            row.append(np.max(np.abs(main[k] - formula.numpy(known, seed=self.seed))))
        assert len(row) >= 3 * count
        if self.sample < a.samples:
            self.log[self.sample] = row

    def _scouted(self) -> Floats:
        """Lowest and highest of the curves and of x, y, z, as the scouts see them."""
        from .ode import SCOUTS

        a, system = self.a, self.system
        count = min(a.members, SCOUTS)
        which = np.arange(count) * (a.members // count)
        members = _of(self.of_member, which)
        y, rest = self.y[:, which].copy(), self.rest[:, which].copy()
        flow = Flow(system, self.seed, members, y, rest)
        ranges = np.array([[np.inf, -np.inf]] * 4)
        for sample in range(a.samples):
            if sample:
                flow.sample((sample - 1) * a.sample, np.zeros(count, bool))
            here = system.environment(flow.y, sample * a.sample, members, self.seed)
            groups: list[list[Any]] = [[e.numpy(here, seed=self.seed) for e in system.curves]]
            for axis in range(3):
                groups.append([
                    place[axis].numpy(here, seed=self.seed) if axis < len(place) else 0.0
                    for place in system.places
                ])  # fmt: skip
            for k, group in enumerate(groups):
                values = np.concatenate([np.ravel(v) for v in group])
                values = values[np.isfinite(values) & (np.abs(values) <= 1e30)]
                if values.size:
                    ranges[k] = min(ranges[k, 0], values.min()), max(ranges[k, 1], values.max())
        return ranges


class Flow:
    """Members on their way; ``y`` and ``rest`` are changed in place."""

    def __init__(
        self, system: System, seed: int, of_member: Mapping[str, Any], y: Floats, rest: Floats
    ) -> None:
        self.system, self.seed, self.of_member = system, seed, of_member
        self.y, self.rest = y, rest
        self.a = system.arguments

    def sample(self, start: float, fine: NDArray[np.bool_]) -> None:
        """From one sample to the next; ``fine`` ones with half the step."""
        with np.errstate(all="ignore"):
            if self.a.method == "adaptive":
                self._by_errors(start, fine)
                return
            for part, steps in ((~fine, self.a.steps), (fine, 2 * self.a.steps)):
                h = self.a.sample / steps
                for n in range(steps):
                    going = np.flatnonzero(part & (self.rest[ENDED] < 0))
                    self._travel(going, np.full(going.size, start + n * h), np.full(going.size, h))

    def _by_errors(self, start: float, fine: NDArray[np.bool_]) -> None:
        from .ode import TRIES

        a, sample = self.a, self.a.sample
        tolerance = np.maximum(np.where(fine, a.tolerance / 32, a.tolerance), 2e-7)
        done = np.zeros(fine.size)
        for _ in range(TRIES):
            going = np.flatnonzero((done < sample) & (self.rest[ENDED] < 0))
            if not going.size:
                return
            left = sample - done[going]
            h = np.minimum(self.rest[STEP, going], left)
            y = self.y[:, going]
            moved, off = self._step(going, start + done[going], h)
            size = a.small + np.maximum(np.abs(y), np.abs(moved))
            e = (np.abs(off) / size).max(axis=0) / tolerance[going]
            bad = ~(e <= 1)
            again = bad & (h > sample / 4096)
            shrink = np.where(np.isfinite(e), np.clip(0.9 * e**-0.2, 0.2, 0.9), 0.2)
            self.rest[STEP, going[again]] = np.maximum(h * shrink, sample / 4096)[again]
            good = ~again
            took = going[good]
            self.rest[STUCK, took] += bad[good]
            self._travel(took, start + done[took], h[good])
            longer = h * np.clip(0.9 * np.maximum(e, 1e-6) ** -0.2, 0.5, 5)
            whole = h == left
            done[took] = np.where(whole, sample, done[going] + h)[good]
            longer = np.where(whole, np.maximum(self.rest[STEP, going], longer), longer)
            self.rest[STEP, took] = np.minimum(longer, sample)[good]
        self.rest[STUCK, (done < sample) & (self.rest[ENDED] < 0)] += 1

    def _step(self, which: Any, t: Any, h: Any, y: Any = None) -> tuple[Floats, Floats]:
        y = self.y[:, which] if y is None else y
        moved, off = self.system.step(y, t, h, _of(self.of_member, which), self.seed)
        return moved, off

    def _travel(self, which: NDArray[np.int64], t: Floats, h: Floats) -> None:
        if not which.size:
            return
        moved, _ = self._step(which, t, h)
        crossing = np.zeros(which.size, bool)
        for k in range(len(self.system.gates)):
            before, after = (
                self._gate(k, which, self.y[:, which], t),
                self._gate(k, which, moved, t + h),
            )
            crossing |= self._passes(k, before, after)
        for place in np.flatnonzero(crossing):
            self._through(which[place : place + 1], float(t[place]), float(h[place]))
        calm = ~crossing
        self.y[:, which[calm]] = moved[:, calm]

    def _gate(self, k: int, which: Any, y: Floats, t: Any) -> Floats:
        here = self.system.environment(y, t, _of(self.of_member, which), self.seed)
        value = self.system.gates[k].numpy(here, seed=self.seed)
        return np.asarray(np.broadcast_to(value, y.shape[1:]), np.float64)

    def _passes(self, k: int, before: Any, after: Any) -> Any:
        way = DIRECTIONS[self.a.events[k].direction]
        down, up = (before >= 0) & (after < 0), (before <= 0) & (after > 0)
        return (down & (way >= 0)) | (up & (way <= 0))

    def _reset(self, k: int, which: Any, y: Floats, t: float) -> Floats:
        here = self.system.environment(y, t, _of(self.of_member, which), self.seed)
        z = y.copy()
        for name, formula in self.system.resets[k].items():
            z[self.system.variables.index(name)] = formula.numpy(here, seed=self.seed)
        return z

    def _first(self, which: Any, moved: Floats, t: float, h: float) -> int | None:
        found, soonest = None, 2.0
        for k in range(len(self.system.gates)):
            before = self._gate(k, which, self.y[:, which], t)
            after = self._gate(k, which, moved, t + h)
            if self._passes(k, before, after)[0]:
                when = float((before / (before - after))[0])
                if when < soonest:
                    found, soonest = k, when
        return found

    def _through(self, which: NDArray[np.int64], start: float, h: float) -> None:
        """Twin of ``travel``, for one member."""
        left = h
        for _ in range(8):
            t = start + (h - left)
            moved, _ = self._step(which, t, left)
            k = self._first(which, moved, t, left)
            if k is None:
                self.y[:, which] = moved
                return
            event = self.a.events[k]
            before = self._gate(k, which, self.y[:, which], t)
            low, high = 0.0, 1.0
            for _ in range(20):
                half = (low + high) / 2
                there, _ = self._step(which, t, half * left)
                if self._passes(k, before, self._gate(k, which, there, t + half * left))[0]:
                    high = half
                else:
                    low = half
            down = -1 if self._gate(k, which, moved, t + left)[0] >= before[0] else 1
            if low == 0 and event.set and self._leaves(k, which, t, left, down):
                return
            when = t + low * left
            self.rest[EVENTS, which] += 1
            self.rest[LAST, which] = when
            if self.rest[FIRST, which][0] < 0:
                self.rest[FIRST, which] = when
            if not event.set and not event.stop:
                self.y[:, which] = moved
                return
            near = self._reset(k, which, self._step(which, t, low * left)[0], when)
            if event.stop:
                self.y[:, which] = near
                self.rest[ENDED, which] = when
                return
            if down * self._gate(k, which, near, when)[0] < 0:
                near = self._reset(k, which, self.y[:, which], t)
            if self._leaves(k, which, when, left, down, near):
                self.y[:, which] = near
                left *= 1 - low
            else:
                far, _ = self._step(which, t, high * left)
                self.y[:, which] = self._reset(k, which, far, t + high * left)
                left *= 1 - high

    def _leaves(
        self, k: int, which: Any, t: float, h: float, down: int, y: Floats | None = None
    ) -> bool:
        """Whether a state moves away from the event, by its own speed."""
        y = self.y[:, which] if y is None else y
        slope = self.system.slope(y, t, _of(self.of_member, which), self.seed)
        after, before = self._gate(k, which, y + h * slope, t), self._gate(k, which, y, t)
        return bool(down * (after - before)[0] >= 0)


def _of(of_member: Mapping[str, Any], which: Any) -> dict[str, Any]:
    return {n: v[which] if isinstance(v, np.ndarray) else v for n, v in of_member.items()}
