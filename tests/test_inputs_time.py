"""Complaints about time and money in workload files: one line, with place and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from solver.domain.workload import Workload
from solver.errors import InputError
from solver.inputs.workload import workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml

SERVICE = """name: w
services:
  - model: llama-3.1-8b
    demand: {requests_per_s: 5%s}
    lengths: {prompt: 512, output: 128}
%s"""


def read(demand: str = "", rest: str = "") -> Workload:
    return workload_from(load_yaml(Path("w.yaml"), text=SERVICE % (demand, rest)), Path()).workload


@pytest.mark.parametrize(
    ("demand", "rest", "line", "words"),
    [
        (", steps: {2027-7: 2}", "", 4, "write a month such as 2027-01"),
        (", steps: {2027-07: -1}", "", 4, "negative"),
        (", growth: 10 %", "horizon: {epoch: 0.4 years}", 6, "write 1 year or a whole part of a year"),
        (", steps: {2027-05: 2}", "horizon: {epoch: 6 months}", 4, "lies within an epoch of 6 months"),
        ("", "    ends: 2027-05\nhorizon: {epoch: 6 months}", 6, "lies within an epoch of 6 months"),
        ("", "    starts: 2028-01\n    ends: 2027-05", 7, "write a later month"),
        (", steps: {2030-01: 2}", "", 4, "2030-01 lies after the horizon of 3 years from 2027-01"),
        (
            "",
            "sites: [{name: a, energy_steps: {2029-12: 2, 2030-01: 3}}]",
            6,
            "2030-01 lies after the horizon",
        ),
        ("", "money: {budget_capex_by_year: [$1M, x]}", 6, "entry 2 of budget_capex_by_year: 'x' is not"),
        ("", "money: {resale: [30 %, 60 %]}", 6, "rises with age"),
        ("", "money: {resale: [130 %]}", 6, "not between 0 and 1"),
        ("", "money: {depreciation: fast}", 6, "straight-line"),
        ("", "money: {tax_rate: 100 %}", 6, "less than 1"),
        ("", "money: {fiscal_year_start: 13}", 6, "at most 12"),
        ("", "money: {staff: {per_site: 2}}", 6, "usd_per_year"),
        ("", "money: {staff: {salary: $100k, per_sight: 2}}", 6, "did you mean 'per_site'"),
        ("", "sites: [{name: a, tariff: [0.1, 0.2]}]", 6, "write 24, 168 or 8760"),
        ("", "sites: [{name: a, energy: 0.1 $/kWh, tariff: {peak: 1 $/kWh}}]", 6, "state the same thing"),
        ("", "sites: [{name: a, tariff: {peak: 1 $/kWh, off_peak: 0.1 $/kWh}}]", 6, "lacks 'peak_hours'"),
        (
            "",
            "sites: [{name: a, tariff: {peak: 1 $/kWh, off_peak: 0.1 $/kWh, peak_hours: noon}}]",
            6,
            "such as 8-20",
        ),
        ("", "hardware: {idle_power_share: 120 %}", 6, "at most 1"),
        ("", "offers: [{id: o, system: dgx-h100, kind: rent, price: $9, tiers: {8: $7}}]", 6, "kind: buy"),
        (
            "",
            "offers: [{id: o, system: dgx-h100, kind: buy, price: $9, resale: [50 %], residual: 5 %}]",
            6,
            "keep one of the two",
        ),
        ("", "objective: trafic", 6, "did you mean 'traffic'"),
    ],
)
def test_complaints_have_a_place_and_a_remedy(demand: str, rest: str, line: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(demand, rest)
    text = str(caught.value)
    assert words in text
    assert f"w.yaml:{line}" in text


def test_a_tariff_by_peak_hours_also_over_midnight() -> None:
    tariff = "sites: [{name: a, tariff: {peak: 0.3 $/kWh, off_peak: 50 $/MWh, peak_hours: %s}}]"
    day = read("", tariff % "8-20").sites[0].tariff_usd_kwh
    assert [h for h, price in enumerate(day) if price == 0.3] == list(range(8, 20))
    assert set(day) == {0.3, 0.05}
    night = read("", tariff % "22-6").sites[0].tariff_usd_kwh
    assert [h for h, price in enumerate(night) if price == 0.3] == [0, 1, 2, 3, 4, 5, 22, 23]


def test_everything_about_time_and_money_is_written_back() -> None:
    workload = read(
        ", growth: 10 %, steps: {2027-07: 2, 2028-01: 3}",
        "    starts: 2027-04\n    ends: 2029-01\n"
        "horizon: 3 years\n"
        "sites: [{name: a, tariff: {peak: 0.3 $/kWh, off_peak: 0.05 $/kWh, peak_hours: 8-20}}]\n"
        "money: {resale: [60 %, 30 %], tax_rate: 25 %, depreciation: declining, depreciation_years: 4,\n"
        "  staff: {salary: $180k, per_system: 0.02, per_rack: 0.1, per_site: 2}, migration: $5k,\n"
        "  budget_opex_by_year: [$1M, $2M], fiscal_year_start: 4}\n"
        "hardware: {idle_power_share: 40 %}\n"
        "offers: [{id: o, system: dgx-h100, kind: buy, price: $250k, tiers: {8: $240k}, lead_months: 6,\n"
        "  paid: order, resale: [50 %]}]\n"
        "objective: traffic",
    )
    assert workload.money.staff is not None
    assert workload.money.staff.usd_per_year == 180_000
    assert workload.offers[0].tiers == {8: 240_000.0}
    text = workload_to_yaml(workload)
    assert workload_from(load_yaml(Path("w.yaml"), text=text), Path()).workload == workload
