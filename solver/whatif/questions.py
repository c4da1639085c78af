"""Questions of a budget meeting, each answered by solving and never by extrapolating.

Every figure is the cost of a verified plan. What is searched (a volume, a break-even) is told as the bracket
between the last plan on one side and the first on the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solver.domain.catalog import Catalog
from solver.domain.quantity import Frozen
from solver.domain.workload import LoadedWorkload
from solver.errors import InputError, SolverError, UsageError
from solver.plan.plan import Plan
from solver.whatif.difference import fleet_counts, serving
from solver.whatif.fields import find, subjects
from solver.whatif.language import apply_change, canonical, mean_rps
from solver.whatif.planner import Planner, Result

Cell = str | float | None


class Answer(Frozen):
    """An answer: the sentence, and the table it rests on. A column's unit stands in its name."""

    question: str
    headline: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """The state that is asked about."""

    loaded: LoadedWorkload
    catalog: Catalog
    planner: Planner

    def ask(self, loaded: LoadedWorkload, compare: bool = False) -> Result:
        """The result of a variant."""
        return self.planner.result(loaded, compare)

    def plan(self, loaded: LoadedWorkload | None = None, compare: bool = False) -> Plan:
        """The plan of the state or a variant; InfeasibleError-like endings become a UsageError."""
        result = self.ask(self.loaded if loaded is None else loaded, compare)
        if result.plan is None:
            raise UsageError(f"there is no plan to start from ({result.outcome}): {result.message}")
        return result.plan

    def changed(self, *lines: str, base: LoadedWorkload | None = None) -> LoadedWorkload:
        """The workload after changes in canonical form."""
        loaded = self.loaded if base is None else base
        for line in lines:
            loaded = apply_change(loaded, line, self.catalog)
        return loaded

    def scaled(self, factor: float) -> LoadedWorkload:
        """The workload with all demand times a factor."""
        return self.changed(f"demand.*=x{factor:.12f}")

    def system(self, word: str) -> str:
        """The id of the system that a word means."""
        return find(word, subjects("system", self.loaded.workload, self.catalog), "system")

    @property
    def rps(self) -> float:
        """Mean requests per second of all services, in the first year."""
        return math.fsum(mean_rps(s) for s in self.loaded.workload.services)


def fleet_words(plan: Plan) -> str:
    """``3 × 8x H200 server (buy), DeepInfra API 12 %``."""
    names = {s.system: s.name for s in plan.systems}
    parts = [f"{count:,} × {names[s]} ({way})" for (s, _, way), count in sorted(fleet_counts(plan).items())]
    apis: dict[str, list[float]] = {}
    for (_, server), share in serving(plan).items():
        if server.endswith(" API"):
            apis.setdefault(server, []).append(share)
    parts += [f"{api} ({max(shares):.0%} of a service)" for api, shares in sorted(apis.items())]
    return ", ".join(parts) or "nothing"


def kinds(plan: Plan) -> frozenset[str]:
    """The decision without its numbers: which systems got in which way, and whether tokens are bought."""
    found = {f"{system} ({way})" for (system, _, way), count in fleet_counts(plan).items() if count}
    if any(route.mode == "api" for route in plan.routes):
        found.add("API")
    return frozenset(found)


# -- what can we serve for $X -----------------------------------------------------------------------


def afford(case: Case, budget: str) -> Answer:
    """The most demand, at today's mix, that a budget for everything (net present dollars) can serve."""
    limit = dollars_of(budget)
    plan = case.plan()
    if plan.objective != "cost":
        raise UsageError("the objective is not cost; set objective=cost first")
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
    head = f"${limit:,.0f} serve no traffic at all with these promises."
    if low:
        most = found[low]
        head = (
            f"${limit:,.0f} (net present, over {most.horizon_years:g} years) serve {low * case.rps:,.4g} "
            f"requests/s on average, {low:.3g} times today's demand, with {fleet_words(most)}."
        )
    notes = (f"{high:.4g} times today's demand costs more or cannot be served.",) if high else ()
    return Answer(
        question=f"What can we serve for ${limit:,.0f}?",
        headline=head,
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


# -- what does the next 10 % cost -------------------------------------------------------------------


def next_traffic(case: Case, more: str = "10 %") -> Answer:
    """The cost of more traffic, beside the average cost of today's."""
    share = share_of(more)
    now = case.plan()
    then = case.plan(case.scaled(1 + share))
    extra = then.objective_usd - now.objective_usd
    average = now.objective_usd * share
    tokens = now.objective_usd / now.usd_per_m_output_tokens if now.usd_per_m_output_tokens else 0.0
    marginal = extra / (tokens * share) if tokens else 0.0
    head = (
        f"The next {share:.0%} of traffic cost ${extra:,.0f}, ${marginal:.4g} per million output tokens; "
        f"the average today is ${now.usd_per_m_output_tokens:.4g}."
    )
    if extra < 0.01 * average:
        head += " The fleet has room for it."
    return Answer(
        question=f"What does the next {share:.0%} of traffic cost?",
        headline=head,
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


# -- which assumption flips the decision ------------------------------------------------------------


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
    reach = float(most.strip("x"))
    if not 1 < reach <= 100:
        raise InputError.at(most, 0, "is out of range", "write a factor of 1.1 to 100")
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
    def other(factor: float) -> frozenset[str] | None:
        try:
            line = canonical(knob.line.format(f"{factor:.9f}"), case.loaded, case.catalog)
            result = case.ask(case.changed(line))
        except SolverError:
            return None
        if result.plan is None:
            return frozenset({result.outcome}) if result.outcome == "infeasible" else None
        found = kinds(result.plan)
        return None if found == decided else found

    same, step = 1.0, (1.25 if end > 1 else 0.8)
    factor = step
    flipped = other(factor)
    while flipped is None and factor != end:
        same = factor
        factor = min(factor * step * step, end) if end > 1 else max(factor * step * step, end)
        flipped = other(factor)
    if flipped is None:
        return (knob.name, None, None, f"no flip to {end:.3g} times")
    while max(factor / same, same / factor) > 1.02:
        middle = math.sqrt(factor * same)
        found = other(middle)
        if found is None:
            same = middle
        else:
            factor, flipped = middle, found
    return (knob.name, factor, ", ".join(sorted(flipped)), f"still the same at {same:.3g} times")


# -- what if the vendor delivers late ---------------------------------------------------------------


def late(case: Case, system: str, months: str = "6") -> Answer:
    """A system on time, so many months late, and never; the fleet may change when it arrives."""
    from solver.time_value import MONTHS

    name = case.system(system)
    delay = int(months) if months.isdecimal() and 0 < int(months) <= 120 else 0
    horizon = case.loaded.workload.horizon
    if not delay or delay / MONTHS >= horizon.years:
        raise InputError.at(months[:20], 0, "is no delay within the horizon", "write months, such as 6")
    year, month = (int(part) for part in horizon.start.split("-"))
    month += delay - 1
    date = f"{year + month // MONTHS}-{month % MONTHS + 1:02d}"
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


# -- what do we regret ------------------------------------------------------------------------------


def regret(case: Case, factor: str = "0.5") -> Answer:
    """What today's purchases cost more than the right ones, if demand turns out otherwise."""
    try:
        times = float(factor.strip("x× "))
    except ValueError:
        raise InputError.at(factor[:20], 0, "is not a factor", "write 0.5 for half") from None
    if not 0 < times <= 1000:
        raise InputError.at(factor[:20], 0, "is out of range", "write 0.5 for half")
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


# -- rent, buy or API -------------------------------------------------------------------------------

WAYS = ("buy", "rent", "api")


def ways(case: Case, span: str = "10") -> Answer:
    """Cost by way and volume, and the volumes at which the cheapest way changes."""
    reach = float(span.strip("x×"))
    if not 1 < reach <= 1e4:
        raise InputError.at(span[:20], 0, "is out of range", "write a factor of 1.1 to 10000")
    root = math.sqrt(reach)
    volumes = [1 / reach, 1 / root, 1.0, root, reach]
    table = {v: _by_way(case, v) for v in volumes}
    flips: list[tuple[float, str, str]] = []
    for low, high in itertools.pairwise(volumes):
        first, last = _cheapest(table[low]), _cheapest(table[high])
        if first != last and first and last:
            flips.append(_crossing(case, low, high, first))
    parts = [f"from {a} to {b} at {v:.3g} times today ({v * case.rps:,.4g} requests/s)" for v, a, b in flips]
    now = _cheapest(table[1.0])
    head = (
        f"Today {_word(now)} is the cheapest single way." if now else "No single way serves today's demand."
    )
    head += f" It flips {'; '.join(parts)}." if parts else f" It does not flip within {reach:g} times."
    return Answer(
        question="Rent, buy or API, and at which volume does it flip?",
        headline=head,
        columns=("demand (times today)", "requests/s", *(f"{_word(w)} (USD)" for w in WAYS), "all (USD)"),
        rows=tuple((v, v * case.rps, *(table[v][w] for w in WAYS), table[v]["all"]) for v in volumes),
        notes=("Empty: that way alone cannot keep the promises. `all` mixes the ways.",),
    )


def _word(way: str) -> str:
    return {"buy": "buying", "rent": "renting", "api": "token APIs", "": "none"}[way]


def _by_way(case: Case, factor: float, which: Sequence[str] = (*WAYS, "all")) -> dict[str, float | None]:
    loaded, found = case.scaled(factor), dict[str, float | None]()
    for way in which:
        try:
            variant = loaded if way == "all" else case.changed(f"ways.*={way}", base=loaded)
            plan = case.ask(variant).plan
        except SolverError:
            plan = None
        found[way] = None if plan is None else plan.objective_usd
    return found


def _cheapest(costs: dict[str, float | None]) -> str:
    known = [(cost, way) for way in WAYS if (cost := costs.get(way)) is not None]
    return min(known)[1] if known else ""


def _crossing(case: Case, low: float, high: float, first: str) -> tuple[float, str, str]:
    last = first
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        way = _cheapest(_by_way(case, middle, WAYS))
        if way == first:
            low = middle
        else:
            high, last = middle, way
    if last == first:
        last = _cheapest(_by_way(case, high, WAYS))
    return high, _word(first), _word(last)


@dataclass(frozen=True)
class Question:
    """A named question: how it is asked and who answers it."""

    name: str
    words: str
    usage: str
    answer: Callable[..., Answer]
    least: int  # arguments
    most: int


QUESTIONS = {
    q.name: q
    for q in (
        Question("afford", "What can we serve for $X?", "afford 12M", afford, 1, 1),
        Question("next", "What does the next 10 % of traffic cost?", "next 10 %", next_traffic, 0, 1),
        Question("flip", "Which single assumption flips the decision?", "flip", flip, 0, 1),
        Question("late", "What if the vendor delivers six months late?", "late dgx-b200 6", late, 1, 2),
        Question("regret", "What do we regret if demand is half?", "regret 0.5", regret, 0, 1),
        Question("ways", "Rent, buy or API, and at which volume does it flip?", "ways", ways, 0, 1),
    )
}


def answer(case: Case, name: str, arguments: Sequence[str]) -> Answer:
    """The answer to a named question."""
    question = QUESTIONS.get(name)
    if question is None:
        raise UsageError(f"no question is called '{name[:40]}'; write one of {', '.join(QUESTIONS)}")
    given = [a for a in arguments if a]
    if not question.least <= len(given) <= question.most:
        raise UsageError(f"'{name}' is asked like this: ask {question.usage}")
    try:
        return question.answer(case, *given)
    except ValueError:
        raise UsageError(f"'{' '.join(given)[:60]}' is not understood; write ask {question.usage}") from None
