"""Which single assumption flips the decision, and how far it is from today's value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from solver.domain.told import Origin, Told, number_of, told
from solver.errors import SolverError
from solver.plan.plan import Plan
from solver.whatif.cases import Answer, Case, Cell, factor, figure, kinds, percent, solved
from solver.whatif.effort import Over
from solver.whatif.fields import split
from solver.whatif.language import canonical
from solver.whatif.values import now

NARROW = 1.02  # a flip is told within 2 %
STEP = 1.25  # the first step away from today's value; each later one is its square


@dataclass(frozen=True)
class Knob:
    """An assumption that can be moved by a factor: the change ``field=x2``."""

    name: str
    field: str
    unit: str = ""

    def today(self, case: Case) -> float | None:
        """Today's value in ``unit``; None where a factor moves several values."""
        if not self.unit:
            return None
        field, subject = split(self.field)
        assert field is not None
        return now(case.loaded.workload, field, subject, case.catalog)

    def origin(self, case: Case) -> Origin:
        """Where today's value stands."""
        field, subject = split(self.field)
        assert field is not None
        if field.subject == "system":
            return ("catalog", subject, "buy price" if field.name == "price" else "rent price")
        if field.subject in ("service", "site"):
            many = case.loaded.workload.services if field.subject == "service" else case.loaded.workload.sites
            index = [entry.name for entry in many].index(subject)
            path = "services.{}.demand" if field.name == "demand" else field.target or field.path
            return ("stated", path.format(index))
        return ("stated", field.path.format(subject))


@dataclass(frozen=True)
class Flip:
    """Where a knob flips the decision: the last factor that keeps it, the first that does not."""

    knob: Knob
    kept: float
    at: float | None
    fleet: str


def knobs(case: Case, plan: Plan) -> list[Knob]:
    """Traffic, promises, energy, and the prices of what the plan uses and of what nearly entered."""
    workload = case.loaded.workload
    found = [Knob(f"demand of {s.name}", f"demand.{s.name}", "requests/s") for s in workload.services]
    stated = {offer.id for offer in workload.offers}
    for line in sorted(plan.systems, key=lambda s: (s.system, s.offer)):
        if line.offer in stated:
            found.append(Knob(f"price of the offer {line.offer}", f"offer.{line.offer}", "USD"))
        elif line.offer.endswith("/buy"):
            found.append(Knob(f"purchase price of {line.system}", f"price.{line.system}", "USD"))
        elif line.offer.endswith("/rent"):
            found.append(Knob(f"rental price of {line.system}", f"rental.{line.system}", "USD/h"))
    near = [b for b in plan.break_even if b.price_enters_usd is not None]
    found += [Knob(f"purchase price of {b.system}", f"price.{b.system}", "USD") for b in near[:2]]
    if any("api" in s.acquisitions for s in workload.services):
        found.append(Knob("prices of token APIs", "tokens.*"))
    found += [
        Knob(f"time per output token of {s.name}", f"tpot.{s.name}", "ms")
        for s in workload.services
        if s.levels.tpot_ms is not None
    ]
    found += [Knob(f"price of energy at {s.name}", f"energy.{s.name}", "USD/kWh") for s in workload.sites]
    return list(dict.fromkeys(found))


def flip(case: Case, most: str = "4") -> Answer:
    """How far each assumption must move, up or down, before other kinds of hardware are chosen."""
    reach = factor(most, 1.0, 100.0)
    plan = case.plan(compare=True)
    decided = kinds(plan)
    found: list[Flip] = []
    moves = [(knob, end) for knob in knobs(case, plan) for end in (1 / reach, reach)]
    over = ""
    try:
        for knob, end in moves:
            found.append(_flip(case, knob, end, decided))
    except Over as ending:
        if not found:
            raise
        over = f"{ending}: {len(found)} of {len(moves)} moves were followed to their end."
    found.sort(key=lambda f: abs(math.log(f.at)) if f.at else math.inf)
    return Answer(
        asked=told("Which single assumption flips the decision?"),
        words=_headline(case, found, decided, reach, " of those tried" if over else ""),
        columns=(
            "assumption",
            "today",
            "flips at",
            "times today",
            "kept at (times today)",
            "then the fleet is",
        ),
        rows=tuple(_row(case, f) for f in found),
        notes=(
            f"Found by halving the interval to {percent(NARROW - 1)}; each end is a verified plan. "
            "The decision: which systems are got in which way. Other flips beyond exist.",
            *((over,) if over else ()),
        ),
        complete=not over,
    )


def _headline(case: Case, found: list[Flip], decided: frozenset[str], reach: float, tried: str) -> Told:
    nearest = found[0] if found else None
    if nearest is None or nearest.at is None:
        ends = number_of(f"a {reach:g}th and {reach:g} times", "asked", "flip")
        return told(f"No single assumption{tried} flips the decision between ", ends, " its value.")
    moved = solved(percent(nearest.at - 1, "+.0f"))
    today, where = nearest.knob.today(case), told()
    if today is not None:
        value = number_of(figure(today, 6), *nearest.knob.origin(case))
        where = told(", from ", value, " to ", solved(figure(today * nearest.at, 6)), f" {nearest.knob.unit}")
    return told(
        f"The decision ({', '.join(sorted(decided)) or 'nothing'}) flips first{',' * bool(tried)}{tried}"
        f"{',' * bool(tried)} with the {nearest.knob.name}: at ",
        *(
            solved(f"{nearest.at:.3g} times"),
            " its present value (",
            moved,
            where,
        ),
        f") it becomes {nearest.fleet}.",
    )


def _row(case: Case, found: Flip) -> tuple[Cell, ...]:
    today, knob = found.knob.today(case), found.knob
    name = f"{knob.name} ({knob.unit})" if knob.unit else knob.name
    if found.at is None:
        return (name, today, None, None, found.kept, f"no flip to {found.kept:.3g} times")
    return (name, today, None if today is None else today * found.at, found.at, found.kept, found.fleet)


def _flip(case: Case, knob: Knob, end: float, decided: frozenset[str]) -> Flip:
    """Widening steps to ``end`` until the decision is another one; then the interval is halved."""

    def other(moved: float) -> frozenset[str] | None:
        """What is decided with the knob at ``moved`` times its value; None if the same, or not known.

        Raises Over.
        """
        try:
            line = canonical(f"{knob.field}=x{moved:.9f}", case.loaded, case.catalog)
            result = case.ask(f"{knob.name} x{moved:.3g}", case.changed(line))
        except Over:
            raise
        except SolverError:
            return None
        if result.plan is None:
            return frozenset({result.outcome}) if result.outcome == "infeasible" else None
        found = kinds(result.plan)
        return None if found == decided else found

    same, step = 1.0, (STEP if end > 1 else 1 / STEP)
    moved = step
    flipped = other(moved)
    while flipped is None and moved != end:
        same = moved
        moved = min(moved * step * step, end) if end > 1 else max(moved * step * step, end)
        flipped = other(moved)
    if flipped is None:
        return Flip(knob, end, None, "")
    while max(moved / same, same / moved) > NARROW:
        middle = math.sqrt(moved * same)
        found = other(middle)
        if found is None:
            same = middle
        else:
            moved, flipped = middle, found
    return Flip(knob, same, moved, ", ".join(sorted(flipped)))
