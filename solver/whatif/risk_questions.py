"""Questions about what may come otherwise: late vendors, the next generation, regret."""

from __future__ import annotations

import math

from solver.domain.told import number_of, told
from solver.errors import InputError
from solver.plan.plan import Plan, Route
from solver.time_value import MONTHS
from solver.whatif.cases import Answer, Case, factor, fleet_words, percent, solved


def late(case: Case, system: str, months: str = "6") -> Answer:
    """A system on time, so many months late, and never; the fleet may change when it arrives."""
    name = case.system(system)
    delay, date = delivery(case, months)
    step = decisions(case, delay)
    free = case.changed(f"epoch={step / MONTHS!r}")
    variants = (
        ("on time", free),
        (f"from {date}", case.changed(f"from.{name}={date}", base=free)),
        ("never", case.changed(f"exclude={name}", base=free)),
    )
    results = [(words, case.ask(words, loaded)) for words, loaded in variants]
    on_time, delayed = results[0][1].plan, results[1][1].plan
    asked = number_of(f"{delay} months", "asked", "late")
    if on_time is None:
        head = told("There is no plan even on time: ", solved(results[0][1].message))
    elif delayed is None:
        head = told(f"With {name} ", asked, " late there is no plan: ", solved(results[1][1].message))
    else:
        extra = delayed.objective_usd - on_time.objective_usd
        cost = solved(f"${extra:,.0f} ({percent(extra / on_time.objective_usd, '+.1f')})")
        head = (
            told(asked, f" without {name} cost ", cost, ".")
            if extra > 0.005
            else told(f"Nothing: no plan loses by {name} coming ", asked, " late.")
        )
    return Answer(
        asked=told(f"What if {name} comes ", asked, " late?"),
        words=head,
        columns=("delivery", "cost (USD)", "fleet (most at once)"),
        rows=tuple(
            (w, r.plan.objective_usd if r.plan else None, fleet_words(r.plan) if r.plan else r.message)
            for w, r in results
        ),
        notes=(f"In all three the fleet may change every {step} months.",),
    )


def decisions(case: Case, delay: int) -> int:
    """Months between purchase decisions, so that one falls on the delivery and on each change of demand."""
    workload = case.loaded.workload
    months = [MONTHS] if any(s.demand.growth_per_year for s in workload.services) else []
    months += [round(MONTHS * t) for s in workload.services for t in s.changes(workload.horizon.start)]
    return math.gcd(delay, *months)


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
    step = decisions(case, delay)
    free = case.changed(f"epoch={step / MONTHS!r}")
    without = case.plan(f"without {name}", case.changed(f"exclude={name}", base=free))
    waiting = case.plan(f"{name} from {date}", case.changed(f"from.{name}={date}", base=free))
    saved = without.objective_usd - waiting.objective_usd
    later = sum(s.count for s in waiting.systems if s.system == name and waiting.way(s) == "buy")
    comes = number_of(date, "asked", "wait")
    if not any(s.system == name for s in waiting.systems):
        head = told(f"Do not wait: {name} is not used even when it comes, in ", comes, ".")
    else:
        number = solved(f"{later:,}") if later else "rented"
        head = told(
            *("Now get ", solved(at_start(waiting)), "; from ", comes, " on get ", number, f" × {name}. "),
            *(
                "Knowing that it comes saves ",
                solved(f"${saved:,.0f} ({percent(saved / without.objective_usd, '.1f')})"),
            ),
            ".",
        )
    return Answer(
        asked=told(f"Buy now, or wait for {name} in ", number_of(f"{delay} months", "asked", "wait"), "?"),
        words=head,
        columns=("case", "cost (USD)", "at the start", "fleet (most at once)"),
        rows=tuple(
            (words, plan.objective_usd, at_start(plan), fleet_words(plan))
            for words, plan in ((f"without {name}", without), (f"{name} from {date}", waiting))
        ),
        notes=(f"The fleet may change every {step} months.",),
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
        if plan.way(line) == "buy" and line.epoch == 0:
            bought[line.system] = bought.get(line.system, 0) + line.count
    other = case.scaled(times)
    minimum = dict(other.workload.hardware.minimum)
    stuck = case.changed(
        *(f"minimum.{s}={max(n, minimum.get(s, 0))}" for s, n in sorted(bought.items())), base=other
    )
    scaled = f"{times:g} times the demand"
    best, held = case.plan(f"best for {scaled}", other), case.ask(f"today's purchases, {scaled}", stuck)
    asked = number_of(f"{times:g} times", "asked", "regret")
    if held.plan is None:
        head = told("With today's purchases ", asked, " the demand has no plan: ", solved(held.message))
    else:
        loss = held.plan.objective_usd - best.objective_usd
        cost = solved(f"${loss:,.0f}")
        share = solved(percent(loss / best.objective_usd, "+.0f"))
        head = (
            told(
                *("At ", asked, " the demand, today's purchases cost ", cost),
                *(" more than those one would have made (", share, ")."),
            )
            if loss > 0.005
            else told("Nothing: today's purchases are right at ", asked, " the demand too.")
        )
    rows = [("today's plan, today's demand", plan.objective_usd, fleet_words(plan))]
    rows.append((f"best for {scaled}", best.objective_usd, fleet_words(best)))
    if held.plan is not None:
        rows.append((f"today's purchases, {scaled}", held.plan.objective_usd, fleet_words(held.plan)))
    return Answer(
        asked=told("What do we regret if demand is ", asked, " what we think?"),
        words=head,
        columns=("case", "cost (USD)", "fleet"),
        rows=tuple(rows),
    )
