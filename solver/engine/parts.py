"""What each price makes up of a plan's cost: what a system is got for, its energy, the tokens of an API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from solver.backend.outcome import Outcome
from solver.formulation.costs import owned_columns
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.taxes import price_weight
from solver.plan.routing import Routing


@dataclass(frozen=True)
class Parts:
    """Net present dollars after taxes that are proportional to a price: by offer id, by system id (energy),
    and by id of an API point: dollars in all, and million output tokens, discounted likewise."""

    price_usd: Mapping[str, float]
    energy_usd: Mapping[str, float]
    tokens: Mapping[str, tuple[float, float]]


def parts_of(problem: Problem, program: Program, outcome: Outcome, routing: Routing) -> Parts:
    """The parts of an outcome's cost."""
    assert outcome.values is not None
    values = outcome.values
    kept = 1.0 - problem.workload.money.tax_rate  # of what is paid as a running cost

    def usd(term: str, column: int) -> float:
        """What a column costs under a running term, taxes saved."""
        return kept * 1e3 * program.costs.get(term, {}).get(column, 0.0) * amount(column)

    def amount(column: int) -> float:
        return float(routing.traffic.get(column, round(values[column])))

    prices, energy = defaultdict[str, float](float), defaultdict[str, float](float)
    for column, offer, _o, _i, e, f in owned_columns(problem, program):
        if offer.kind == "buy":
            price = 1e3 * price_weight(problem, offer, e, f) * offer.price_usd
            prices[offer.id] += price * amount(column)
        energy[offer.system] += usd("energy", column)
    for prefix, term in (("buy", "rental"), ("hold", "rental"), ("rent", "rental"), ("renew", "replacement")):
        for key, column in program.family(prefix):
            prices[problem.offers[key[1]].id] += usd(term, column)
    for key, column in program.family("load"):
        energy[str(key[1])] += usd("energy", column)
    tokens = dict[str, tuple[float, float]]()
    for (_, j, b, _t), column in program.family("a"):
        point, spent = problem.apis[j], usd("api", column)
        if spent:
            k = problem.service_index(point.service)
            output = problem.mean(k, b, [x.output_tokens for x in problem.services[k].lengths]) / 1e6
            known = tokens.get(point.id, (0.0, 0.0))
            each = problem.mean(k, b, point.usd_per_request)
            tokens[point.id] = (known[0] + spent, known[1] + spent / each * output)
    return Parts(prices, energy, tokens)
