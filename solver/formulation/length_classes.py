"""Length buckets that the program routes together."""

from __future__ import annotations

from solver.domain.workload import Service

#: Histograms of up to so many buckets are routed bucket by bucket; longer ones in three classes that hold
#: the shortest 60 %, the next 30 % and the longest 10 % of the requests (by prompt length). Services with
#: profiles of the workload are always routed bucket by bucket: a profile may not serve all of a class.
MOST_BUCKETS, CLASS_ENDS = 4, (0.6, 0.9, 1.0)


def length_classes(service: Service, apart: bool = False) -> tuple[tuple[int, ...], ...]:
    """Neighbouring buckets of a region (sorted by prompt length) that the program routes together
    (``apart``: none)."""
    regions = sorted({bucket.region for bucket in service.lengths})
    return tuple(group for region in regions for group in _classes_of(service, region, apart))


def whole_regions(service: Service) -> tuple[tuple[int, ...], ...]:
    """All buckets of a region in one class: each pool gets the mix of lengths that the service has."""
    regions = sorted({bucket.region for bucket in service.lengths})
    return tuple(tuple(b for b, x in enumerate(service.lengths) if x.region == r) for r in regions)


def _classes_of(service: Service, region: str, apart: bool) -> tuple[tuple[int, ...], ...]:
    mine = [b for b, bucket in enumerate(service.lengths) if bucket.region == region]
    if apart or len(mine) <= MOST_BUCKETS:
        return tuple((b,) for b in mine)
    found: list[list[int]] = [[] for _ in CLASS_ENDS]
    total, passed = sum(service.lengths[b].share for b in mine), 0.0
    for b in mine:
        share = service.lengths[b].share / total
        passed += share
        middle = passed - share / 2
        found[next(n for n, end in enumerate(CLASS_ENDS) if middle <= end + 1e-9)].append(b)
    return tuple(tuple(group) for group in found if group)
