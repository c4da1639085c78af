"""Work that waits: how long it may, and which hour serves what."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from solver.domain.workload import Service, Workload
from solver.verify.exact import moment, share_of, written
from solver.verify.hours import cycle_of

if TYPE_CHECKING:
    from solver.verify.case import Case

LONGEST_CYCLE = 168  # hours of a representative curve that stand in order

Hour = tuple[int, int, int]  # service, epoch, hour of the representative curve


def patience(workload: Workload, service: Service) -> int:
    """Hours that work may wait: those that begin after it came and end within its deadline."""
    cycle = cycle_of(workload)
    levels = service.levels
    prompt = levels.ttft_ms is not None or levels.end_to_end_s is not None
    if levels.deadline_hours is None or prompt or cycle > LONGEST_CYCLE or workload.objective == "traffic":
        return 0
    return max(0, min(floor(moment(levels.deadline_hours)), cycle) - 1)


def served(case: Case) -> dict[Hour, Fraction]:
    """Requests/s that each hour of the curve serves, for services and epochs with deferrals."""
    found: dict[Hour, Fraction] = {}
    for entry in case.plan.deferrals:
        k = case.order[entry.service]
        curve = case.services[k].demand.rate_rps
        for hour in range(case.cycle):
            found.setdefault((k, entry.epoch, hour), Fraction(0))
        came = written(curve[entry.hour % len(curve)]) * case.growth(k, entry.epoch)
        found[k, entry.epoch, (entry.hour + entry.wait_hours) % case.cycle] += came * share_of(entry.share)
    return found
