"""Questions about what may come otherwise: flipped decisions, late vendors, the next generation, regret."""

from __future__ import annotations

import math
from dataclasses import dataclass

from solver.errors import InputError, SolverError
from solver.plan.plan import Plan, Route
from solver.time_value import MONTHS
from solver.whatif.cases import Answer, Case, Cell, factor, fleet_words, kinds
from solver.whatif.language import canonical


@dataclass(frozen=True)
class Knob:
    """An assumption that can be moved by a factor."""

    name: str
    line: str  # a change with {} for the factor


def knobs(case: Case, plan: Plan) -> list[Knob]:
    """Prices of what the plan uses and of what nearly entered, demand, energy."""
    found = [Knob(f"demand of {s.name}", f"demand.{s.name}=x{{}}") for s in case.loaded.workload.services]
    for system, way in sorted({(s.system, s.acquisition) for s in plan.systems}):
        field, word = ("price", "purchase price") if way == "buy" else ("rental", "rental price")
        found.append(Knob(f"{word} of {system}", f"{field}.{system}=x{{}}"))
    near = [b for b in plan.break_even if b.price_enters_usd is not None]
    for entry in near[:2]:
        found.append(Knob(f"purchase price of {entry.system}", f"price.{entry.system}=x{{}}"))
    return found


def flip(case: Case, most: str = "4") -> Answer:
    """How far each assumption must move, up or down, before other kinds of hardware are chosen."""
    reach = factor(most, 1.0, 100.0)
    plan = case.plan(compare=True)
    decided = kinds(plan)
    rows: list[tuple[Cell, ...]] = []
    for knob in knobs(case, plan):
        for end in (1 / reach, reach):
            rows.append(_flip_row(case, knob, end, decided))
    rows.sort(key=lambda row: abs(math.log(row[1])) if isinstance(row[1], float) else math.inf)
    nearest = rows[0] if rows and isinstance(rows[0][1], float) else None
    if nearest is None:
        head = f"No single assumption flips the decision between a {reach:g}th and {reach:g} times its value."
    else:
        assert isinstance(nearest[1], float)
        head = (
            f"The decision ({', '.join(sorted(decided)) or 'nothing'}) flips first with the {nearest[0]}: "
            f"at {nearest[1]:.3g} times its present value it becomes {nearest[2]}."
        )
    return Answer(
        question="Which single assumption flips the decision?",
        headline=head,
        columns=("assumption", "flips at (times today)", "then the fleet is", "note"),
        rows=tuple(rows),
        notes=(
            "Found by halving the interval to 2 %; each end is a verified plan. Other flips beyond exist.",
        ),
    )


def _flip_row(case: Case, knob: Knob, end: float, decided: frozenset[str]) -> tuple[Cell, ...]:
    def other(moved: float) -> frozenset[str] | None:
        try:
            line = canonical(knob.line.format(f"{moved:.9f}"), case.loaded, case.catalog)
            result = case.ask(case.changed(line))
        except SolverError:
            return None
        if result.plan is None:
            return frozenset({result.outcome}) if result.outcome == "infeasible" else None
        found = kinds(result.plan)
        return None if found == decided else found

    same, step = 1.0, (1.25 if end > 1 else 0.8)
    moved = step
    flipped = other(moved)
    while flipped is None and moved != end:
        same = moved
        moved = min(moved * step * step, end) if end > 1 else max(moved * step * step, end)
        flipped = other(moved)
    if flipped is None:
        return (knob.name, None, None, f"no flip to {end:.3g} times")
    while max(moved / same, same / moved) > 1.02:
        middle = math.sqrt(moved * same)
        found = other(middle)
        if found is None:
            same = middle
        else:
            moved, flipped = middle, found
    return (knob.name, moved, ", ".join(sorted(flipped)), f"still the same at {same:.3g} times")


def late(case: Case, system: str, months: str = "6") -> Answer:
    """A system on time, so many months late, and never; the fleet may change when it arrives."""
    name = case.system(system)
    delay, date = delivery(case, months)
    free = case.changed(f"epoch={delay / MONTHS!r}")
    variants = (
        ("on time", free),
        (f"from {date}", case.changed(f"from.{name}={date}", base=free)),
        ("never", case.changed(f"exclude={name}", base=free)),
    )
    results = [(words, case.ask(loaded)) for words, loaded in variants]
    on_time, delayed = results[0][1].plan, results[1][1].plan
    if on_time is None:
        head = f"There is no plan even on time: {results[0][1].message}"
    elif delayed is None:
        head = f"With {name} {delay} months late there is no plan: {results[1][1].message}"
    else:
        extra = delayed.objective_usd - on_time.objective_usd
        head = (
            f"{delay} months without {name} cost ${extra:,.0f} ({extra / on_time.objective_usd:+.1%})."
            if extra > 0.005
            else f"Nothing: no plan loses by {name} coming {delay} months late."
        )
    return Answer(
        question=f"What if {name} comes {delay} months late?",
        headline=head,
        columns=("delivery", "cost (USD)", "fleet (most at once)"),
        rows=tuple(
            (w, r.plan.objective_usd if r.plan else None, fleet_words(r.plan) if r.plan else r.message)
            for w, r in results
        ),
        notes=(f"In all three the fleet may change every {delay} months.",),
    )


def delivery(case: Case, months: str) -> tuple[int, str]:
    """Months of a delay, and the month in which the system comes."""
    delay = int(months) if months.isdecimal() and 0 < int(months) <= 120 else 0
    horizon = case.loaded.workload.horizon
    if not delay or delay / MONTHS >= horizon.years:
        raise InputError.at(months[:20], 0, "is no delay within the horizon", "write months, such as 6")
    year, month = (int(part) for part in horizon.start.split("-"))
    month += delay - 1
    return delay, f"{year + month // MONTHS}-{month % MONTHS + 1:02d}"


def wait(case: Case, system: str, months: str = "12") -> Answer:
    """What the next generation, coming in so many months, does to what is bought now."""
    name = case.system(system)
    delay, date = delivery(case, months)
    free = case.changed(f"epoch={delay / MONTHS!r}")
    without = case.plan(case.changed(f"exclude={name}", base=free))
    waiting = case.plan(case.changed(f"from.{name}={date}", base=free))
    saved = without.objective_usd - waiting.objective_usd
    later = sum(s.count for s in waiting.systems if s.system == name and s.acquisition == "buy")
    if not any(s.system == name for s in waiting.systems):
        head = f"Do not wait: {name} is not used even when it comes, in {date}."
    else:
        head = (
            f"Now get {at_start(waiting)}; from {date} on get {later or 'rented'} × {name}. Knowing that it "
            f"comes saves ${saved:,.0f} ({saved / without.objective_usd:.1%})."
        )
    return Answer(
        question=f"Buy now, or wait for {name} in {delay} months?",
        headline=head,
        columns=("case", "cost (USD)", "at the start", "fleet (most at once)"),
        rows=tuple(
            (words, plan.objective_usd, at_start(plan), fleet_words(plan))
            for words, plan in ((f"without {name}", without), (f"{name} from {date}", waiting))
        ),
        notes=(f"The fleet may change every {delay} months.",),
    )


def at_start(plan: Plan) -> str:
    """The fleet of the first stretch of time."""
    first = [s for s in plan.systems if s.epoch == 0]
    return fleet_words(plan.model_copy(update={"systems": tuple(first), "routes": first_routes(plan)}))


def first_routes(plan: Plan) -> tuple[Route, ...]:
    """Who serves what in the first stretch of time."""
    return tuple(r for r in plan.routes if plan.periods[r.period]["epoch"] == 0)


def regret(case: Case, times_words: str = "0.5") -> Answer:
    """What today's purchases cost more than the right ones, if demand turns out otherwise."""
    times = factor(times_words, 0.0, 1000.0)
    plan = case.plan()
    bought: dict[str, int] = {}
    for line in plan.systems:
        if line.acquisition == "buy" and not line.offer.endswith("/owned"):
            bought[line.system] = bought.get(line.system, 0) + line.count
    other = case.scaled(times)
    minimum = dict(other.workload.hardware.minimum)
    stuck = case.changed(
        *(f"minimum.{s}={max(n, minimum.get(s, 0))}" for s, n in sorted(bought.items())), base=other
    )
    best, held = case.plan(other), case.ask(stuck)
    if held.plan is None:
        head = f"With today's purchases {times:g} times the demand has no plan: {held.message}"
    else:
        loss = held.plan.objective_usd - best.objective_usd
        head = (
            f"At {times:g} times the demand, today's purchases cost ${loss:,.0f} more than those one would "
            f"have made ({loss / best.objective_usd:+.0%})."
            if loss > 0.005
            else f"Nothing: today's purchases are right at {times:g} times the demand too."
        )
    rows = [("today's plan, today's demand", plan.objective_usd, fleet_words(plan))]
    rows.append((f"best for {times:g} times the demand", best.objective_usd, fleet_words(best)))
    if held.plan is not None:
        rows.append(
            (
                f"today's purchases, {times:g} times the demand",
                held.plan.objective_usd,
                fleet_words(held.plan),
            )
        )
    return Answer(
        question=f"What do we regret if demand is {times:g} times what we think?",
        headline=head,
        columns=("case", "cost (USD)", "fleet"),
        rows=tuple(rows),
    )
