"""The short names of a what-if session: what can be changed, where it stands in a workload file, examples."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from solver.domain.catalog import Catalog
from solver.domain.workload import Workload
from solver.errors import InputError

Subject = Literal["system", "service", "site", "vendor", ""]
How = Literal["set", "add", "remove", "drop"]


@dataclass(frozen=True)
class Field:
    """A short name. ``path`` is that of a workload file with ``{}`` for the subject; ``target`` the field of
    the domain that ``none`` clears; ``relative`` tells that ``x2`` and ``-20 %`` are understood."""

    name: str
    subject: Subject
    path: str
    meaning: str
    example: str
    target: str = ""
    relative: bool = False
    how: How = "set"

    @property
    def shape(self) -> str:
        """How it is written: ``price.SYSTEM=``."""
        return f"{self.name}{'.' + self.subject.upper() if self.subject else ''}="


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field(
            "price",
            "system",
            "hardware.overrides.{}.price_usd",
            "purchase price of one system",
            "price.cerebras-cs3=1.0M",
            "hardware.overrides.{}.price_usd",
            True,
        ),
        Field(
            "rental",
            "system",
            "hardware.overrides.{}.cloud_usd_hr",
            "price of one rented system and hour",
            "rental.dgx-h100=-20 %",
            "hardware.overrides.{}.cloud_usd_hr",
            True,
        ),
        Field(
            "demand",
            "service",
            "services.{}.demand.requests_per_s",
            "mean request rate; the daily shape stays",
            "demand.chat=x2",
            relative=True,
        ),
        Field(
            "peak",
            "service",
            "services.{}.demand.peak_requests_per_s",
            "request rate of the busiest hour; the daily shape stays",
            "peak.chat=40 requests/s",
        ),
        Field("growth", "service", "services.{}.demand.growth", "growth a year", "growth.chat=30 %"),
        Field(
            "ttft",
            "service",
            "services.{}.levels.ttft",
            "time to first token",
            "ttft.chat=500 ms",
            "services.{}.levels.ttft_ms",
        ),
        Field(
            "tpot",
            "service",
            "services.{}.levels.tpot",
            "time per output token",
            "tpot.chat=10 ms",
            "services.{}.levels.tpot_ms",
        ),
        Field(
            "speed",
            "service",
            "services.{}.levels.tokens_per_s_per_user",
            "tokens/s of each user",
            "speed.chat=100",
        ),
        Field(
            "end_to_end",
            "service",
            "services.{}.levels.end_to_end",
            "time from request to last token",
            "end_to_end.chat=5 s",
            "services.{}.levels.end_to_end_s",
        ),
        Field(
            "percentile",
            "service",
            "services.{}.levels.percentile",
            "share of requests that keep the promises",
            "percentile.chat=99",
        ),
        Field(
            "precision",
            "service",
            "services.{}.precisions",
            "weight precisions that its quality permits",
            "precision.chat=fp8",
        ),
        Field("model", "service", "services.{}.model", "model that serves it", "model.chat=llama-3.1-8b"),
        Field(
            "ways",
            "service",
            "services.{}.acquisitions",
            "ways to get capacity: buy, rent, api, lease, reserve, spot",
            "ways.chat=buy,rent",
        ),
        Field(
            "prefix_hit",
            "service",
            "services.{}.prefix_hit",
            "prompt tokens found in the prefix cache",
            "prefix_hit.chat=40 %",
        ),
        Field(
            "power", "site", "sites.{}.power", "power of the site", "power.main=200 kW", "sites.{}.power_kw"
        ),
        Field("energy", "site", "sites.{}.energy_usd_kwh", "price of energy, USD/kWh", "energy.main=0.12"),
        Field("pue", "site", "sites.{}.pue", "power usage effectiveness", "pue.main=1.2"),
        Field(
            "racks",
            "site",
            "sites.{}.rack_units",
            "rack units of the site",
            "racks.main=400",
            "sites.{}.rack_units",
        ),
        Field("round_trip", "site", "sites.{}.round_trip", "network round trip", "round_trip.main=20 ms"),
        Field("drop", "site", "sites", "leave a site out", "drop.main=yes", how="drop"),
        Field(
            "budget.capex",
            "",
            "money.budget_capex",
            "purchases, dollars as paid",
            "budget.capex=12M",
            "money.budget_capex_usd",
        ),
        Field(
            "budget.years",
            "",
            "money.budget_capex_by_year",
            "purchases of each year",
            "budget.years=12M,3M,3M",
            "money.budget_capex_by_year_usd",
        ),
        Field(
            "budget.total",
            "",
            "money.budget_total",
            "everything, net present dollars",
            "budget.total=15M",
            "money.budget_total_usd",
        ),
        Field("discount", "", "money.discount_rate", "discount rate a year", "discount=10 %"),
        Field("support", "", "money.support", "support a year, share of the price", "support=5 %"),
        Field("residual", "", "money.residual", "residual value, share of the price", "residual=10 %"),
        Field("years", "", "horizon.years", "length of the horizon", "years=5"),
        Field(
            "epoch",
            "",
            "horizon.epoch_years",
            "the fleet may change every so many years",
            "epoch=0.5",
            "horizon.epoch_years",
        ),
        Field(
            "supply",
            "system",
            "hardware.supply.{}",
            "systems that can be bought",
            "supply.cerebras-cs3=20",
            "hardware.supply.{}",
        ),
        Field(
            "minimum",
            "system",
            "hardware.minimum.{}",
            "systems already promised",
            "minimum.dgx-b200=2",
            "hardware.minimum.{}",
        ),
        Field(
            "owned",
            "system",
            "hardware.owned.{}",
            "systems already there",
            "owned.dgx-h100=4",
            "hardware.owned.{}",
        ),
        Field(
            "from",
            "system",
            "hardware.available_from.{}",
            "month before which none serves",
            "from.cerebras-cs3=2027-07",
            "hardware.available_from.{}",
        ),
        Field(
            "share",
            "vendor",
            "hardware.vendor_share.{}",
            "most of the purchases that one vendor may get",
            "share.NVIDIA=60 %",
            "hardware.vendor_share.{}",
        ),
        Field(
            "exclude", "", "hardware.exclude", "leave systems out", "exclude=cerebras-cs3,gaudi3-8", how="add"
        ),
        Field(
            "allow",
            "",
            "hardware.exclude",
            "permit excluded systems again",
            "allow=cerebras-cs3",
            how="remove",
        ),
        Field(
            "only",
            "",
            "hardware.include",
            "permit these systems alone",
            "only=dgx-b200,dgx-h200",
            "hardware.include",
        ),
        Field(
            "hypothetical",
            "",
            "hardware.hypothetical",
            "systems that cannot be bought yet",
            "hypothetical=yes",
        ),
        Field("redundancy", "", "redundancy", "spare replicas per pool (N+k)", "redundancy=1"),
        Field("objective", "", "objective", "cost, power or carbon", "objective=power"),
    )
}


def split(left: str) -> tuple[Field | None, str]:
    """The field and the subject of the left side of a change; None where it is a path of the file format."""
    for name in sorted(FIELDS, key=len, reverse=True):
        if left == name or left.startswith(f"{name}."):
            return FIELDS[name], left[len(name) + 1 :]
    return None, ""


def subjects(kind: Subject, workload: Workload, catalog: Catalog) -> dict[str, str]:
    """Names that a subject may have: the canonical one, and words by which people call it."""
    if kind == "system":
        return {s.id: f"{s.name} {s.vendor}" for s in catalog.systems.values()}
    if kind == "service":
        return {s.name: s.model for s in workload.services}
    if kind == "site":
        return {s.name: "" for s in workload.sites}
    if kind == "vendor":
        return {s.vendor: "" for s in catalog.systems.values()}
    return {}


def find(word: str, known: Mapping[str, str], what: str) -> str:
    """The canonical name that ``word`` means: exact, by its letters, a part of it, or the only one
    that holds it."""
    if word in known:
        return word
    key = letters(word)
    for fits in (
        [name for name in known if letters(name) == key],
        [name for name in known if key and key in map(letters, re.split(r"[^A-Za-z0-9]+", name))],
        [name for name in known if key and key in letters(name)],
        [name for name, also in known.items() if key and key in letters(f"{name} {also}")],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise InputError.at(
                word, 0, f"several {what}s are meant: {', '.join(sorted(fits)[:6])}", "name one"
            )
    near = difflib.get_close_matches(word.lower(), [n.lower() for n in known], 3, 0.5)
    names = [n for n in known if n.lower() in near] or sorted(known)[:8]
    raise InputError.at(word[:60], 0, f"no {what} is called that", f"write one of {', '.join(names)}")


def letters(text: str) -> str:
    """Lower-case letters and digits of a name."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
