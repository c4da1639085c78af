"""The workload in canonical order, its length buckets told apart by region: permuted inputs give one plan."""

from __future__ import annotations

from solver.domain.quantity import as_written
from solver.domain.workload import LengthBucket, Service, Workload


def in_order(workload: Workload) -> Workload:
    """The workload with services, buckets and sites sorted; with regions, each bucket once for each."""
    orders = {s.name: _order(s) for s in workload.services}
    services = tuple(
        s.model_copy(update={"lengths": tuple(bucket for _, bucket in orders[s.name])})
        for s in sorted(workload.services, key=lambda s: s.name)
    )
    profiles = tuple(
        p.model_copy(update={"requests_per_s": tuple(p.requests_per_s[b] for b, _ in orders[p.service])})
        for p in sorted(workload.profiles, key=lambda p: p.id)
    )
    sites = tuple(sorted(workload.sites, key=lambda s: s.name))
    return workload.model_copy(update={"services": services, "sites": sites, "profiles": profiles})


def _order(service: Service) -> list[tuple[int, LengthBucket]]:
    """(position in the file, bucket) of a service's buckets by region, prompt, output and share."""
    buckets = list(enumerate(service.lengths))
    regions = service.demand.regions
    if regions and not any(bucket.region for _, bucket in buckets):
        buckets = [
            (b, bucket.model_copy(update={"region": region, "share": _part(bucket.share, share)}))
            for region, share in regions.items()
            for b, bucket in buckets
        ]
    return sorted(
        buckets, key=lambda x: (x[1].prompt_tokens, x[1].output_tokens, x[1].region, x[1].share, x[0])
    )


def _part(share: float, of: float) -> float:
    """The float nearest to the product of two decimals."""
    return float(as_written(share) * as_written(of))
