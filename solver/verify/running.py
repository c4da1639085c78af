"""Checks about running the fleet over time: people, moves, sales, taxes, and power that follows the load."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from solver.verify.case import Case
from solver.verify.exact import nearest, share_of, show, written
from solver.verify.money import term
from solver.verify.payments import RACK_UNITS
from solver.verify.registry import Broken, check
from solver.verify.standing import left_systems, needed_loads, open_sites, unserved_share


@check("staffed", "people >= per_system systems + per_rack racks + per_site, at each site in each epoch")
def staffed(case: Case) -> Iterator[Broken]:
    """The plan has the people that its systems need."""
    staff = case.workload.money.staff
    if staff is None:
        return
    there = {(p.site, p.epoch): p.people for p in case.plan.people}
    needs: dict[tuple[str, int], Fraction] = dict.fromkeys(open_sites(case), written(staff.per_site))
    for line in case.plan.systems:
        racks = written(case.systems[line.system].rack_units) / RACK_UNITS
        each = written(staff.per_system) + written(staff.per_rack) * racks
        for e in range(len(case.epochs)) if case.offers[line.offer].on_site else ():
            if line.count > 0 and case.serves(line, e):
                needs[line.site, e] += line.count * each
    for (site, e), need in sorted(needs.items()):
        missing = need - written(there.get((site, e), 0.0))
        if missing > 0:
            yield Broken(case.at(site, e) + f": {show(need)} people are needed", missing)


@check("staff", "sum salary x people x discounted years")
def staff(case: Case) -> Iterator[Broken]:
    """People at the sites while systems stand there."""
    yield from term(case, "staff")


@check("moved", "systems that a model leaves >= n_p (R before - R now) of its pools on them, per site")
def moved(case: Case) -> Iterator[Broken]:
    """Where moves have a price, the plan lists each: at least the systems that a model's pools give up."""
    if not case.workload.money.migration_usd_per_system:
        return
    listed: dict[tuple[str, str, str, int], Fraction] = {}
    for move in case.plan.moves:
        key = (move.model, move.system, move.site, move.epoch)
        listed[key] = listed.get(key, Fraction(0)) + share_of(move.systems)
    for key, amount in left_systems(case).items():
        missing = amount - listed.get(key, Fraction(0))
        if missing > 0:
            model, system, site, e = key
            message = case.at(f"{model} leaves {show(amount)} {system} at {site}", e)
            yield Broken(message, missing)


@check("migration", "sum price x systems that a model leaves x v^e")
def migration(case: Case) -> Iterator[Broken]:
    """Moves of models between systems, paid at the start of the epoch."""
    yield from term(case, "migration")


@check("resale", "what is sold was bought before, still lives, and its offer states a resale value")
def resale(case: Case) -> Iterator[Broken]:
    """Systems are sold at the start of a later epoch that they would live through, under such an offer."""
    for line in case.plan.systems:
        if line.sold_epoch is None or line.count == 0:
            continue
        offer = case.offers[line.offer]
        alive = case.alive(offer, line.epoch, line.sold_epoch)
        if offer.kind != "buy" or not offer.resale_by_age or line.sold_epoch <= line.epoch or not alive:
            yield Broken(
                case.at(f"{line.count} {line.system} of {line.offer} cannot be sold", line.sold_epoch)
            )


@check("tax", "-tax rate x (running costs + resale values + write-offs), net present")
def tax(case: Case) -> Iterator[Broken]:
    """Taxes saved."""
    yield from term(case, "tax")


@check("load", "load[s,i,t] >= sum_p n_p use rate - systems rented elsewhere, where idle systems draw less")
def load(case: Case) -> Iterator[Broken]:
    """The plan lists the use of the user's own systems that draw less when idle, in systems fully used."""
    listed: dict[tuple[str, str, int], Fraction] = {}
    for entry in case.plan.loads:
        key = (entry.system, entry.site, entry.period)
        listed[key] = listed.get(key, Fraction(0)) + written(entry.systems)
    for key, need in needed_loads(case).items():
        missing = need - listed.get(key, Fraction(0))
        if missing > 0:
            system, site, t = key
            yield Broken(f"{show(need)} {system} at {site} are used in {case.label(t)}", missing)


@check("served", "requests are left out only for most traffic; served share = 1 - sum unserved / all")
def served(case: Case) -> Iterator[Broken]:
    """All requests are served, unless the workload seeks the most traffic: then the plan says how many."""
    if case.unserved and case.workload.objective != "traffic":
        yield Broken(f"requests are not served in {len(case.unserved)} periods", Fraction(len(case.unserved)))
    share = 1 - unserved_share(case)
    if case.plan.served_share != nearest(share):
        words = f"{show(share * 100)} % of the requests are served, not {case.plan.served_share:.6%}"
        yield Broken(words, abs(share - Fraction(case.plan.served_share)))
