"""How large a plan may be, so that its exact check takes no longer than such plans are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator

from solver.plan.serialise import RATIONAL
from solver.verify.case import Case
from solver.verify.registry import Broken

MOST_LINES = 20_000  # systems and pools x epochs
MOST_PERIODS = 20_000
MOST_DIGITS = 10**7  # shares x digits of the number that they are all over


def too_large(case: Case) -> Iterator[Broken]:
    """Sums over the plan that would take long: over lines and epochs, or of shares over large numbers."""
    plan = case.plan
    lines = (len(plan.systems) + len(plan.pools)) * len(plan.epochs)
    if lines > MOST_LINES:
        yield Broken(f"{lines:,} systems and pools x epochs are too many for the exact check")
    if len(plan.periods) > MOST_PERIODS:
        yield Broken(f"{len(plan.periods):,} periods are too many for the exact check")
    shares = [
        entry.share
        for entries in (plan.routes, plan.deferrals, plan.unserved, plan.fallbacks)
        for entry in entries
    ]
    over = {share.partition("/")[2] for share in shares if RATIONAL.fullmatch(share)} - {""}
    over |= {str(point.systems_per_replica.denominator) for point in case.points.values()}
    common, count = 1, len(shares) + len(case.points)
    for digits in sorted(over):
        common = math.lcm(common, int(digits))
        if count * common.bit_length() > MOST_DIGITS * math.log2(10):
            yield Broken(f"{count:,} shares are over too large a number for the exact check")
            return
