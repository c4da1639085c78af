"""Fields for technology, token prices and budgets of single years."""

from __future__ import annotations

from solver.domain.catalog import Catalog, TokenApi
from solver.domain.quantity import Quantity
from solver.domain.workload import LoadedWorkload
from solver.plan.plan import Plan
from solver.web.control import Control, around, place_words
from solver.whatif.difference import yearly
from solver.whatif.names import apis_of, fiscal_years

CHEAPEST = 3  # token APIs beside those of the plan
MOST_SYSTEMS = 4
MOST_YEARS = 6
#: Field of a session -> quantity of the catalog and its name for people.
TECHNOLOGY = {
    "sram": ("sram_gb", "on-chip memory"),
    "memory": ("dram_gb", "main memory"),
    "bandwidth": ("dram_bw_tbs", "memory bandwidth"),
    "system_power": ("power_typ_kw", "typical power"),
}


def source_words(quantity: Quantity | None, changed: bool) -> str:
    """Where a value of the catalog comes from, and whether the session changed it."""
    if quantity is None:
        return "your change"
    words = f"{quantity.evidence}: {quantity.source} ({quantity.date})"
    return f"your change; catalog: {words}" if changed else words


def technology(loaded: LoadedWorkload, plan: Plan | None, catalog: Catalog) -> list[Control]:
    """Weight precisions of the services, and what the systems of the plan are made of."""
    found = []
    for n, service in enumerate(loaded.workload.services):
        place = place_words(loaded, f"services.{n}.precisions")
        chosen = ",".join(service.precisions)
        choices = ("fp16,fp8", "fp16", "fp8", "fp8,fp4", "fp4")
        name, label = f"precision.{service.name}", f"{service.name}, weight precisions"
        found.append(Control(name, label, None, "", place, kind="choice", choices=choices, chosen=chosen))
    used = dict.fromkeys([*(s.system for s in plan.systems)] if plan else [])
    for system in list(used)[:MOST_SYSTEMS]:
        entry = catalog.systems.get(system)
        stated = loaded.workload.hardware.overrides.get(system, {})
        for field, (quantity, words) in TECHNOLOGY.items():
            listed = entry.values.get(quantity) if entry else None
            if entry is None or listed is None or not listed.value:
                continue
            value = stated.get(quantity, listed.value)
            source = source_words(listed, quantity in stated)
            label = f"{entry.name}, {words}"
            found.append(
                Control(f"{field}.{system}", label, value, listed.unit, source, *around(listed.value, 4))
            )
    return found


def token_prices(loaded: LoadedWorkload, plan: Plan | None, catalog: Catalog) -> list[Control]:
    """Prices of the token APIs in use and of the cheapest others."""
    if not any("api" in s.acquisitions for s in loaded.workload.services):
        return []
    used = {str(a.get("api")) for a in plan.inputs.get("apis", {}).values()} if plan else set()
    offered = apis_of(loaded.workload, catalog)

    def rank(api: TokenApi) -> tuple[bool, float, str]:
        """APIs in use first, then the cheapest."""
        return api.id not in used, api.input_usd_per_m.value + api.output_usd_per_m.value, api.id

    found = []
    for api in sorted(offered, key=rank)[: len(used) + CHEAPEST]:
        changed = loaded.workload.token_prices.get(api.id)
        for field, word in (("token_input", "input"), ("token_output", "output")):
            quantity: Quantity = getattr(api, f"{word}_usd_per_m")
            stated: float | None = getattr(changed, f"{word}_usd_per_m", None)
            value = quantity.value if stated is None else stated
            label = f"{api.provider}, {api.provider_model_id or api.model}, {word} tokens"
            source = source_words(quantity, stated is not None)
            span = around(quantity.value, 4)
            found.append(Control(f"{field}.{api.id}", label, value, "USD/M", source, *span))
    return found


def yearly_budgets(loaded: LoadedWorkload, plan: Plan | None) -> list[Control]:
    """What may be spent on purchases and on running costs in each fiscal year."""
    money, found = loaded.workload.money, []
    most = max(yearly(plan).values(), default=1e6) if plan else 1e6
    for n, year in enumerate(fiscal_years(loaded.workload)[:MOST_YEARS]):
        for field, limits, words in (
            ("budget", money.budget_capex_by_year_usd, "purchases"),
            ("opex", money.budget_opex_by_year_usd, "running costs"),
        ):
            value = limits[n] if n < len(limits) else None
            label = f"{words} in {year} (empty: no limit)"
            place = place_words(loaded, "money")
            high = float(f"{max(2 * most, value or 0.0, 1e5):.2g}")
            found.append(Control(f"{field}.{year}", label, value, "USD", place, 0.0, high))
    return found
