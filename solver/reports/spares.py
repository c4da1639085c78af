"""The table of spares: how many systems are needed, how many are there, and how often that is enough."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from solver.domain.workload import Workload
from solver.plan.plan import Plan
from solver.reports.fleet import Names, epoch_words
from solver.reports.section import Column, Section, right
from solver.reports.traffic import Traffic
from solver.reports.units import number


@dataclass(frozen=True)
class SpareLine:
    """Systems of one kind at one site in one epoch, and the share of time that enough of them are up."""

    system: str
    site: str
    epoch: int
    needed: int
    there: int
    up_share: float  # of one system
    enough_share: float


def spare_lines(plan: Plan, workload: Workload | None) -> list[SpareLine]:
    """One line for each system, site and epoch with replicas, where an availability is promised.

    Where hourly pools count, the hour of the epoch in which systems are missing most often.
    """
    if workload is None or workload.resilience.availability is None:
        return []
    found: dict[tuple[str, str, int], SpareLine] = {}
    hourly = [(int(p["epoch"]), t) for t, p in enumerate(plan.periods)]
    moments: list[tuple[int, int | None]] = [(e, None) for e in range(len(plan.epochs))]
    for epoch, period in hourly if workload.resilience.hourly_pools else moments:
        for line in _at(plan, workload, epoch, period):
            key = (line.system, line.site, epoch)
            if key not in found or line.enough_share < found[key].enough_share:
                found[key] = line
    return [found[key] for key in sorted(found)]


def _at(plan: Plan, workload: Workload, epoch: int, period: int | None) -> list[SpareLine]:
    """Lines of an epoch, or of one of its periods with the pools and systems of that hour."""
    from scipy.special import bdtr

    needs: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for pool in plan.pools:
        standing = pool.mode == "standing" and (pool.epoch or 0) == epoch
        if standing or (pool.mode == "elastic" and period is not None and pool.period == period):
            needs[pool.system, pool.site] += Fraction(pool.systems_per_replica) * pool.replicas
    found = []
    for (system, site), amount in sorted(needs.items()):
        facts, stated = plan.inputs["systems"][system], workload.resilience
        mtbf = stated.mtbf_of(facts.get("mtbf_hours"))
        up = mtbf / (mtbf + stated.repair_of(facts.get("repair_hours")))
        needed, there = ceil(amount), _there(plan, system, site, epoch, period)
        enough = float(bdtr(there - needed, there, 1 - up)) if there >= needed else 0.0
        found.append(SpareLine(system, site, epoch, needed, there, up, enough))
    return found


def _there(plan: Plan, system: str, site: str, epoch: int, period: int | None) -> int:
    """Systems that stand all through an epoch (or are rented for the period), spot left out."""
    count = 0
    for line in plan.systems:
        offer = plan.inputs["offers"][line.offer]
        if (line.system, line.site) != (system, site) or offer.get("interruption_share"):
            continue
        if line.acquisition == "buy":
            dies = plan.epochs[line.epoch][0] + offer["life_years"]
            sold = line.sold_epoch is not None and line.sold_epoch <= epoch
            lives = line.epoch <= epoch and dies >= plan.epochs[epoch][1] - 1e-9
            count += line.count if lives and not sold else 0
        elif (line.acquisition == "rent" and line.epoch == epoch) or (
            line.acquisition == "rent-hourly" and period is not None and line.period == period
        ):
            count += line.count
    return count


def spares_section(plan: Plan, traffic: Traffic, names: Names) -> Section:
    """How often enough systems are up."""
    return Section(
        "availability",
        "Systems that are up",
        "Needed: systems that the replicas of all services stand on. Each up: MTBF over MTBF and repair. "
        "Enough: share of time that at least the needed ones are up, failures being independent.",
        (
            Column("System"),
            Column("Site"),
            Column("When"),
            right("Needed"),
            right("There"),
            right("Each up", _percent),
            right("Enough", _percent),
        ),
        tuple(
            (
                names.system(x.system),
                x.site,
                epoch_words(plan, x.epoch),
                x.needed,
                x.there,
                x.up_share,
                x.enough_share,
            )
            for x in spare_lines(plan, traffic.workload)
        ),
    )


def _percent(share: float) -> str:
    """A share near 1 with the digits that tell it from 1."""
    return "all but " + number((1 - share) * 100) + " %" if share > 0.9999 else f"{share * 100:.4g} %"
