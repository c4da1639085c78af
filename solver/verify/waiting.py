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

Hour = tuple[
    int, int, int
]  # curve (of a service or its region), epoch, hour of the representative day or week


def patience(workload: Workload, service: Service) -> int:
    """Hours that work may wait: those that begin after it came and end within its deadline."""
    cycle = cycle_of(workload)
    levels = service.levels
    prompt = levels.ttft_ms is not None or levels.end_to_end_s is not None
    if levels.deadline_hours is None or prompt or cycle > LONGEST_CYCLE or workload.objective == "traffic":
        return 0
    return max(0, min(floor(moment(levels.deadline_hours)), cycle) - 1)


def served(case: Case) -> dict[Hour, Fraction]:
    """Requests/s that each hour of the curve serves, for curves and epochs with deferrals."""
    found: dict[Hour, Fraction] = {}
    for entry in case.plan.deferrals:
        c = case.curve_of[entry.service, entry.region]
        for hour in range(case.cycle):
            found.setdefault((c, entry.epoch, hour), Fraction(0))
        came = written(case.curves[c].at(entry.hour)) * case.growth(c, entry.epoch)
        found[c, entry.epoch, (entry.hour + entry.wait_hours) % case.cycle] += came * share_of(entry.share)
    return found
