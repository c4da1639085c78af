"""From workload and catalogs to a Problem: overrides applied, offers chosen, menu built, hours reduced."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from solver.domain.calendar import INSTANT, span
from solver.domain.catalog import Catalog
from solver.domain.workload import MOST_ORDERED_HOURS, Workload, cycle_hours, window_hours
from solver.formulation.clusters import service_clusters
from solver.formulation.epochs import Period, make_epochs, make_periods, undominated
from solver.formulation.groups import Curves, Group
from solver.formulation.hours import grouped, most_periods
from solver.formulation.length_classes import length_classes
from solver.formulation.offers import choose_offers, system_facts
from solver.formulation.order import in_order
from solver.formulation.problem import Problem
from solver.formulation.system_offer import SystemOffer
from solver.operating_points.build import Menu, build_menu
from solver.operating_points.point import Screened
from solver.performance.calibration import Calibration


@dataclass(frozen=True)
class Prepared:
    """A problem with what led to it: all periods before reduction, the menu, notes for the reader."""

    problem: Problem
    all_periods: tuple[Period, ...]
    menu: Menu
    notes: tuple[str, ...]
    relaxed: Callable[[], Prepared] | None = None  # the same without data residency in the menu
    mean_periods: tuple[Period, ...] = ()  # groups of like hours at their mean demand, for the lower bound
    curves: Curves | None = None  # all hours, where they are grouped service by service
    groups: tuple[Group, ...] = ()  # the groups to begin with


def prepare(
    workload: Workload,
    catalog: Catalog,
    calibration: Calibration,
    prune: bool = True,
    reduce: bool = True,
    screen_places: bool = True,
) -> Prepared:
    """Everything the program needs, or an error that names what the workload asks of the catalogs in vain.

    Without ``screen_places`` the menu also holds what data residency forbids (the program's rows still do).
    """
    workload = in_order(workload)
    asked = workload if screen_places else without_residency(workload)
    offers, systems, notes = choose_offers(workload, catalog)
    menu = permitted(workload, offers, build_menu(asked, catalog, systems, calibration, prune))
    used = {p.system for p in menu.points} | set(workload.hardware.minimum)
    chosen = tuple(o for o in offers if o.system in used)
    ways = {kind for service in workload.services for kind in service.acquisitions}
    epochs = make_epochs(workload, [o for o in chosen if o.kind in ways])
    everything = make_periods(workload, epochs)
    hourly = (
        menu.apis
        or any(not o.committed for o in chosen)
        or any(p.wear and p.wear.follows_traffic for p in menu.points)
        or workload.power_follows_load
        or workload.objective == "traffic"
    )
    periods = everything
    mean: tuple[Period, ...] = ()
    curves: Curves | None = None
    if cycle_hours(workload) > MOST_ORDERED_HOURS and any(s.levels.deadline_hours for s in workload.services):
        notes.append(
            "work with a deadline is done in the hour in which it comes: curves of more than "
            f"{MOST_ORDERED_HOURS} hours are taken in groups, which have no order"
        )
    if any(window_hours(workload, s) > 1 for s in workload.services):
        notes.append(
            "work with a deadline may wait: every hour is kept, and work that waits keeps its mix of lengths"
        )
    elif not hourly and reduce:
        periods = renumbered(undominated(everything))
    elif hourly and reduce and by_service(workload, menu, len(epochs), len(everything)):
        curves = Curves(workload, epochs)
    elif hourly and len(everything) > (most := most_periods(len(menu.points))) * len(epochs):
        periods, mean = grouped(workload, epochs, most)
        notes.append(
            f"{len(everything):,} hours of different demand are taken in {len(periods)} groups of like "
            "hours; each group is served, and paid for, at its largest hour: the cost is an upper bound"
        )
    notes += without_use(workload, menu)
    notes += conventions(workload)
    notes += cut_short(workload, chosen)
    facts = {s: system_facts(systems[s], workload) for s in sorted(used) if s in systems}
    problem = Problem(workload, epochs, periods, menu.points, menu.apis, chosen, facts)
    relaxed = None
    if without_residency(workload) != asked:
        relaxed = partial(prepare, workload, catalog, calibration, prune, reduce, screen_places=False)
    prepared = Prepared(problem, everything, menu, tuple(notes), relaxed, mean)
    return prepared if curves is None else in_groups(prepared, curves)


#: Programs of more traffic columns take their hours in groups; so many an epoch and cluster to begin with.
MOST_COLUMNS, FIRST_GROUPS = 400, 6


def by_service(workload: Workload, menu: Menu, epochs: int, hours: int) -> bool:
    """Whether hours are grouped service by service: a large program, hours told apart by demand alone."""
    if hours <= epochs or workload.power_follows_load or workload.objective != "cost":
        return False
    if any(workload.share_after_loss(s) > 0 for s in workload.services) or workload.resilience.hourly_pools:
        return False
    measured = {p.service for p in workload.profiles}
    classes = {s.name: len(length_classes(s, apart=s.name in measured)) for s in workload.services}
    each = sum(classes[p.service] * len(p.sites or workload.sites) for p in menu.points)
    return (each + sum(classes[a.service] for a in menu.apis)) * hours > MOST_COLUMNS


def in_groups(prepared: Prepared, curves: Curves) -> Prepared:
    """The problem with its hours in groups (solver.formulation.groups), to be refined by the engine."""
    problem = replace(prepared.problem, peaks_rps=curves.peaks_rps)
    groups = tuple(curves.coarse(service_clusters(problem), FIRST_GROUPS))
    problem = replace(problem, periods=curves.periods(groups, mean=False))
    return replace(prepared, problem=problem, curves=curves, groups=groups)


def without_residency(workload: Workload) -> Workload:
    """The workload with all data permitted everywhere."""
    services = tuple(s.model_copy(update={"residency": None}) for s in workload.services)
    regions = tuple(r.model_copy(update={"residency": None}) for r in workload.regions)
    return workload.model_copy(update={"services": services, "regions": regions})


def permitted(workload: Workload, offers: list[SystemOffer], menu: Menu) -> Menu:
    """The menu without points on systems that their service may not get in any way there is."""
    ways: dict[str, set[str]] = {}
    for offer in offers:
        ways.setdefault(offer.system, set()).add(offer.kind)
    allowed = {s.name: set(s.acquisitions) for s in workload.services}
    points = tuple(p for p in menu.points if ways.get(p.system, set()) & allowed[p.service])
    return replace(menu, points=points)


def renumbered(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    """Periods with indices 0, 1, 2, ..."""
    return tuple(replace(p, index=n) for n, p in enumerate(periods))


def without_use(workload: Workload, menu: Menu) -> list[str]:
    """Why systems that the workload names serve none of its services."""
    used, found = {p.system for p in menu.points}, []
    for system in workload.hardware.include:
        reasons: dict[str, Screened] = {}
        for one in menu.screened:
            best = reasons.get(one.service)
            if one.system == system and (best is None or (one.reached or 0.0) >= (best.reached or 0.0)):
                reasons[one.service] = one
        if system not in used and reasons:
            words = "; ".join(f"{s}: {one.reason} ({one.configuration})" for s, one in reasons.items())
            found.append(f"{system} can serve nothing here: {words}")
    return found


def cut_short(workload: Workload, offers: tuple[SystemOffer, ...]) -> list[str]:
    """Offers of the workload whose term or life ends within the epochs that it states."""
    step, years = workload.horizon.epoch_years, workload.horizon.years
    stated = {o.id for o in workload.offers}
    found: list[str] = []
    if step is None:
        return found
    for offer in offers:
        life = offer.life_years
        if offer.id in stated and offer.committed and step < life < years and life / step % 1 > INSTANT:
            part = span(life - math.floor(life / step) * step)
            words = "life" if offer.kind == "buy" else "term"
            found.append(
                f"{offer.id}: of its {words} of {span(life)} the last {part} lie within an epoch of "
                f"{span(step)} and are not used; without `epoch` an epoch ends with it"
            )
    return found


def conventions(workload: Workload) -> list[str]:
    """What is assumed where a workload states taxes or that power follows the load."""
    found, hardware = [], workload.hardware
    if workload.power_follows_load:
        own = hardware.idle_power_share_by_system
        words = [f"{share:.0%} ({name})" for name, share in sorted(own.items())]
        if hardware.idle_power_share is not None or not own:
            words.append(f"{hardware.idle_share(''):.0%}" + (" (others)" if own else ""))
        what = f"{', '.join(words)} of their typical power"
        found.append(f"idle systems are taken to draw {what}, as the workload states")
    if workload.money.tax_rate:
        found.append("taxes are taken to be saved when a cost arises, from profits made elsewhere")
    return found
