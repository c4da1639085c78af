"""Operating points of one service: what was measured or stated, and what the performance model predicts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from solver.domain.catalog import Catalog, MeasuredProfile, Model, System, Technology
from solver.domain.quantity import Quantity
from solver.domain.workload import Service, Workload
from solver.operating_points.candidates import BATCHES
from solver.operating_points.phases import separate_points
from solver.operating_points.physics import points_of
from solver.operating_points.point import OperatingPoint, Screened
from solver.operating_points.profiles import profile_points, stated_points, without_predictions
from solver.operating_points.regions import cells_of, narrowed, narrowed_profiles, reaches, widened
from solver.operating_points.requests import mix_of
from solver.operating_points.setting import Setting
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
from solver.performance.candidate import Refusal
from solver.performance.steps import StepTable, step_table


class Way(NamedTuple):
    """A way to run each layout: drafts, share of the prompt found in a cache, share of KV behind a link."""

    drafts: Drafts
    hit: float
    host_share: float

    def plain(self, service: Service) -> bool:
        """Whether replicas run as those that were measured: without drafts of the program's choice, with the
        service's cache, all KV on the chips."""
        return not self.drafts.tokens and not self.host_share and self.hit == service.prefix_hit


@dataclass
class Collected:
    """Points of a service, each as one of all of its length buckets, and what was left out."""

    buckets: int
    points: list[OperatingPoint] = field(default_factory=list)
    screened: list[Screened] = field(default_factory=list)

    def add(self, setting: Setting, points: list[OperatingPoint], screened: list[Screened]) -> None:
        """Points made for the buckets of a setting."""
        self.points += [widened(p, setting.cells, self.buckets, setting.reach) for p in points]
        self.screened += screened


def service_points(
    workload: Workload,
    catalog: Catalog,
    systems: Mapping[str, System],
    calibration: Calibration,
    service: Service,
) -> tuple[list[OperatingPoint], list[Screened]]:
    """All points of a service, and what was screened out with the reason."""
    policy, model = workload.hardware, catalog.models[service.model]
    technologies = with_overrides(catalog.technologies, policy.technology_overrides)
    settings = _settings(workload, service, model, systems, technologies)
    found = Collected(len(service.lengths))
    for setting in settings:
        own = narrowed_profiles(service, setting.cells, workload.profiles)
        found.add(setting, *stated_points(setting, own))
    if policy.profiles != "none":
        published = _profiles(workload, catalog)
        for setting in settings:
            found.add(setting, *profile_points(setting, published))
    measured = [*found.points]
    if policy.profiles == "only":
        return found.points, found.screened
    if model.layers == 0:
        missing = ", ".join(model.missing) or "its architecture is unknown"
        reason = f"{model.name} is {model.status}: {missing}"
        return found.points, [*found.screened, Screened(service.name, "all systems", "physics", reason)]
    for way in ways_of(service):
        draft = _draft(catalog, service, way.drafts)
        table, refusals = _table(workload, model, systems, technologies, calibration, service, way)
        table = with_draft_weights(table, draft)
        predicted = Collected(len(service.lengths))
        for setting in settings if len(table.system) else ():
            predicted.add(setting, *_predicted(replace(setting, draft=draft), calibration, table, way))
        if way.plain(service):  # of the others nothing is told, and no measured point replaces them
            found.screened += [Screened(service.name, r.system, r.configuration, r.reason) for r in refusals]
            found.screened += predicted.screened
            predicted.points, replaced = without_predictions(predicted.points, measured)
            found.screened += replaced
        found.points += predicted.points
    return found.points, found.screened


def ways_of(service: Service) -> Iterator[Way]:
    """All ways that a service permits."""
    for drafts, hit in itertools.product(drafts_of(service), hits_of(service)):
        for share in offloads_of(service, drafts):
            yield Way(drafts, hit, share)


def _draft(catalog: Catalog, service: Service, drafts: Drafts) -> Model | None:
    """The model that drafts, if one is stated and this way drafts."""
    stated = service.speculation.draft_model if service.speculation is not None else None
    return catalog.models[stated] if stated and drafts.tokens else None


def _table(
    workload: Workload,
    model: Model,
    systems: Mapping[str, System],
    technologies: Mapping[str, Technology],
    calibration: Calibration,
    service: Service,
    way: Way,
) -> tuple[StepTable, tuple[Refusal, ...]]:
    """Step laws of all systems and layouts run in a way."""
    policy = workload.hardware
    table, refusals = step_table(
        model,
        sorted((s for s in systems.values() if s.values), key=lambda s: s.id),  # others: profiles alone
        precisions=service.precisions,
        batches=BATCHES,
        mean_context_tokens=mix_of(service).mean_context,
        calibration=calibration,
        technologies=technologies,
        prefix_hit=way.hit,
        kv_in_weight_memory=policy.kv_in_weight_memory,
        streamed=policy.streamed_weights,
        kv_precisions=service.kv_precisions,
        speculative_tokens=way.drafts.per_step,
        draft_tokens=way.drafts.tokens or None,
        drafting=way.drafts.drafting,
        kv_host_share=way.host_share,
    )
    if not policy.resident_weights:
        wafer = [systems[s].kind == "sram-wafer" for s in table.system]
        table = table.take(~np.array(wafer, dtype=np.bool_) | (table.placement == "streamed"))
    return table, refusals


def _predicted(setting: Setting, calibration: Calibration, table: StepTable, way: Way) -> Found:
    """Points of a table in a way, named by it."""
    made = partial(_served, setting, calibration)
    points, left_out = with_prefixes(setting, table, way.hit, made, host_is_free=not way.host_share)
    return with_offload(with_drafts(points, way.drafts.tokens), way.host_share), left_out


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
