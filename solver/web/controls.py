"""The fields and sliders of the page: what can be changed at hand, with its present value and its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.plan.plan import Plan
from solver.whatif.values import mean_rps

OFFERED = 8  # prices beside those of the plan


@dataclass(frozen=True)
class Control:
    """A field: ``name`` and ``unit`` make the change ``name=value unit``; ``source`` says where it stands."""

    name: str
    label: str
    value: float | None
    unit: str
    source: str
    low: float = 0.0
    high: float = 0.0
    kind: str = "number"  # number | choice
    choices: tuple[str, ...] = ()
    chosen: str = ""

    @property
    def key(self) -> str:
        """An id for the page."""
        return "".join(c if c.isalnum() else "-" for c in self.name)

    @property
    def text(self) -> str:
        """The value as it stands in the field."""
        return "" if self.value is None else f"{self.value:.10g}"

    @property
    def step(self) -> str:
        """Steps of the slider: a 200th of its span."""
        return f"{(self.high - self.low) / 200:.6g}"

    @property
    def has_slider(self) -> bool:
        """Whether there is a slider."""
        return self.high > self.low


@dataclass(frozen=True)
class Group:
    """Fields that belong together."""

    title: str
    controls: tuple[Control, ...]


def groups(loaded: LoadedWorkload, base: LoadedWorkload, plan: Plan | None, catalog: Catalog) -> list[Group]:
    """All groups of fields for a state; the sliders reach around the value of the base."""
    found = [
        Group("Demand", tuple(_demand(loaded, base))),
        Group("Prices", tuple(_prices(loaded, plan, catalog))),
        Group("Promises", tuple(_promises(loaded, base))),
        Group("Money", tuple(_money(loaded, plan))),
        Group("Sites", tuple(_sites(loaded, base))),
    ]
    return [group for group in found if group.controls]


def place_words(loaded: LoadedWorkload, path: str) -> str:
    """Where a statement stands: file name, line and column."""
    place = loaded.place(path)
    return str(replace(place, file=Path(place.file).name))


def _around(value: float | None, factor: float) -> tuple[float, float]:
    """Ends of a slider: a factor below and above; nothing where there is no value."""
    return (round(value / factor, 6), round(value * factor, 6)) if value else (0.0, 0.0)


def _demand(loaded: LoadedWorkload, base: LoadedWorkload) -> list[Control]:
    first = {s.name: mean_rps(s) for s in base.workload.services}
    found = []
    for n, service in enumerate(loaded.workload.services):
        place = place_words(loaded, f"services.{n}.demand")
        rate = mean_rps(service)
        found.append(
            Control(
                f"demand.{service.name}",
                f"{service.name}, mean",
                rate,
                "requests/s",
                place,
                0.0,
                round(4 * max(first.get(service.name, rate), rate / 4), 6),
            )
        )
        growth = service.demand.growth_per_year * 100
        found.append(
            Control(
                f"growth.{service.name}", f"{service.name}, growth a year", growth, "%", place, 0.0, 100.0
            )
        )
    return found


def _prices(loaded: LoadedWorkload, plan: Plan | None, catalog: Catalog) -> list[Control]:
    stated = loaded.workload.hardware.overrides
    used = [s.system for s in plan.systems] if plan else []
    near = [b.system for b in plan.break_even] if plan else []
    included = list(loaded.workload.hardware.include)
    wanted = dict.fromkeys([*used, *stated, *near, *included, *_notable(catalog)])
    found = []
    for system in list(wanted)[: max(OFFERED, len(dict.fromkeys([*used, *stated])))]:
        entry = catalog.systems.get(system)
        if entry is None:
            continue
        for field, quantity, unit in (("price", "price_usd", "USD"), ("rental", "cloud_usd_hr", "USD/h")):
            listed = entry.values.get(quantity)
            value = stated.get(system, {}).get(quantity, listed.value if listed else None)
            rented = any(
                s.system == system and s.acquisition != "buy" for s in (plan.systems if plan else ())
            )
            if value is None or (field == "rental" and not rented):
                continue
            source = f"{listed.evidence}: {listed.source} ({listed.date})" if listed else "your change"
            if quantity in stated.get(system, {}):
                source = f"your change; catalog: {source}" if listed else "your change"
            span = _around(listed.value if listed else value, 4)
            found.append(Control(f"{field}.{system}", f"{entry.name}", value, unit, source, *span))
    return found


def _notable(catalog: Catalog) -> list[str]:
    """Systems that people ask about when the plan names few: those on sale with a price, newest first."""
    sold = [o.system for o in catalog.offers.values() if o.kind == "buy"]
    return sorted(dict.fromkeys(sold), key=lambda s: (-catalog.systems[s].year, s))


def _promises(loaded: LoadedWorkload, base: LoadedWorkload) -> list[Control]:
    first = {s.name: s.levels for s in base.workload.services}
    found = []
    for n, service in enumerate(loaded.workload.services):
        levels, old = service.levels, first.get(service.name, service.levels)
        for field, name, value, was in (
            ("ttft", "time to first token", levels.ttft_ms, old.ttft_ms),
            ("tpot", "time per output token", levels.tpot_ms, old.tpot_ms),
        ):
            place = place_words(loaded, f"services.{n}.levels.{field}_ms")
            label = f"{service.name}, {name}"
            found.append(
                Control(f"{field}.{service.name}", label, value, "ms", place, *_around(was or value, 5))
            )
        place = place_words(loaded, f"services.{n}.precisions")
        found.append(
            Control(
                f"precision.{service.name}",
                f"{service.name}, weight precisions",
                None,
                "",
                place,
                kind="choice",
                choices=("fp16,fp8", "fp16", "fp8", "fp8,fp4", "fp4"),
                chosen=",".join(service.precisions),
            )
        )
    return found


def _money(loaded: LoadedWorkload, plan: Plan | None) -> list[Control]:
    money, place = loaded.workload.money, place_words(loaded, "money")
    total = plan.objective_usd if plan else 1e6
    capex = sum(s.count * s.unit_price_usd for s in plan.systems if s.acquisition == "buy") if plan else 1e6
    return [
        Control(
            "budget.capex",
            "budget for purchases (empty: none)",
            money.budget_capex_usd,
            "USD",
            place,
            0.0,
            float(f"{max(2 * capex, money.budget_capex_usd or 0, 1e5):.2g}"),
        ),
        Control(
            "budget.total",
            "budget for everything, net present (empty: none)",
            money.budget_total_usd,
            "USD",
            place,
            0.0,
            float(f"{max(2 * total, money.budget_total_usd or 0):.2g}"),
        ),
        Control("discount", "discount rate", money.discount_rate * 100, "%", place, 0.0, 25.0),
        Control(
            "years", "horizon", loaded.workload.horizon.years, "years", place_words(loaded, "horizon"), 1, 7
        ),
    ]


def _sites(loaded: LoadedWorkload, base: LoadedWorkload) -> list[Control]:
    found = []
    for n, site in enumerate(loaded.workload.sites):
        place = place_words(loaded, f"sites.{n}")
        found.append(
            Control(
                f"energy.{site.name}", f"{site.name}, energy", site.energy_usd_kwh, "USD/kWh", place, 0, 0.4
            )
        )
        span = _around(site.power_kw, 4)
        found.append(
            Control(
                f"power.{site.name}",
                f"{site.name}, power (empty: no limit)",
                site.power_kw,
                "kW",
                place,
                *span,
            )
        )
    return found
