"""verify(plan, ...): run every check on a plan."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from solver.domain.workload import Workload
from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.plan.plan import Plan
from solver.verify import (
    acquisition,
    availability,
    deferral,
    endurance,
    fleet,
    form,
    goal,
    money,
    opening,
    promise,
    rate_limits,
    residency,
    running,
    serving,
    site_loss,
    supply,
)
from solver.verify.case import Case
from solver.verify.facts import Failure, OfferFacts, PlaceFacts, Verdict
from solver.verify.ledger import TERMS
from solver.verify.registry import CHECKS

__all__ = [
    "CHECKS",
    "acquisition",
    "availability",
    "deferral",
    "endurance",
    "fleet",
    "form",
    "goal",
    "money",
    "opening",
    "promise",
    "rate_limits",
    "residency",
    "running",
    "serving",
    "site_loss",
    "supply",
    "verify",
]


def verify(
    plan: Plan,
    workload: Workload,
    offers: Mapping[str, OfferFacts],
    systems: Mapping[str, PlaceFacts],
    points: Mapping[str, OperatingPoint],
    apis: Mapping[str, ApiPoint],
) -> Verdict:
    """Whether the plan keeps every statement of the workload, exactly, and costs what it says.

    ``points`` and ``apis`` are those that the plan names; they are taken as given, as are the prices.
    A plan that is not well formed is not examined further.
    """
    return verify_case(Case(workload, offers, systems, points, apis, plan))


def well_formed(case: Case) -> bool:
    """Whether names exist and numbers are numbers, so that the rest can be computed."""
    return not _run(case, [c.name for c in CHECKS.values() if c.first])


def verify_case(case: Case) -> Verdict:
    """The verdict of :func:`verify`."""
    failures = _run(case, [c.name for c in CHECKS.values() if c.first])
    if failures:
        return _verdict(failures, {}, [c.name for c in CHECKS.values() if c.first])
    failures = _run(case, [c.name for c in CHECKS.values() if not c.first])
    return _verdict(failures, {name: case.ledger.term(name) for name in TERMS}, list(CHECKS))


def _run(case: Case, names: list[str]) -> list[Failure]:
    return [
        Failure(name, broken.message, broken.amount) for name in names for broken in CHECKS[name].find(case)
    ]


def _verdict(failures: list[Failure], costs: dict[str, Fraction], names: list[str]) -> Verdict:
    residual = max((f.amount for f in failures), default=Fraction(0))
    return Verdict(not failures, tuple(failures), residual, costs, tuple(names))
