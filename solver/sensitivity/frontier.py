"""The cost of a fleet as its users are promised more speed, and where each kind of hardware takes over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from solver.domain.catalog import System
from solver.domain.workload import LoadedWorkload, Service, Workload
from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError, LimitReached, UsageError
from solver.formulation.offers import choose_offers
from solver.plan.plan import Plan
from solver.sensitivity.findings import usd
from solver.sensitivity.session import Session

#: Kinds of hardware as readers call them.
KINDS = {
    "hbm-gpu": "HBM GPUs",
    "hbm-other": "other HBM accelerators",
    "sram-wafer": "SRAM wafers",
    "sram-chip": "SRAM chips",
    "nvm-weight": "NVM wafers and chips (hypothetical)",
    "rom-weight": "mask ROM",
    "dram-cpu": "CPUs",
}
APIS, BEST = "token APIs", "best fleet"
#: Two speeds are one step apart when a change of kinds between them is known to this ratio.
NEAR = 1.02


@dataclass(frozen=True)
class Options:
    """Speeds in tok/s per user; ``service``: whose promise is varied ("": all).

    ``gap`` and ``time_limit_s`` are of each fleet; within ``total_s`` all of them are searched.
    """

    low: float = 20.0
    high: float = 3000.0
    points: int = 12
    service: str = ""
    kinds: bool = True  # also the best fleet of each kind alone
    time_limit_s: float | None = 60.0
    total_s: float | None = None
    gap: float = 0.0


@dataclass(frozen=True)
class Point:
    """The cheapest verified fleet at a speed, of all hardware or of one kind.

    ``plan`` None: none keeps the speed, or (not ``known``) none was found in time.
    """

    line: str
    speed: float
    plan: Plan | None
    kinds: tuple[str, ...] = ()
    known: bool = True

    @property
    def fails(self) -> bool:
        """Whether no fleet keeps the speed."""
        return self.plan is None and self.known


@dataclass
class Frontier:
    """Points of all lines, the best fleets first; ``over``: why they are not all that were asked for."""

    points: list[Point] = field(default_factory=list)
    over: str = ""
    interrupted: bool = False

    @property
    def proven(self) -> bool:
        """Whether each fleet is the cheapest within the gap asked for, or there is none."""
        return all(p.known if p.plan is None else p.plan.outcome == "optimal" for p in self.points)


class _Over(Exception):
    """No further fleet is to be searched."""


def silent(_words: str) -> None:
    """Told of nothing."""


class _Search:
    """Fleets one after the other, told as they are found, until the time is over or Ctrl-C."""

    def __init__(self, session: Session, options: Options, tell: Callable[[str], None]) -> None:
        self._session, self._options, self._tell = session, options, tell
        self._end = float("inf") if options.total_s is None else time.perf_counter() + options.total_s
        self.interrupted = False

    def point(self, line: str, loaded: LoadedWorkload, speed: float) -> Point:
        """The cheapest fleet at a speed. Raises _Over."""
        left = self._end - time.perf_counter()
        if self.interrupted or left <= 0:
            raise _Over
        limit = self._options.time_limit_s
        if self._options.total_s is not None:
            limit = left if limit is None else min(limit, left)
        try:
            found = _point(self._session, self._options, line, loaded, speed, limit)
        except KeyboardInterrupt:
            self.interrupted = True
            raise _Over from None
        self.interrupted = found.plan is not None and found.plan.outcome == "interrupted"
        cost = "no fleet keeps it" if found.known else "no fleet was found in time"
        if found.plan is not None:
            cost = usd(found.plan.objective_usd)
        self._tell(f"{line}, {speed:g} tok/s for each user: {cost}")
        return found


def frontier(session: Session, options: Options, tell: Callable[[str], None] = silent) -> Frontier:
    """The cheapest fleets at all speeds; between two of different kinds, the change; then each kind alone.

    ``tell`` hears of each point, in one line of text. Ctrl-C, or the end of the time, ends the search.
    """
    names = [s.name for s in session.loaded.workload.services]
    if options.service and options.service not in names:
        raise UsageError(f"no service is called {options.service!r}; write one of {', '.join(names)}")
    if not 0 < options.low < options.high or options.points < 2:
        raise UsageError("write speeds with --from below --to, and at least two points")
    search, found, over = _Search(session, options, tell), list[Point](), ""
    try:
        for point in _points(session, options, search):
            found.append(point)
    except _Over:
        over = (
            "stopped" if search.interrupted else f"the time for all fleets ({options.total_s:g} s) was over"
        )
    return Frontier(_shown(found), over, search.interrupted)


def _points(session: Session, options: Options, search: _Search) -> Iterator[Point]:
    """All points, as they are searched. What fails at a speed fails at every higher one."""
    speeds = [float(f"{v:.3g}") for v in np.geomspace(options.low, options.high, options.points)]
    best: list[Point] = []
    for speed in speeds:
        best.append(search.point(BEST, session.loaded, speed))
        yield best[-1]
        if best[-1].fails:
            break
    yield from _changes(session, search, best)
    for line, loaded in _lines(session) if options.kinds else ():
        for speed in speeds:
            point = search.point(line, loaded, speed)
            if point.fails:
                break
            yield point


def _shown(found: list[Point]) -> list[Point]:
    """The best fleets by speed, up to the first speed that none keeps; then the other lines."""
    best = sorted((p for p in found if p.line == BEST), key=lambda p: p.speed)
    failed = [p for p in best if p.fails][:1]
    return [p for p in best if not p.fails] + failed + [p for p in found if p.line != BEST]


def _point(
    session: Session, options: Options, line: str, loaded: LoadedWorkload, speed: float, seconds: float | None
) -> Point:
    asked = at_speed(loaded, speed, options.service)
    request = Request(gap=options.gap, time_limit_s=seconds, compare=False, certify=False)
    try:
        plan = solve(asked, session.catalog, session.calibration, request)
    except InfeasibleError:
        return Point(line, speed, None)
    except LimitReached:
        return Point(line, speed, None, known=False)
    return Point(line, speed, plan, kinds_of(session, plan))


def at_speed(loaded: LoadedWorkload, speed: float, service: str = "") -> LoadedWorkload:
    """The workload with a speed promised to each user, in tok/s."""

    def faster(s: Service) -> Service:
        """The service with the speed as its promise, if it is one of those meant."""
        if service not in ("", s.name):
            return s
        return s.model_copy(update={"levels": s.levels.model_copy(update={"tpot_ms": 1000.0 / speed})})

    services = tuple(faster(s) for s in loaded.workload.services)
    return loaded.model_copy(update={"workload": loaded.workload.model_copy(update={"services": services})})


def kind_words(systems: Sequence[System]) -> str:
    """What systems of one kind are called; a user's own ones are not hypothetical."""
    name = KINDS[systems[0].kind]
    return name if all(s.id.startswith("hyp-") for s in systems) else name.removesuffix(" (hypothetical)")


def kinds_of(session: Session, plan: Plan) -> tuple[str, ...]:
    """Kinds of hardware that serve, and token APIs."""
    known = session.catalog.systems
    served = {plan.points[r.target]["system"] for r in plan.routes if r.mode != "api"}
    kinds = {kind_words([known[s]]) if s in known else s for s in served}
    return tuple(sorted(kinds | ({APIS} if any(r.mode == "api" for r in plan.routes) else set())))


def _changes(session: Session, search: _Search, best: list[Point]) -> Iterator[Point]:
    """Speeds near the change of kinds between neighbours, by bisection to the ratio ``NEAR``."""
    for left, right in pairwise(p for p in best if p.plan is not None or p.fails):
        while left.kinds != right.kinds and right.speed / left.speed > NEAR:
            middle = search.point(BEST, session.loaded, float(np.sqrt(left.speed * right.speed)))
            yield middle
            if middle.plan is None and not middle.known:
                break
            left, right = (middle, right) if middle.kinds == left.kinds else (left, middle)


def _lines(session: Session) -> Iterator[tuple[str, LoadedWorkload]]:
    """The workload with one kind of hardware alone, and with token APIs alone."""
    workload = session.loaded.workload
    offered = {o.system for o in choose_offers(workload, session.catalog)[0]}
    known = session.catalog.systems
    for kind in KINDS:
        systems = tuple(sorted(s for s in offered if s in known and known[s].kind == kind))
        owned = tuple(a for s in workload.services for a in s.acquisitions if a != "api")
        if systems and owned:
            yield kind_words([known[s] for s in systems]), _only(session.loaded, workload, include=systems)
    if all("api" in s.acquisitions for s in workload.services):
        services = tuple(s.model_copy(update={"acquisitions": ("api",)}) for s in workload.services)
        only = workload.model_copy(update={"services": services})
        yield APIS, session.loaded.model_copy(update={"workload": only})


def _only(loaded: LoadedWorkload, workload: Workload, include: tuple[str, ...]) -> LoadedWorkload:
    """The workload with these systems alone, and no tokens from APIs where there is another way."""

    def without_apis(s: Service) -> Service:
        """The service without token APIs, where it has another way."""
        ways = tuple(a for a in s.acquisitions if a != "api")
        return s.model_copy(update={"acquisitions": ways or s.acquisitions})

    policy = workload.hardware.model_copy(update={"include": include})
    services = tuple(map(without_apis, workload.services))
    only = workload.model_copy(update={"services": services, "hardware": policy})
    return loaded.model_copy(update={"workload": only})
