"""What a budget serves: the most demand, at today's mix, with a plan, and a proof that more costs more."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from solver.domain.calendar import span
from solver.domain.told import Number, Told, number_of, told
from solver.errors import InputError
from solver.plan.plan import Plan
from solver.whatif.cases import Answer, Case, Cell, figure, fleet_words, solved
from solver.whatif.effort import Over
from solver.whatif.planner import Result

#: The answer is told to this ratio; each plan to this gap, so that whole numbers far from it take no time.
NARROW, GAP = 1.01, 1e-3
#: Factors of today's demand within which is searched, and most plans.
LEAST, MOST, STEPS = 1e-6, 1e6, 40


@dataclass
class Search:
    """Factors of today's demand that were tried: ``low`` has a plan within the budget; ``high`` has none that
    was found, ``proven`` none at all."""

    limit_usd: float
    low: float = 0.0
    high: float = math.inf
    proven: float = math.inf
    plans: dict[float, Plan] = field(default_factory=dict)
    _usd: dict[float, float] = field(default_factory=dict)
    _stride: float = NARROW * 0.999
    why: str = ""  # why the last factor without a plan has none

    def place(self, factor: float, result: Result) -> None:
        """Take in what came of a factor."""
        plan = result.plan
        if plan is not None:
            self._usd[factor] = plan.objective_usd
            if plan.objective_usd <= self.limit_usd:
                self.low, self.plans[factor] = factor, plan
                return
        self.high, self.why = factor, result.message
        if result.outcome == "infeasible" or (plan is not None and plan.bound_usd > self.limit_usd):
            self.proven = factor

    @property
    def near(self) -> bool:
        """Whether the two ends are as near as asked for."""
        return self.high <= self.low * NARROW

    def next(self, factor: float) -> float:
        """The factor to try after ``factor``: by proportion, then where cost meets the budget."""
        if not self.low or not self.high < math.inf:
            up = 1 if self.low else -1
            by_cost = self.limit_usd / self._usd[factor] if self._usd.get(factor) else 1.0
            moved = max(by_cost**up, 1.0) * self._stride
            self._stride **= 2
            return min(max(factor * moved**up, LEAST), MOST)
        width = math.log(self.high / self.low)
        share = 0.5
        if self.high in self._usd and self._usd[self.high] > self._usd[self.low] > 0:
            rise = math.log(self._usd[self.high] / self._usd[self.low])
            share = min(max(math.log(self.limit_usd / self._usd[self.low]) / rise, 0.15), 0.85)
        return self.low * math.exp(share * width)


def afford(case: Case, budget: str) -> Answer:
    """The most demand, at today's mix, that a budget for everything (net present dollars) can serve.

    Where the time is over, what was found until then.
    """
    limit, objective = dollars_of(budget), case.loaded.workload.objective
    case, search, over = case.by_cost(), Search(limit), ""
    try:
        _search(case, search)
    except Over as ending:
        if not search.plans:
            raise
        over = f"What is told was found before that: {ending}."
    money = number_of(f"${limit:,.0f}", "asked", "afford")
    notes = tuple(_proof(search)) + ((over,) if over else ())
    if objective != "cost":
        notes += (f"Answered by the cheapest plans; the objective of this state is {objective}.",)
    return Answer(
        asked=told("What can we serve for ", money, "?"),
        words=_headline(case, search, money),
        columns=("demand (times today)", "requests/s", "cost (USD)", "USD per M output tokens", "fleet"),
        rows=tuple([_served(case, f, search.plans[f]) for f in sorted(search.plans)][-6:]),
        notes=notes,
        complete=search.near and search.proven == search.high,
    )


def _search(case: Case, search: Search) -> None:
    """Plans until the ends are near, from today's demand on."""
    factor = 1.0
    for _ in range(STEPS):
        what = f"{factor:.4g} times today's demand"
        search.place(factor, case.ask(what, case.scaled(factor) if factor != 1 else case.loaded, gap=GAP))
        if search.near or factor in (LEAST, MOST):
            return
        factor = search.next(factor)


def _headline(case: Case, search: Search, money: Number) -> Told:
    if not search.low:
        return told(money, " serve no traffic at all with these promises.")
    most = search.plans[search.low]
    years = number_of(span(most.horizon_years), "stated", "horizon.years")
    return told(
        *(money, " (net present, over ", years, ") serve ", "" if search.near else "at least "),
        *(solved(figure(search.low * case.rps)), " requests/s on average, "),
        *(solved(f"{search.low:.3g} times"), " today's demand, with ", solved(fleet_words(most)), "."),
    )


def _proof(search: Search) -> list[str]:
    """What is known of more demand than that."""
    if search.high == math.inf:
        return []
    if not search.low and search.why:
        return [f"At {search.high:.4g} times today's demand: {search.why}"]
    if search.high == search.proven:
        return [f"{search.high:.4g} times today's demand costs more or cannot be served."]
    rest = "that there is none is not proven"
    if search.proven < math.inf:
        rest = f"that there is none is proven from {search.proven:.4g} times on"
    return [f"{search.high:.4g} times today's demand: no plan within the budget was found; {rest}."]


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
