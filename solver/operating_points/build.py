"""From a workload and the catalogs to the menu the integer program chooses from."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from solver.domain.catalog import Catalog, System
from solver.domain.workload import Workload
from solver.operating_points.apis import api_points, as_stated, with_token_prices
from solver.operating_points.dominance import undominated
from solver.operating_points.point import ApiPoint, OperatingPoint, Screened
from solver.operating_points.regions import api_trip_s, may_call
from solver.operating_points.service_points import service_points
from solver.performance.calibration import Calibration


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
        found, left_out = service_points(workload, catalog, systems, calibration, service)
        points += found
        screened += left_out
    kept = undominated(points) if prune else sorted(points, key=lambda p: p.id)
    return tuple(kept), tuple(screened), len(points) - len(kept)
