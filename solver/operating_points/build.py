"""From a workload and the catalogs to the menu the integer program chooses from."""

from __future__ import annotations

import itertools
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from solver.domain.catalog import Catalog, MeasuredProfile, Model, System, Technology
from solver.domain.quantity import Quantity
from solver.domain.workload import Service, Workload
from solver.operating_points.apis import api_points, as_stated, with_token_prices
from solver.operating_points.dominance import undominated
from solver.operating_points.phases import separate_points
from solver.operating_points.physics import BATCHES, Setting, points_of
from solver.operating_points.point import ApiPoint, OperatingPoint, Screened
from solver.operating_points.profiles import profile_points, stated_points, without_predictions
from solver.operating_points.regions import (
    api_trip_s,
    cells_of,
    may_call,
    narrowed,
    narrowed_profiles,
    reaches,
    widened,
)
from solver.operating_points.requests import mix_of
from solver.operating_points.variants import (
    Drafts,
    Found,
    drafts_of,
    hits_of,
    offloads_of,
    with_draft_weights,
    with_drafts,
    with_offload,
    with_prefixes,
)
from solver.performance.calibration import Calibration
from solver.performance.steps import StepTable, step_table


@dataclass(frozen=True)
class Menu:
    """All ways to serve each service, and what was left out with the reason."""

    points: tuple[OperatingPoint, ...]
    apis: tuple[ApiPoint, ...]
    screened: tuple[Screened, ...]
    dominated: int


def build_menu(
    workload: Workload,
    catalog: Catalog,
    systems: Mapping[str, System],
    calibration: Calibration,
    prune: bool = True,
) -> Menu:
    """The menu of a workload; ``systems`` are those that have an offer, with overrides applied."""
    points, screened, dominated = RECENT.points(workload, catalog, systems, calibration, prune)
    apis: list[ApiPoint] = []
    known = as_stated(catalog.apis, workload)
    for service in workload.services:
        if "api" in service.acquisitions:
            priced = with_token_prices(known, workload.prices_for(service))
            permits, trip_s = partial(may_call, workload, service), partial(api_trip_s, workload)
            offers, refused = api_points(service, priced.values(), permits, trip_s)
            apis += offers
            screened += tuple(refused)
    return Menu(points, tuple(apis), screened, dominated)


Points = tuple[tuple[OperatingPoint, ...], tuple[Screened, ...], int]


class Recent:
    """Operating points of the last few workloads. They depend on everything but money: after a change to
    prices or budgets they are the same, and building them takes longer than solving."""

    def __init__(self, most: int = 8) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[str, tuple[Catalog, Calibration, Points]] = OrderedDict()

    def points(
        self,
        workload: Workload,
        catalog: Catalog,
        systems: Mapping[str, System],
        calibration: Calibration,
        prune: bool,
    ) -> Points:
        """(points kept, what was screened, how many were dominated)."""
        key = without_money(workload, systems, prune)
        with self._lock:
            found = self._kept.pop(key, None)
        if found is None or found[0] is not catalog or found[1] is not calibration:
            found = (catalog, calibration, _points(workload, catalog, systems, calibration, prune))
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found[2]


RECENT = Recent()


def without_money(workload: Workload, systems: Mapping[str, System], prune: bool) -> str:
    """All that operating points may depend on, as text: the workload without money, and its systems."""
    data = workload.model_dump(mode="json", exclude={"name", "description", "money", "token_prices", "apis"})
    data["hardware"]["overrides"] = [
        [system, quantity, value]
        for system, values in sorted(workload.hardware.overrides.items())
        for quantity, value in sorted(values.items())
        if quantity not in ("price_usd", "cloud_usd_hr")
    ]
    for offer in data["offers"]:
        del offer["price_usd"]
    for service in data["services"]:
        del service["token_prices"]
    return json.dumps([data, sorted(systems), prune], sort_keys=True)


def _points(
    workload: Workload,
    catalog: Catalog,
    systems: Mapping[str, System],
    calibration: Calibration,
    prune: bool,
) -> Points:
    points: list[OperatingPoint] = []
    screened: list[Screened] = []
    for service in workload.services:
        found, left_out = _service_points(workload, catalog, systems, calibration, service)
        points += found
        screened += left_out
    kept = undominated(points) if prune else sorted(points, key=lambda p: p.id)
    return tuple(kept), tuple(screened), len(points) - len(kept)


def _service_points(
    workload: Workload,
    catalog: Catalog,
    systems: Mapping[str, System],
    calibration: Calibration,
    service: Service,
) -> tuple[list[OperatingPoint], list[Screened]]:
    policy, model = workload.hardware, catalog.models[service.model]
    technologies = with_overrides(catalog.technologies, policy.technology_overrides)
    settings = _settings(workload, service, model, systems, technologies)
    published = _profiles(workload, catalog)
    points: list[OperatingPoint] = []
    screened: list[Screened] = []

    def add(setting: Setting, found: tuple[list[OperatingPoint], list[Screened]]) -> None:
        points.extend(widened(p, setting.cells, len(service.lengths), setting.reach) for p in found[0])
        screened.extend(found[1])

    for setting in settings:
        add(setting, stated_points(setting, narrowed_profiles(service, setting.cells, workload.profiles)))
    if policy.profiles != "none":
        for setting in settings:
            add(setting, profile_points(setting, published))
    if policy.profiles == "only":
        return points, screened
    if model.layers == 0:
        reason = (
            f"{model.name} is {model.status}: {', '.join(model.missing) or 'its architecture is unknown'}"
        )
        return points, [*screened, Screened(service.name, "all systems", "physics", reason)]
    measured = len(points)
    for drafts, hit, share in ways_of(service):
        table, refusals = step_table(
            model,
            sorted((s for s in systems.values() if s.values), key=lambda s: s.id),  # others: profiles alone
            precisions=service.precisions,
            batches=BATCHES,
            mean_context_tokens=mix_of(service).mean_context,
            calibration=calibration,
            technologies=technologies,
            prefix_hit=hit,
            kv_in_weight_memory=policy.kv_in_weight_memory,
            streamed=policy.streamed_weights,
            kv_precisions=service.kv_precisions,
            speculative_tokens=drafts.per_step,
            draft_tokens=drafts.tokens or None,
            drafting=drafts.drafting,
            kv_host_share=share,
        )
        spec = service.speculation
        draft = catalog.models[spec.draft_model] if drafts.tokens and spec and spec.draft_model else None
        table = with_draft_weights(table, draft)
        told = not drafts.tokens and not share and hit == service.prefix_hit
        start = len(points)
        screened += [Screened(service.name, r.system, r.configuration, r.reason) for r in refusals if told]
        if not policy.resident_weights:
            wafer = [systems[s].kind == "sram-wafer" for s in table.system]
            table = table.take(~np.array(wafer, dtype=np.bool_) | (table.placement == "streamed"))
        for setting in settings if len(table.system) else ():
            drafted = replace(setting, draft=draft)
            made = partial(_served, drafted, calibration)
            found, left_out = with_prefixes(drafted, table, hit, made, host_is_free=not share)
            found = with_offload(with_drafts(found, drafts.tokens), share)
            add(setting, (found, left_out if told else []))
        if told:  # a replica that drafts or caches otherwise is another one than was measured
            kept, replaced = without_predictions(points[start:], points[:measured])
            points, screened = points[:start] + kept, screened + replaced
    return points, screened


def ways_of(service: Service) -> Iterator[tuple[Drafts, float, float]]:
    """Ways to run each layout: drafts, share of the prompt found in a cache, share of KV behind a link."""
    for drafts, hit in itertools.product(drafts_of(service), hits_of(service)):
        for share in offloads_of(service, drafts):
            yield drafts, hit, share


def _served(setting: Setting, calibration: Calibration, table: StepTable) -> Found:
    """Points of a table in the ways of serving that the service permits."""
    points: list[OperatingPoint] = []
    screened: list[Screened] = []
    if "aggregated" in setting.service.serving:
        points, screened = points_of(setting, table)
    if "disaggregated" in setting.service.serving:
        apart, left_out = separate_points(setting, table, calibration)
        points, screened = points + apart, screened + left_out
    return points, screened


def _settings(
    workload: Workload,
    service: Service,
    model: Model,
    systems: Mapping[str, System],
    technologies: Mapping[str, Technology],
) -> list[Setting]:
    """One setting for each reach: round trips count against the promises."""
    found = []
    for reach in reaches(workload, service):
        cells = cells_of(service, reach)
        part = narrowed(service, cells)
        trips = dict(reach.trips_ms)
        found.append(
            Setting(
                service=part,
                model=model,
                systems=dict(systems),
                technologies=dict(technologies),
                policy=workload.hardware,
                horizon=workload.horizon,
                round_trip_s=max(trips.values()) / 1e3,
                trips_s=tuple(trips[b.region] / 1e3 for b in part.lengths),
                sites=reach.sites,
                suffix=reach.suffix,
                reach=reach,
                cells=cells,
            )
        )
    return found


def _profiles(workload: Workload, catalog: Catalog) -> list[MeasuredProfile]:
    everything = workload.hardware.profiles in ("all", "only")
    return [
        p
        for _, p in sorted(catalog.profiles.items())
        if (everything or p.output_tok_s_total.evidence == "measured")
        and p.id not in workload.hardware.exclude_profiles
    ]


def with_overrides(
    technologies: Mapping[str, Technology], changes: Mapping[str, Mapping[str, float]]
) -> dict[str, Technology]:
    """Memory technologies with some quantities replaced, each in the unit of its catalog entry."""
    changed = dict(technologies)
    for name, values in changes.items():
        entry = technologies[name]
        new = {
            quantity: Quantity(
                value=value,
                unit=entry.values[quantity].unit,
                source="workload override",
                date="workload",
                evidence="assumed",
            )
            for quantity, value in values.items()
        }
        changed[name] = entry.model_copy(update={"values": {**entry.values, **new}})
    return changed
