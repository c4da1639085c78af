"""The answer in one paragraph of plain words."""

from __future__ import annotations

from solver.domain.calendar import span
from solver.domain.told import Part, Told, in_line, joined, number_of, told
from solver.plan.findings import Alternative, Assumption, Goal
from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.fleet import FleetLine, Names, by_way, deciding, epoch_words, fleet, leverage
from solver.reports.traffic import Traffic
from solver.reports.units import dollars, percent, usd
from solver.reports.values import quantity_words, range_words, value_words

_VERBS = {
    "own": "keep, as already owned,",
    "rent": "rent for all hours",
    "spot": "rent at spot prices",
    "reserve": "reserve",
    "rent-hourly": "rent by the hour",
    "replace": "buy in place of worn systems",
}
_UNITS = {
    "cost": "the cheapest plan",
    "power": "the plan of least power",
    "carbon": "the plan of least carbon",
    "traffic": "the cheapest plan of most traffic",
}


#: A comparison whose proven end is this share below its cost is told as "at most".
OPEN_END = 2e-3


def answer(plan: Plan) -> str:
    """What to get, at what cost, how sure that is, what decides it, and what the runner-up costs."""
    return " ".join(plain(sentence) for sentence in sentences(plan))


def sentences(plan: Plan) -> list[Told]:
    """The sentences of the answer; the first one is the decision."""
    found = [
        _fleet_sentence(plan),
        _cost_sentence(plan),
        _sure_sentence(plan),
        _runner_up_sentence(plan),
        _entry_sentence(plan),
        _deciding_sentence(plan),
    ]
    return [sentence for sentence in found if sentence]


def _fleet_sentence(plan: Plan) -> Told:
    parts = [
        told(f"{_VERBS.get(way, way)} ", in_line([_line_words(plan, line) for line in lines]))
        for way, lines in by_way(fleet(plan)).items()
    ]
    parts += _api_words(plan)
    if not parts:
        return told("There is nothing to buy, rent or call: no service asks for any tokens.")
    sentence = joined("; ", parts, "; and ")
    first, *rest = sentence.parts
    return told(f"{str(first)[0].upper()}{str(first)[1:]}", *rest, ".")


def _line_words(plan: Plan, line: FleetLine) -> Told:
    sites = {s.site for s in plan.systems}
    where = f" for {line.site}" if len(sites) > 1 else ""
    when = epoch_words(plan, line.epoch, line.sold_epoch)
    changes = when and (line.epoch or line.sold_epoch is not None)
    most = "up to " if line.acquisition == "rent-hourly" else ""
    count = number_of(f"{line.count:,}", "systems")
    dated: tuple[Part, ...] = (" ", number_of(when, "epochs")) if changes else ()
    return told(most, count, f" × {line.name}{where}", *dated)


#: Pools that are full to the last request leave the room that exact shares need to a token API.
ROOM = 1e-7


def _api_words(plan: Plan) -> list[Told]:
    names, traffic = Names(plan), Traffic(plan)
    parts = []
    for service in traffic.services:
        for target, share in traffic.shares(service).items():
            if target.mode == "api" and share > ROOM:
                amount = "all" if share >= 1 - 1e-9 else number_of(percent(share), "serving")
                words = (f"call the {names.target(target)} for ", amount, f" of the {service} requests")
                parts.append(told(*words))
    return parts


def _cost_sentence(plan: Plan) -> Told:
    years = number_of(span(plan.horizon_years), "stated", "horizon.years")
    total = number_of(usd(plan.objective_usd), "costs")
    sentence = told("Over ", years, " this costs ", total, " in net present value")
    if plan.usd_per_m_tokens:
        sentence = told(
            sentence,
            ", ",
            number_of(dollars(plan.usd_per_m_tokens), "per_token"),
            " per million tokens (",
            number_of(dollars(plan.usd_per_m_output_tokens), "per_token"),
            " per million output tokens)",
        )
    if plan.objective == "traffic":
        served = number_of(percent(plan.served_share), "serving")
        sentence = told(sentence, ", and ", served, " of the requests are served")
    return told(sentence, ".")


def _sure_sentence(plan: Plan) -> Told:
    gap = number_of(percent(plan.gap), "bound")
    if plan.closed:
        kind = _UNITS.get(plan.objective, "the best plan")
        proof = told(f"It is proven to be {kind} for these inputs")
    elif plan.objective != "cost":
        proof = told("No plan can be better by more than ", gap)
    else:
        bound = number_of(usd(plan.bound_usd), "bound")
        proof = told("No plan can be cheaper by more than ", gap, " (proven bound ", bound, ")")
        if plan.outcome != "optimal":
            proof = told(f"The search ended early ({plan.outcome}). ", proof)
    checked = (
        "an independent exact check of every constraint and cost passed"
        if plan.verified
        else "it has NOT been verified"
    )
    return told(proof, f", and {checked}.")


def bounds_sentence(plan: Plan) -> str:
    """The gap that the solver claims, and the lower bound that exact arithmetic proves beside it."""
    claimed = f"Lower bound by the search of HiGHS: {usd(plan.bound_usd)} (gap {percent(plan.gap)})"
    if plan.goal is not None:
        claimed = f"{goal_sentence(plan.goal)} At that: {claimed[0].lower()}{claimed[1:]}"
    if plan.certified_bound_usd is None:
        return f"{claimed}; none is certified."
    total = plan.objective_usd
    gap = (total - plan.certified_bound_usd) / total if total > 0 else 0.0
    exact = f"{usd(plan.certified_bound_usd)} (gap {percent(gap)})"
    return f"{claimed}; by a shorter search without it, certified in exact arithmetic: {exact}."


def goal_sentence(goal: Goal) -> str:
    """What a plan reaches of another goal than cost, and the bound that exact arithmetic proves on it."""
    reached = f"The plan reaches {goal.value:,.6g} {goal.unit}"
    if goal.certified_bound is None:
        return f"{reached}; no bound on that is certified."
    return f"{reached}; certified in exact arithmetic: no plan less than {goal.certified_bound:,.6g}."


def runner_up(plan: Plan) -> Alternative | None:
    """The cheapest alternative that differs from the plan."""
    others = [a for a in plan.alternatives if a.feasible and a.objective_usd is not None]
    dearer = [a for a in others if (a.extra_usd or 0.0) > 1e-6 * max(1.0, plan.objective_usd)]
    return min(dearer, key=lambda a: a.objective_usd or 0.0, default=None)


def _runner_up_sentence(plan: Plan) -> Told:
    names, other = Names(plan), runner_up(plan)
    if other is not None and other.objective_usd is not None:
        extra = f" ({percent(other.extra_share, signed=True)})" if other.extra_share is not None else ""
        alone = len({s.system for s in plan.systems}) + any(r.mode == "api" for r in plan.routes) < 2
        which = "The next best kind of hardware alone" if alone else "The best single kind of hardware alone"
        fleet_of = number_of(names.in_words(other.fleet or other.name), "alternatives")
        cost = number_of(f"{usd(other.objective_usd)}{extra}", "alternatives")
        open_ = other.bound_usd is not None and other.bound_usd < other.objective_usd * (1 - OPEN_END)
        would = "would cost at most" if open_ else "would cost"
        return told(f"{which}, ", fleet_of, f", {would} ", cost, ".")
    if any(a.feasible for a in plan.alternatives) or not plan.alternatives:
        return told()
    if any(a.undecided for a in plan.alternatives):
        return told("Whether a single kind of hardware can do it alone was not settled in the time for it.")
    return told("No single kind of hardware can do it alone.")


def _entry_sentence(plan: Plan) -> Told:
    names = Names(plan)
    for entry in plan.break_even:
        if entry.price_enters_usd is not None:
            return told(
                f"{names.system(entry.system)} would enter the fleet at ",
                number_of(usd(entry.price_enters_usd), "break_even"),
                " instead of ",
                number_of(usd(entry.price_now_usd), "catalog", entry.system, "buy price"),
                " per system.",
            )
    return told()


def _deciding_sentence(plan: Plan) -> Told:
    ordered = deciding(plan)
    if not ordered or leverage(plan, ordered[0]) == 0 == ordered[0].cost_share:
        return told()
    first = ordered[0]
    origin = ("catalog", first.subject, first.quantity)
    value = number_of(f"{value_words(first)}{_range(first)}", *origin)
    of = "on" if first.quantity.startswith("throughput") else "of"
    subject = (
        number_of(quantity_words(first.quantity), *origin),
        f" {of} {Names(plan).system(first.subject)}",
    )
    part: tuple[Part, ...] = ()
    if first.cost_share:
        part = (", behind ", number_of(percent(first.cost_share), "costs"), " of the cost")
    return told("The answer rests most on the ", *subject, ": ", value, f", {first.evidence}", *part, ".")


def _range(assumption: Assumption) -> str:
    words = range_words(assumption)
    if not words:
        return ""
    one_sided = "up to " if assumption.low is None else "from " if assumption.high is None else "range "
    return f" ({one_sided}{words})"


def kept(promise: str, promised: float, reached: float) -> bool:
    """Whether a level reached keeps its promise: speeds must reach it, latencies must stay within."""
    tolerance = 1e-9 * abs(promised)
    return reached >= promised - tolerance if "speed" in promise else reached <= promised + tolerance
