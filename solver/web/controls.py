"""The fields and sliders of the page: what can be changed at hand, with its present value and its source."""

from __future__ import annotations

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload, Workload
from solver.errors import SolverError
from solver.formulation.offers import choose_offers
from solver.plan.plan import Plan
from solver.web.control import Control, Group, around, place_words
from solver.web.more_controls import technology, token_prices, yearly_budgets
from solver.whatif.values import mean_rps

OFFERED = 8  # prices beside those of the plan


def groups(loaded: LoadedWorkload, base: LoadedWorkload, plan: Plan | None, catalog: Catalog) -> list[Group]:
    """All groups of fields for a state; the sliders reach around the value of the base."""
    found = [
        Group("Demand", tuple(_demand(loaded, base))),
        Group("Prices", tuple(_prices(loaded, plan, catalog))),
        Group("Token prices", tuple(token_prices(loaded, plan, catalog))),
        Group("Promises", tuple(_promises(loaded, base))),
        Group("Technology", tuple(technology(loaded, plan, catalog))),
        Group("Money", tuple(_money(loaded, plan))),
        Group("Budgets by fiscal year", tuple(yearly_budgets(loaded, plan))),
        Group("Sites", tuple(_sites(loaded, base))),
    ]
    return [group for group in found if group.controls]


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
    wanted = dict.fromkeys([*used, *stated, *near, *included, *_notable(loaded.workload, catalog)])
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
            span = around(listed.value if listed else value, 4)
            label = f"{entry.name}, {'purchase' if field == 'price' else 'rent'}"
            found.append(Control(f"{field}.{system}", label, value, unit, source, *span))
    return found


def _notable(workload: Workload, catalog: Catalog) -> list[str]:
    """Systems that people ask about when the plan names few: those that it could buy, newest first."""
    try:
        offers, _, _ = choose_offers(workload, catalog)
    except SolverError:  # it asks for what there is not
        return []
    sold = [o.system for o in offers if o.kind == "buy" and o.system in catalog.systems]
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
                Control(f"{field}.{service.name}", label, value, "ms", place, *around(was or value, 5))
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
        span = around(site.power_kw, 4)
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
