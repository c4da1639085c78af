"""The short names of a what-if session: what can be changed, where it stands in a workload file, examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Subject = Literal["system", "service", "site", "vendor", "api", "provider", "offer", "year", ""]
How = Literal["set", "add", "remove", "drop", "tokens", "year"]


@dataclass(frozen=True)
class Field:
    """A short name. ``path`` is that of a workload file with ``{}`` for the subject; ``target`` the field of
    the domain that ``none`` clears; ``relative`` tells that ``x2`` and ``-20 %`` are understood, ``timed``
    that a change may begin later (``x2 from 2027-07``)."""

    name: str
    subject: Subject
    path: str
    meaning: str
    example: str
    target: str = ""
    relative: bool = False
    how: How = "set"
    timed: bool = False

    @property
    def shape(self) -> str:
        """How it is written: ``price.SYSTEM=``."""
        return f"{self.name}{'.' + self.subject.upper() if self.subject else ''}="


def _override(name: str, quantity: str, meaning: str, example: str) -> Field:
    """A catalog value of a system; a factor multiplies it."""
    path = f"hardware.overrides.{{}}.{quantity}"
    return Field(name, "system", path, meaning, example, path, relative=True)


def _tokens(name: str, key: str, meaning: str, example: str) -> Field:
    """A price of a token API; a factor multiplies it."""
    path = f"token_prices.{{}}.{key}"
    return Field(name, "api", path, meaning, example, path, relative=True)


def _level(name: str, target: str, meaning: str, example: str) -> Field:
    """A promise of a service; a factor multiplies it."""
    path = f"services.{{}}.levels.{name}"
    return Field(name, "service", path, meaning, example, f"services.{{}}.levels.{target}", relative=True)


def _table(name: str, key: str, meaning: str, example: str) -> Field:
    """A number of systems of a kind."""
    path = f"hardware.{key}.{{}}"
    return Field(name, "system", path, meaning, example, path)


# fmt: off
_ROWS = (
    # prices
    replace(_override("price", "price_usd", "purchase price of one system", "price.cerebras-cs3=1.0M"),
            timed=True),
    replace(_override("rental", "cloud_usd_hr", "price of a rented system and hour",
                      "rental.dgx-h100=-20 %"), timed=True),
    _tokens("token_input", "input_usd_per_m", "USD per million prompt tokens of an API",
            "token_input.deepinfra/llama-4-maverick=0.10"),
    _tokens("token_output", "output_usd_per_m", "USD per million output tokens of an API",
            "token_output.deepinfra/llama-4-maverick=0.40"),
    _tokens("token_cached", "cached_input_usd_per_m", "USD per million prompt tokens in the API's cache",
            "token_cached.deepinfra/llama-4-maverick=0.05"),
    Field("tokens", "provider", "token_prices", "all token prices of a provider, by a factor",
          "tokens.DeepInfra=-20 %", relative=True, how="tokens"),
    Field("offer", "offer", "offers.{}.price_usd", "price of an own offer", "offer.yearly-lease=-10 %",
          relative=True),
    # traffic
    Field("demand", "service", "services.{}.demand.requests_per_s", "mean request rate; the shape stays",
          "demand.chat=x2", relative=True, timed=True),
    Field("peak", "service", "services.{}.demand.peak_requests_per_s",
          "request rate of the busiest hour; the daily shape stays", "peak.chat=40 requests/s"),
    Field("starts", "service", "services.{}.starts", "first month with requests", "starts.chat=2027-07",
          "services.{}.starts"),
    Field("ends", "service", "services.{}.ends", "first month without requests", "ends.chat=2028-07",
          "services.{}.ends"),
    Field("steps", "service", "services.{}.demand.steps", "factors by month",
          "steps.chat={2027-07: 2, 2028-01: 3}", "services.{}.demand.steps"),
    Field("burstiness", "service", "services.{}.demand.cv2", "squared variation of times between arrivals",
          "burstiness.chat=3", "services.{}.demand.cv2"),
    Field("growth", "service", "services.{}.demand.growth", "growth a year", "growth.chat=30 %"),
    # promises
    _level("ttft", "ttft_ms", "time to first token", "ttft.chat=500 ms"),
    _level("tpot", "tpot_ms", "time per output token", "tpot.chat=10 ms"),
    Field("speed", "service", "services.{}.levels.tokens_per_s_per_user", "tokens/s of each user",
          "speed.chat=100"),
    _level("end_to_end", "end_to_end_s", "time from request to last token", "end_to_end.chat=5 s"),
    Field("deadline", "service", "services.{}.levels.deadline", "time within which work is done",
          "deadline.chat=12 h", "services.{}.levels.deadline_hours"),
    Field("percentile", "service", "services.{}.levels.percentile", "share of requests that keep promises",
          "percentile.chat=99"),
    # technology
    Field("precision", "service", "services.{}.precisions", "weight precisions that its quality permits",
          "precision.chat=fp8"),
    Field("kv_precision", "service", "services.{}.kv_precisions", "KV precisions that its quality permits",
          "kv_precision.chat=fp16"),
    Field("serving", "service", "services.{}.serving", "aggregated pools, or prefill and decode apart",
          "serving.chat=aggregated,disaggregated"),
    Field("updates", "service", "services.{}.model_updates", "weight images written, or new models",
          "updates.chat=2 per hour"),
    Field("retention", "service", "services.{}.prefix_cache.retention",
          "time to the next turn that finds its prefix in the cache", "retention.chat=5 min",
          "services.{}.prefix_cache"),
    Field("acceptance", "service", "services.{}.speculation.acceptance",
          "chance that a drafted token is accepted", "acceptance.chat=70 %", "services.{}.speculation"),
    Field("residency", "service", "services.{}.residency.jurisdictions",
          "whose law its data must be under", "residency.chat=EU", "services.{}.residency"),
    Field("model", "service", "services.{}.model", "model that serves it", "model.chat=llama-3.1-8b"),
    Field("prefix_hit", "service", "services.{}.prefix_hit", "prompt tokens found in the prefix cache",
          "prefix_hit.chat=40 %"),
    Field("speculative", "service", "services.{}.speculative_tokens", "accepted tokens per decoding step",
          "speculative.chat=2.5", relative=True),
    _override("sram", "sram_gb", "on-chip memory of one system, GB", "sram.cerebras-cs3=x2"),
    _override("memory", "dram_gb", "main memory of one system, GB", "memory.dgx-b200=+50 %"),
    _override("bandwidth", "dram_bw_tbs", "memory bandwidth of one system, TB/s", "bandwidth.dgx-b200=x1.5"),
    _override("system_power", "power_typ_kw", "typical kW of one system", "system_power.dgx-b200=-10 %"),
    # ways to get capacity
    Field("ways", "service", "services.{}.acquisitions",
          "ways to get capacity: buy, rent, api, lease, reserve, spot", "ways.chat=buy,rent"),
    _table("supply", "supply", "systems that can be bought", "supply.cerebras-cs3=20"),
    _table("minimum", "minimum", "systems already promised", "minimum.dgx-b200=2"),
    _table("owned", "owned", "systems already there", "owned.dgx-h100=4"),
    _table("from", "available_from", "month before which none serves", "from.cerebras-cs3=2027-07"),
    Field("share", "vendor", "hardware.vendor_share.{}", "most of the purchases that one vendor may get",
          "share.NVIDIA=60 %", "hardware.vendor_share.{}"),
    Field("exclude", "", "hardware.exclude", "leave systems out", "exclude=cerebras-cs3,gaudi3-8", how="add"),
    Field("allow", "", "hardware.exclude", "permit excluded systems again", "allow=cerebras-cs3",
          how="remove"),
    Field("only", "", "hardware.include", "permit these systems alone", "only=dgx-b200,dgx-h200",
          "hardware.include"),
    Field("hypothetical", "", "hardware.hypothetical", "systems not yet on sale", "hypothetical=yes"),
    Field("replace_worn", "", "hardware.replace_worn", "systems bought in place of worn ones",
          "replace_worn=yes"),
    # places
    Field("power", "site", "sites.{}.power", "power of the site", "power.main=200 kW", "sites.{}.power_kw"),
    Field("energy", "site", "sites.{}.energy_usd_kwh", "price of energy, USD/kWh", "energy.main=0.12",
          relative=True, timed=True),
    Field("energy_growth", "site", "sites.{}.energy_growth", "growth a year of the price of energy",
          "energy_growth.main=3 %"),
    Field("energy_steps", "site", "sites.{}.energy_steps", "factors on the price of energy by month",
          "energy_steps.main={2028-01: 1.5}", "sites.{}.energy_steps"),
    Field("pue", "site", "sites.{}.pue", "power usage effectiveness", "pue.main=1.2"),
    Field("racks", "site", "sites.{}.rack_units", "rack units of the site", "racks.main=400",
          "sites.{}.rack_units"),
    Field("round_trip", "site", "sites.{}.round_trip", "network round trip", "round_trip.main=20 ms"),
    Field("feed", "site", "sites.{}.feed", "power at the meter, PUE included", "feed.main=200 kW",
          "sites.{}.feed_kw"),
    Field("cooling", "site", "sites.{}.cooling", "heat that can be taken away", "cooling.main=100 kW",
          "sites.{}.cooling_kw"),
    Field("space", "site", "sites.{}.space", "price of space", "space.main=30 USD/U/month"),
    Field("carbon", "site", "sites.{}.carbon", "carbon of its energy", "carbon.main=0.3 kg/kWh"),
    Field("jurisdiction", "site", "sites.{}.jurisdiction", "whose law data at the site is under",
          "jurisdiction.main=EU", "sites.{}.jurisdiction"),
    Field("opening", "site", "sites.{}.opening", "paid when it gets its first systems", "opening.main=2M"),
    Field("opens", "site", "sites.{}.open_from", "first month in which it can hold systems",
          "opens.main=2027-07", "sites.{}.open_from"),
    Field("idle_power", "", "hardware.idle_power_share", "power of an idle system, share of the typical",
          "idle_power=40 %", "hardware.idle_power_share"),
    Field("mtbf", "", "resilience.mtbf", "mean time between failures of every system", "mtbf=5000 h"),
    Field("repair", "", "resilience.repair", "mean time to repair", "repair=24 h"),
    Field("site_loss", "", "resilience.site_loss_share", "share carried after the loss of any one site",
          "site_loss=80 %", "resilience.site_loss_share"),
    Field("availability", "", "resilience.availability", "share of time that enough systems are up",
          "availability=99.9 %", "resilience.availability"),
    Field("drop", "site", "sites", "leave a site out", "drop.main=yes", how="drop"),
    # money and time
    Field("budget.capex", "", "money.budget_capex", "purchases, dollars as paid", "budget.capex=12M",
          "money.budget_capex_usd", relative=True),
    Field("budget.years", "", "money.budget_capex_by_year", "purchases by fiscal year",
          "budget.years=12M,3M,3M", "money.budget_capex_by_year_usd"),
    Field("budget", "year", "money.budget_capex_by_year", "purchases of a fiscal year", "budget.2027=12M",
          "money.budget_capex_by_year_usd", how="year"),
    Field("opex.years", "", "money.budget_opex_by_year", "running costs by fiscal year",
          "opex.years=3M,3M,3M", "money.budget_opex_by_year_usd"),
    Field("opex", "year", "money.budget_opex_by_year", "running costs of a fiscal year", "opex.2028=3M",
          "money.budget_opex_by_year_usd", how="year"),
    Field("budget.total", "", "money.budget_total", "everything, net present dollars", "budget.total=15M",
          "money.budget_total_usd", relative=True),
    Field("fiscal_year", "", "money.fiscal_year_start", "first month of fiscal years, 1 to 12",
          "fiscal_year=7", "money.fiscal_year_start"),
    Field("discount", "", "money.discount_rate", "discount rate a year", "discount=10 %", relative=True),
    Field("tax", "", "money.tax_rate", "taxes saved on costs", "tax=25 %"),
    Field("salary", "", "money.staff.salary", "what one of the people at the sites costs a year",
          "salary=180k", "money.staff"),
    Field("resale", "", "money.resale", "value after 1, 2, ... years, shares of the price",
          "resale=60 %,40 %,20 %", "money.resale_by_age"),
    Field("depreciation", "", "money.depreciation_years", "years over which purchases are written off",
          "depreciation=5"),
    Field("migration", "", "money.migration_usd_per_system", "moving a system to a model", "migration=5k"),
    Field("support", "", "money.support", "support a year, share of the price", "support=5 %"),
    Field("residual", "", "money.residual", "residual value, share of the price", "residual=10 %"),
    Field("years", "", "horizon.years", "length of the horizon", "years=5"),
    Field("start", "", "horizon.start", "first month of the horizon", "start=2027-07"),
    Field("epoch", "", "horizon.epoch_years", "the fleet may change every so many years", "epoch=0.5",
          "horizon.epoch_years"),
    Field("redundancy", "", "redundancy", "spare replicas per pool (N+k)", "redundancy=1"),
    Field("objective", "", "objective", "cost, power, carbon or traffic", "objective=power"),
)
# fmt: on
#: Fields of a service that tell the months themselves, or hold for its whole life.
_WHOLE = ("starts", "ends", "steps", "growth", "peak")
FIELDS: dict[str, Field] = {
    field.name: replace(field, timed=True)
    if field.subject in ("service", "api", "provider") and field.name not in _WHOLE
    else field
    for field in _ROWS
}


def split(left: str) -> tuple[Field | None, str]:
    """The field and the subject of the left side of a change; None where it is a path of the file format."""
    for name in sorted(FIELDS, key=len, reverse=True):
        if left == name or left.startswith(f"{name}."):
            return FIELDS[name], left[len(name) + 1 :]
    return None, ""
