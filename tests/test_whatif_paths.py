"""Every field of the problem can be set by a change and is completed at the prompt."""

from __future__ import annotations

import pytest
from whatif_case import TEXT, loaded

from solver.cli.whatif_prompt import completions
from solver.domain.workload import Workload
from solver.errors import InputError
from solver.inputs.catalogs import load_catalog
from solver.whatif.apply import apply_change
from solver.whatif.language import canonical
from solver.whatif.paths import paths
from solver.whatif.session import Session

CATALOG = load_catalog()
#: A workload in which every list of the problem has an entry.
RICH = (
    TEXT.replace(
        "levels:",
        "prefix_hit: 40 %\n    prefix_cache: {retention: 5 min}\n"
        "    speculation: {acceptance: 70 %}\n    levels:",
    )
    .replace("discount_rate: 0", "discount_rate: 0, staff: {salary: 100k}")
    .replace("150}", "150, regions: {eu: 1}}")
    + """\
sites: [{name: main, jurisdiction: EU}]
regions: [{name: eu}]
apis: [{name: DeepInfra}]
offers: [{id: mine, system: dgx-b200, kind: buy, price: 400k}]
profiles: [{id: own, system: dgx-b200, service: chat, requests_per_s: [100]}]
"""
)
API = "deepinfra/llama-4-maverick@2026-07-24"
#: Values that fit where the kind of field does not tell one; "..." stands for any index.
VALUES = {
    "services.0.name": "chat",
    "services.0.precisions": "fp8",
    "services.0.kv_precisions": "fp8",
    "services.0.serving": "aggregated",
    "services.0.kv_offload": "[50 %]",
    "services.0.acquisitions": "buy",
    "regions.0.name": "eu",
    "money.depreciation": "declining",
    "hardware.profiles": "all",
    "hardware.overrides": "{dgx-b200: {price_usd: 1M}}",
    "hardware.available_from": "{dgx-b200: 2027-07}",
    "hardware.vendor_share": "{NVIDIA: 50 %}",
    "hardware.supplier_supply": "{NVIDIA: 5}",
    "offers.0.kind": "lease",
    "offers.0.paid": "order",
    "objective": "power",
    "services.0.model": "llama-3.1-8b",
    "services.0.demand.rate_rps": "[100]",
    "services.0.demand.steps": "{2028-01: 2}",
    "services.0.demand.regions": "{eu: 1}",
    "services.0.demand.regions.eu": "1",
    "services.0.lengths": "{prompt: 500, output: 100}",
    "services.0.prefix_cache.stores": "memory",
    "services.0.speculation.draft_tokens": "[4]",
    "services.0.speculation.draft_model": "llama-3.2-1b",
    "services.0.residency.sites": "main",
    "services.0.residency.jurisdictions": "EU",
    "services.0.residency.apis": "DeepInfra",
    "services.0.lengths_are": "tokens",
    "services.0.token_prices": f"{{{API}: {{input: 0.1 $/Mtok}}}}",
    "services": "[{name: chat, model: llama-3.1-8b, demand: {requests_per_s: 1, regions: {eu: 1}}, "
    "lengths: {prompt: 9, output: 9}}]",
    "sites.0.tariff_usd_kwh": str([0.1] * 24),
    "sites.0.round_trip_by_region_ms": "{eu: 5}",
    "sites.0.energy_steps": "{2028-01: 2}",
    "sites": "[{name: main, jurisdiction: EU}]",
    "regions.0.residency.sites": "main",
    "regions.0.residency.jurisdictions": "EU",
    "regions.0.residency.apis": "DeepInfra",
    "regions": "[{name: eu}]",
    "apis.0.name": "DeepInfra",
    "apis.0.round_trip_by_region_ms": "{eu: 5}",
    "apis": "[{name: DeepInfra}]",
    "money.budget_capex_by_year_usd": "[1M, none]",
    "money.budget_opex_by_year_usd": "[1M]",
    "money.resale_by_age": "[50 %]",
    "hardware.exclude_profiles": "",
    "hardware.include": "dgx-b200",
    "hardware.exclude": "gaudi3-8",
    "hardware.technology_overrides": "{}",
    "offers.0.id": "other",
    "offers.0.system": "dgx-h200",
    "offers.0.tiers": "{8: $300k}",
    "offers.0.resale_by_age": "[50 %]",
    "offers": "[]",
    "profiles.0.system": "dgx-h200",
    "profiles.0.service": "chat",
    "profiles.0.requests_per_s": "[50]",
    "profiles": "[]",
    "token_prices": f"{{{API}: {{input: 0.1 $/Mtok}}}}",
}


def one_of_each(found: list[str]) -> list[str]:
    """The first path of each kind: of the many systems, vendors and APIs one is enough."""
    kinds: dict[tuple[str, str], str] = {}
    for path in found:
        parts = path[:-1].split(".")
        keyed = next((n for n, part in enumerate(parts) if part in KEYED), len(parts))
        last = parts[-1] if parts[keyed:] and parts[keyed] in INNER and len(parts) > keyed + 1 else ""
        more = "*" if len(parts) > keyed + 1 else ""
        kinds.setdefault((".".join(parts[: keyed + 1]) + more, last), path)
    return list(kinds.values())


KEYED = ("overrides", "technology_overrides", "supply", "minimum", "owned", "available_from")
KEYED += ("owned_until", "vendor_share", "supplier_supply", "token_prices")
INNER = ("overrides", "technology_overrides", "token_prices")
BASE = loaded(RICH)
ALL = paths(BASE.workload, CATALOG)


@pytest.mark.parametrize("path", one_of_each(ALL))
def test_every_field_can_be_set(path: str) -> None:
    """Some value of each field is taken; a name that does not exist is refused."""
    values = [VALUES[path[:-1]]] if path[:-1] in VALUES else ["0.5", "1", "2", "2028-01", "yes", "x", "{}"]
    refused = ""
    for value in values:
        try:
            apply_change(BASE, canonical(f"{path}{value}", BASE, CATALOG), CATALOG)
            break
        except InputError as error:
            refused = str(error)
    else:
        pytest.fail(f"{path}: {refused}")
    with pytest.raises(InputError):
        apply_change(BASE, f"{path[:-1]}-no-such-field=1", CATALOG) if "." in path else canonical(
            f"{path[:-1]}-no=1", BASE, CATALOG
        )


def test_no_field_of_the_problem_is_left_out() -> None:
    """Every property of every type of the problem, by the schema that pydantic makes of it."""
    schema = Workload.model_json_schema()
    named = {part for path in ALL for part in path[:-1].split(".")}
    types = {"Workload": schema, **schema["$defs"]}
    missing = {
        f"{name}.{field}"
        for name, entry in types.items()
        for field in entry.get("properties", ())
        if field not in named
    }
    lengths = {f"LengthBucket.{f}" for f in types["LengthBucket"]["properties"]}  # prompt and output
    assert missing == lengths | {"Demand.by_region"}  # demand.regions.NAME.day and the like
    assert {"services.0.lengths.prompt=", "services.0.lengths.output="} <= {*ALL}
    assert len(types) > 10


def test_every_field_completes() -> None:
    """Typing a path and completing at each dot leads to every field."""
    one = Session.begin(None, BASE, CATALOG)
    reached: set[str] = set()
    waiting = sorted({path.partition(".")[0] + "." for path in ALL if "." in path})
    waiting += [path[:-1] for path in ALL if "." not in path]
    while waiting:
        text = waiting.pop()
        for found in completions(one, text):
            if found.endswith("="):
                reached.add(found)
            elif found != text:
                waiting.append(found)
    assert {*ALL} <= reached
