"""What is told about a plan besides what it does: levels, costs, what binds, alternatives, assumptions."""

from __future__ import annotations

from solver.domain.quantity import Frozen


class ServiceLevel(Frozen):
    """A promise and what the plan reaches by its own model."""

    service: str
    promise: str
    unit: str
    promised: float
    reached: float
    percentile: float
    share_in_time: float


class CostLine(Frozen):
    """One cost term, net present dollars."""

    term: str
    usd: float


class Binding(Frozen):
    """A row that holds with equality: what would have to change for the plan to get cheaper."""

    sentence: str
    family: str
    statement: str
    place: str
    slack: float
    unit: str
    shadow_price_usd: float | None = None


class Wish(Frozen):
    """What a statement about places or failures costs: the plan less the best fleet without it.

    Where hours are in groups: less one that serves every hour, and ``costs_at_most_usd`` is the other end.
    """

    sentence: str
    statement: str  # path in the workload file
    place: str
    without_usd: float
    costs_usd: float
    costs_at_most_usd: float | None = None


#: Reasons why a comparison has no fleet although there may be one; the last goes on with the proven bound.
NOT_FOUND = "no fleet was found within the time for comparisons"
NOT_COMPARED = "not compared: the time for comparisons was over"
NONE_BELOW = "none costs less than"


class Alternative(Frozen):
    """The best fleet under a restriction, for comparison.

    Where hours are in groups one that serves every hour at that cost, and where the time was over the best
    that was found; none such costs less than ``bound_usd``.
    """

    name: str
    feasible: bool
    objective_usd: float | None
    extra_usd: float | None
    extra_share: float | None
    fleet: str
    reason: str = ""
    bound_usd: float | None = None

    @property
    def undecided(self) -> bool:
        """Whether the time was over before a fleet was found, or there was proven to be none."""
        return self.reason.startswith((NOT_FOUND, NOT_COMPARED, NONE_BELOW))


class BreakEven(Frozen):
    """The price at which a system that is not in the fleet would enter it.

    Where hours are in groups it enters at ``price_enters_usd``, and not above ``price_at_most_usd``.
    """

    system: str
    price_now_usd: float
    price_enters_usd: float | None
    note: str = ""
    price_at_most_usd: float | None = None


class Assumption(Frozen):
    """A catalog value that the answer rests on, with its evidence."""

    subject: str
    quantity: str
    value: float
    unit: str
    low: float | None
    high: float | None
    evidence: str
    source: str
    date: str
    cost_share: float = 0.0


class Goal(Frozen):
    """What a plan reaches of a goal other than cost, and the bound that exact arithmetic proves (no less is
    possible): mean kW at the meter, t CO2e over the horizon, or per cent of the requests unserved."""

    value: float
    unit: str
    certified_bound: float | None = None
