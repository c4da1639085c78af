"""Questions about volume and speed: what a budget serves, what more costs, which way is cheapest."""

from __future__ import annotations

import math

from solver.domain.told import number_of, told
from solver.errors import InputError, UsageError
from solver.plan.plan import Plan
from solver.whatif.cases import Answer, Case, Cell, factor, fleet_words, solved


def afford(case: Case, budget: str) -> Answer:
    """The most demand, at today's mix, that a budget for everything (net present dollars) can serve."""
    limit = dollars_of(budget)
    case, objective = case.by_cost(), case.loaded.workload.objective
    plan = case.plan()
    low, high = 0.0, 0.0
    factor, found = limit / plan.objective_usd if plan.objective_usd else 1.0, dict[float, Plan]()
    for _ in range(40):
        factor = min(max(factor, 1e-6), 1e6)
        result = case.ask(case.scaled(factor))
        if result.plan is not None and result.plan.objective_usd <= limit:
            low, found[factor] = factor, result.plan
        else:
            high = factor
        if low and high and high / low < 1.01:
            break
        if factor in (1e-6, 1e6):
            break
        factor = math.sqrt(low * high) if low and high else (low * 1.5 if low else high / 2)
    rows = [_served(case, f, found[f]) for f in sorted(found)]
    money = number_of(f"${limit:,.0f}", "asked", "afford")
    head = told(money, " serve no traffic at all with these promises.")
    if low:
        most = found[low]
        years = number_of(f"{most.horizon_years:g} years", "stated", "horizon.years")
        head = told(
            *(money, " (net present, over ", years, ") serve ", solved(f"{low * case.rps:,.4g}")),
            *(" requests/s on average, ", solved(f"{low:.3g} times"), " today's demand, with "),
            *(solved(fleet_words(most)), "."),
        )
    notes: tuple[str, ...] = (
        (f"{high:.4g} times today's demand costs more or cannot be served.",) if high else ()
    )
    if objective != "cost":
        notes += (f"Answered by the cheapest plans; the objective of this state is {objective}.",)
    return Answer(
        asked=told("What can we serve for ", money, "?"),
        words=head,
        columns=("demand (times today)", "requests/s", "cost (USD)", "USD per M output tokens", "fleet"),
        rows=tuple(rows[-6:]),
        notes=notes,
    )


def _served(case: Case, factor: float, plan: Plan) -> tuple[Cell, ...]:
    return (
        factor,
        factor * case.rps,
        plan.objective_usd,
        plan.usd_per_m_output_tokens,
        fleet_words(plan),
    )


def dollars_of(text: str) -> float:
    """Dollars from ``12M``, ``$12M``, ``12 M$``."""
    from solver.inputs.units import parse_quantity

    try:
        value = float(parse_quantity(text, "USD", bare=True))
    except ValueError as error:
        raise InputError.at(text[:40], 0, f"is not an amount of money ({error})", "write 12M") from None
    if not value > 0:
        raise InputError.at(text[:40], 0, "is not more than nothing", "write 12M")
    return value


def next_traffic(case: Case, more: str = "10 %") -> Answer:
    """The cost of more traffic, beside the average cost of today's."""
    share = share_of(more)
    now = case.plan()
    then = case.plan(case.scaled(1 + share))
    extra = then.objective_usd - now.objective_usd
    average = now.objective_usd * share
    tokens = now.objective_usd / now.usd_per_m_output_tokens if now.usd_per_m_output_tokens else 0.0
    marginal = extra / (tokens * share) if tokens else 0.0
    part = number_of(f"{share:.0%}", "asked", "next")
    head = told(
        *("The next ", part, " of traffic cost ", solved(f"${extra:,.0f}"), ", ", solved(f"${marginal:.4g}")),
        " per million output tokens; the average today is ",
        *(number_of(f"${now.usd_per_m_output_tokens:.4g}", "per_token"), "."),
        " The fleet has room for it." if extra < 0.01 * average else "",
    )
    return Answer(
        asked=told("What does the next ", part, " of traffic cost?"),
        words=head,
        columns=("demand (times today)", "cost (USD)", "USD per M output tokens", "fleet"),
        rows=tuple(
            (f, p.objective_usd, p.usd_per_m_output_tokens, fleet_words(p))
            for f, p in ((1.0, now), (1 + share, then))
        ),
    )


def share_of(text: str) -> float:
    """A share from ``10 %`` or ``0.1``."""
    try:
        value = float(text.strip(" %+")) / (100 if "%" in text else 1)
    except ValueError:
        raise InputError.at(text[:40], 0, "is not a share", "write 10 %") from None
    if not 0 < value <= 100:
        raise InputError.at(text[:40], 0, "is out of range", "write 10 %")
    return value


def speed(case: Case, span: str = "4") -> Answer:
    """Cost against speed: all promised times per output token scaled up and down together."""
    reach = factor(span, 1.0, 100.0)
    promised = [s for s in case.loaded.workload.services if s.levels.tpot_ms is not None]
    if not promised:
        raise UsageError("no service promises a time per output token; set tpot.SERVICE=50 ms first")
    rows: list[tuple[Cell, ...]] = []
    found: dict[float, float] = {}
    for times in (reach, math.sqrt(reach), 1.0, 1 / math.sqrt(reach), 1 / reach):
        lines = [f"tpot.{s.name}={(s.levels.tpot_ms or 0.0) * times!r} ms" for s in promised]
        result = case.ask(case.changed(*lines))
        slowest = min(1000 / ((s.levels.tpot_ms or 1.0) * times) for s in promised)
        cost = None if result.plan is None else result.plan.objective_usd
        if cost is not None:
            found[times] = cost
        rows.append(
            (1 / times, slowest, cost, fleet_words(result.plan) if result.plan else result.message[:200])
        )
    fastest = min(found, default=0.0)
    if 1.0 in found and fastest < 1:
        extra = found[fastest] - found[1.0]
        more = solved(f"${extra:,.0f} more ({extra / found[1.0]:+.0%})")
        head = told(solved(f"{1 / fastest:.3g} times"), " the speed costs ", more, ".")
    else:
        head = told("Nothing faster than what is promised today can be served.")
    return Answer(
        asked=told("What does speed cost?"),
        words=head,
        columns=("speed (times today)", "tokens/s of each user, at least", "cost (USD)", "fleet"),
        rows=tuple(rows),
    )
