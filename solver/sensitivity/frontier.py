"""The cost of a fleet as its users are promised more speed, and where each kind of hardware takes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from solver.domain.workload import LoadedWorkload, Service, Workload
from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError, LimitReached, UsageError
from solver.formulation.offers import choose_offers
from solver.plan.plan import Plan
from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table, usd
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
    """Speeds in tok/s per user; ``service``: whose promise is varied ("": all); gap and seconds per solve."""

    low: float = 20.0
    high: float = 3000.0
    points: int = 12
    service: str = ""
    kinds: bool = True  # also the best fleet of each kind alone
    time_limit_s: float | None = 60.0


@dataclass(frozen=True)
class Point:
    """The cheapest verified fleet at a speed, of all hardware or of one kind (None: none keeps the speed)."""

    line: str
    speed: float
    plan: Plan | None
    kinds: tuple[str, ...] = ()


def silent(_words: str) -> None:
    """Told of nothing."""


def frontier(session: Session, options: Options, tell: Callable[[str], None] = silent) -> list[Point]:
    """Points of all lines, the best fleets first; between two best fleets of different kinds, the change.

    ``tell`` hears of each point of a line, in one line of text.
    """
    names = [s.name for s in session.loaded.workload.services]
    if options.service and options.service not in names:
        raise UsageError(f"no service is called {options.service!r}; write one of {', '.join(names)}")
    if not 0 < options.low < options.high or options.points < 2:
        raise UsageError("write speeds with --from below --to, and at least two points")
    speeds = [float(f"{v:.3g}") for v in np.geomspace(options.low, options.high, options.points)]
    best = [_told(_point(session, options, BEST, session.loaded, speed), tell) for speed in speeds]
    best = sorted((*best, *_changes(session, options, best)), key=lambda p: p.speed)
    reached = [p for p in best if p.plan is not None]
    found = reached + [p for p in best if p.plan is None][:1]
    for line, loaded in _lines(session) if options.kinds else ():
        for speed in speeds:
            point = _told(_point(session, options, line, loaded, speed), tell)
            if point.plan is None:
                break  # what fails at a speed fails at every higher one
            found.append(point)
    return found


def _told(point: Point, tell: Callable[[str], None]) -> Point:
    cost = "no fleet keeps it" if point.plan is None else usd(point.plan.objective_usd)
    tell(f"{point.line}, {point.speed:g} tok/s for each user: {cost}")
    return point


def _point(session: Session, options: Options, line: str, loaded: LoadedWorkload, speed: float) -> Point:
    asked = at_speed(loaded, speed, options.service)
    request = Request(time_limit_s=options.time_limit_s, compare=False)
    try:
        plan = solve(asked, session.catalog, session.calibration, request)
    except InfeasibleError:
        return Point(line, speed, None)
    except LimitReached as error:
        raise LimitReached(f"{line} at {speed:g} tok/s: {error}") from None
    return Point(line, speed, plan, kinds_of(session, plan))


def at_speed(loaded: LoadedWorkload, speed: float, service: str = "") -> LoadedWorkload:
    """The workload with a speed promised to each user, in tok/s."""

    def faster(s: Service) -> Service:
        if service not in ("", s.name):
            return s
        return s.model_copy(update={"levels": s.levels.model_copy(update={"tpot_ms": 1000.0 / speed})})

    services = tuple(faster(s) for s in loaded.workload.services)
    return loaded.model_copy(update={"workload": loaded.workload.model_copy(update={"services": services})})


def kinds_of(session: Session, plan: Plan) -> tuple[str, ...]:
    """Kinds of hardware that serve, and token APIs."""
    known = session.catalog.systems
    served = {plan.points[r.target]["system"] for r in plan.routes if r.mode != "api"}
    kinds = {KINDS[known[s].kind] if s in known else s for s in served}
    return tuple(sorted(kinds | ({APIS} if any(r.mode == "api" for r in plan.routes) else set())))


def _changes(session: Session, options: Options, best: list[Point]) -> Iterator[Point]:
    """Speeds near the change of kinds between neighbours, by bisection to the ratio ``NEAR``."""
    for left, right in pairwise(best):
        while left.kinds != right.kinds and right.speed / left.speed > NEAR:
            middle = _point(session, options, BEST, session.loaded, float(np.sqrt(left.speed * right.speed)))
            yield middle
            left, right = (middle, right) if middle.kinds == left.kinds else (left, middle)


def _lines(session: Session) -> Iterator[tuple[str, LoadedWorkload]]:
    """The workload with one kind of hardware alone, and with token APIs alone."""
    workload = session.loaded.workload
    offered = {o.system for o in choose_offers(workload, session.catalog)[0]}
    known = session.catalog.systems
    for kind, name in KINDS.items():
        systems = tuple(sorted(s for s in offered if s in known and known[s].kind == kind))
        owned = tuple(a for s in workload.services for a in s.acquisitions if a != "api")
        if systems and owned:
            yield name, _only(session.loaded, workload, include=systems)
    if all("api" in s.acquisitions for s in workload.services):
        services = tuple(s.model_copy(update={"acquisitions": ("api",)}) for s in workload.services)
        only = workload.model_copy(update={"services": services})
        yield APIS, session.loaded.model_copy(update={"workload": only})


def _only(loaded: LoadedWorkload, workload: Workload, include: tuple[str, ...]) -> LoadedWorkload:
    """The workload with these systems alone, and no tokens from APIs where there is another way."""

    def without_apis(s: Service) -> Service:
        ways = tuple(a for a in s.acquisitions if a != "api")
        return s.model_copy(update={"acquisitions": ways or s.acquisitions})

    policy = workload.hardware.model_copy(update={"include": include})
    services = tuple(map(without_apis, workload.services))
    only = workload.model_copy(update={"services": services, "hardware": policy})
    return loaded.model_copy(update={"workload": only})


def frontier_findings(session: Session, options: Options, tell: Callable[[str], None] = silent) -> Findings:
    """The frontier as a table, a figure and sentences."""
    points = frontier(session, options, tell)
    workload = session.loaded.workload
    whose = options.service or "every service"
    return Findings(
        name=f"What speed costs: {workload.name}",
        kicker="Cost against speed per user",
        answer=tuple(_answer([p for p in points if p.line == BEST])),
        facts=(("speed promised to each user", f"{options.low:g} to {options.high:g} tok/s, {whose}"),),
        figures=(_figure(points),),
        tables=(_table(points),),
        notes=(
            "Each point is the cheapest verified fleet that keeps the speed and all other promises of the "
            "workload; the lines of single kinds use nothing else. A line ends where the kind fails.",
            f"A change of kinds is known to a ratio of {NEAR:g} in speed.",
        ),
        provenance=session.provenance(),
    )


def _answer(best: list[Point]) -> list[str]:
    """Who is cheapest from which speed on."""
    sentences: list[str] = []
    before: Point | None = None
    for point in best:
        if point.plan is None:
            limit = f"above {before.speed:.4g} tok/s" if before else f"at {point.speed:.4g} tok/s"
            return [*sentences, f"Nothing keeps the promise {limit}."]
        words, cost = " and ".join(point.kinds) or "nothing", usd(point.plan.objective_usd)
        if before is None:
            sentences.append(f"At {point.speed:.4g} tok/s the cheapest fleet is of {words}: {cost}.")
        elif point.kinds != before.kinds:
            between = f"Between {before.speed:.4g} and {point.speed:.4g} tok/s"
            sentences.append(f"{between} it changes to {words}: {cost}.")
        before = point
    if before is not None and before.plan is not None:
        sentences.append(f"At {before.speed:.4g} tok/s the fleet costs {usd(before.plan.objective_usd)}.")
    return sentences


def _figure(points: list[Point]) -> Curves:
    lines = []
    for name in dict.fromkeys(p.line for p in points):
        xy = tuple((p.speed, p.plan.objective_usd) for p in points if p.line == name and p.plan is not None)
        if len(xy) > 1:
            lines.append((name, xy))
    return Curves(
        "frontier",
        "Cost against speed",
        "Net present US dollars over the horizon by the speed promised to each user; both axes logarithmic.",
        Axis("speed for each user, tok/s", log=True),
        Axis("cost of the fleet, USD", "usd", log=True),
        tuple(lines),
    )


def _table(points: list[Point]) -> Table:
    columns = (
        Column("line", "line"),
        Column("tok_s_per_user", "tok/s for each user", "number"),
        Column("cost_usd", "cost of the fleet", "usd"),
        Column("usd_per_m_output_tokens", "USD per million output tokens", "usd"),
        Column("kinds", "served by"),
        Column("fleet", "fleet"),
        Column("gap", "gap", "share"),
    )
    rows: list[tuple[Any, ...]] = []
    for p in points:
        if p.plan is None:
            rows.append((p.line, p.speed, None, None, "", "nothing keeps the speed", None))
            continue
        plan = p.plan
        rows.append(
            (p.line, p.speed, plan.objective_usd, plan.usd_per_m_output_tokens, " and ".join(p.kinds),
             _fleet(plan), plan.gap)
        )  # fmt: skip
    caption = "Net present US dollars over the horizon; every fleet has passed the exact check."
    return Table("frontier", "Cost against speed", caption, columns, tuple(rows))


def _fleet(plan: Plan) -> str:
    """3 x dgx-b200, API tokens."""
    counts: dict[str, int] = {}
    for line in plan.systems:
        counts[line.system] = counts.get(line.system, 0) + line.count
    parts = [f"{count} x {system}" for system, count in sorted(counts.items())]
    return ", ".join(parts + (["API tokens"] if any(r.mode == "api" for r in plan.routes) else []))
