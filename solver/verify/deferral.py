"""The check of work that waits: none is early, late or forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from solver.verify.case import Case
from solver.verify.exact import nearest, share_of, show, written
from solver.verify.registry import Broken, check
from solver.verify.streams import listed
from solver.verify.waiting import Hour, patience


@check("deadline", "0 <= wait <= floor(D) - 1 hours; sum of shares of each hour's requests = 1")
def deadline(case: Case) -> Iterator[Broken]:
    """Work with a deadline is done, all of it, not before it comes and not after its deadline.

    The shares of the requests of each hour add up to 1 exactly; each waits 0 to floor(D) - 1 hours, so it is
    done within D hours of its arrival at whatever moment of the hour. Periods of such a plan are single
    hours that state the rates at which services are served.
    """
    totals: dict[Hour, Fraction] = defaultdict(Fraction)
    for entry in case.plan.deferrals:
        service = case.services[case.order[entry.service]]
        totals[case.curve_of[entry.service, entry.region], entry.epoch, entry.hour] += share_of(entry.share)
        if (over := entry.wait_hours - patience(case.workload, service)) > 0 and share_of(entry.share) > 0:
            message = (
                f"{entry.service}: work of hour {entry.hour} waits {entry.wait_hours} h, {over} h too long"
            )
            yield Broken(message, Fraction(over))
    for c, e in sorted({(c, e) for c, e, _hour in totals}):
        curve = case.curves[c]
        for hour in range(case.cycle):
            total = totals.get((c, e, hour), Fraction(0))
            if total != 1 and curve.at(hour) > 0:
                words = case.at(curve.name, e) + f", hour {hour}"
                yield Broken(f"{words}: {show(total)} of its requests are served", abs(total - 1))
    for n, period in enumerate(case.plan.periods):
        told = listed(case.curves, period)
        for (c, e, hour), rate in case.served.items():
            if e == period["epoch"] and list(period.get("covers", ())) == [hour] and told[c] != nearest(rate):
                words = f"{case.curves[c].name} in {case.label(n)}"
                words += f": {show(written(told[c]))} requests/s are listed, {show(rate)} served"
                yield Broken(words, abs(written(told[c]) - rate))
