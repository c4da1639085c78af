"""The check of regions: their shares of the demand, and where their data is served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from solver.domain.quantity import rounding_to
from solver.verify.case import Case, Target
from solver.verify.exact import written
from solver.verify.registry import Broken, check


@check("regions", "length buckets of a region have its share of the requests, in the same mix of lengths")
def regions(case: Case) -> Iterator[Broken]:
    """The buckets of a service with regions are its lengths, once for each region, weighted with its share.

    For each length there is a W so that weight[r, length] is the float nearest to share_r W in each region r.
    """
    for k, service in enumerate(case.services):
        shares = {name: written(share) for name, share in service.demand.regions.items()}
        weights: dict[tuple[float, float, float, float], dict[str, tuple[Fraction, Fraction]]]
        weights = defaultdict(dict)
        for b, bucket in enumerate(case.buckets[k]):
            if bool(shares) != bool(bucket.region) or (shares and bucket.region not in shares):
                yield Broken(f"{service.name}: bucket {b} is of region {bucket.region!r}")
            cell = (bucket.prompt_tokens, bucket.output_tokens, bucket.prompt_max, bucket.output_max)
            entry = weights[cell]
            low, high = rounding_to(bucket.share)
            before = entry.get(bucket.region, (Fraction(0), Fraction(0)))
            entry[bucket.region] = before[0] + low, before[1] + high
        for cell, found in weights.items():
            nothing = (Fraction(0), Fraction(0))
            ends = [[end / r for end in found.get(region, nothing)] for region, r in shares.items()]
            least = max((low for low, _ in ends), default=Fraction(0))
            most = min((high for _, high in ends), default=least)
            if least > most:
                words = f"{service.name}: {cell[0]:g} + {cell[1]:g} tokens"
                yield Broken(f"{words} are not the same share of the requests of each region", least - most)


@check("residency", "no route of positive share leads to a site or API that a statement on its data forbids")
def residency(case: Case) -> Iterator[Broken]:
    """Each request is served where the statements of its service and of its region permit it."""
    for target, stream in case.streams.items():
        k = case.order[case.server(target).service]
        shares: dict[int, Fraction] = {}
        for buckets in stream.values():
            for b, share in buckets.items():
                shares[b] = max(shares.get(b, Fraction(0)), share)
        for b, share in sorted(shares.items()):
            if not permitted(case, k, b, target):
                region = case.buckets[k][b].region
                whose = f"requests from {region}" if region else "requests"
                where = target.site or target.id
                yield Broken(f"{case.services[k].name}: {whose} are served at {where}", share)


def permitted(case: Case, k: int, b: int, target: Target) -> bool:
    """Whether requests of bucket b of service k may be served at a target."""
    service, region = case.services[k], case.buckets[k][b].region
    statements = [service.residency]
    statements += [entry.residency for entry in case.workload.regions if entry.name == region]
    for statement in statements:
        if statement is None:
            continue
        if target.mode == "api":
            api = case.apis[target.id]
            law = case.api_statement(api, "jurisdiction")
            if not {api.api, api.provider} & set(statement.apis) and (
                not law or law not in statement.jurisdictions
            ):
                return False
            continue
        site = case.sites[target.site]
        if site.name not in statement.sites and (
            not site.jurisdiction or site.jurisdiction not in statement.jurisdictions
        ):
            return False
    return True
