"""Workload files: the user's spelling, what it means, and what is refused about it."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.domain.bursts import Bursts
from solver.domain.workload import (
    Demand,
    HardwarePolicy,
    Horizon,
    LengthBucket,
    LoadedWorkload,
    Money,
    Service,
    ServiceLevels,
    Site,
    Workload,
)
from solver.errors import ExitCode, InputError
from solver.inputs.lengths import quantile_cells
from solver.inputs.workload import apply_overrides, load_workload, workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml

HEAD = "services:\n  - model: m\n    "
ONE = "demand: 1 requests/s\n    "
LENGTHS = "lengths: {prompt: 512, output: 128}\n    "


def load(text: str, folder: Path = Path("nowhere")) -> LoadedWorkload:
    return workload_from(load_yaml(Path("w.yaml"), text=text), folder)


def service(
    demand: str = "5 requests/s", lengths: str = "{prompt: 512, output: 128}", **more: str
) -> Service:
    text = f"{HEAD}demand: {demand}\n    lengths: {lengths}\n"
    text += "".join(f"    {key}: {value}\n" for key, value in more.items())
    return load(text).workload.services[0]


def complaints(text: str, folder: Path = Path("nowhere")) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(text, folder)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    return str(caught.value).splitlines()


def test_the_smallest_file(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    path.write_text(
        "services:\n"
        "  - model: llama-3.1-8b\n"
        "    demand: 5 requests/s\n"
        "    lengths: {prompt: 512, output: 128}\n"
        "    levels: {ttft: 500 ms, tpot: 50 ms}\n"
    )
    loaded = load_workload(path)
    assert loaded.workload == Workload(
        name="chat",
        services=(
            Service(
                name="chat",
                model="llama-3.1-8b",
                demand=Demand(rate_rps=(5.0,)),
                lengths=(LengthBucket(prompt_tokens=512, output_tokens=128, share=1),),
                levels=ServiceLevels(ttft_ms=500, tpot_ms=50),
            ),
        ),
    )
    assert str(loaded.place("services.0.levels.tpot_ms")) == f"{path}:5:28"
    assert str(loaded.place("services.0.demand.rate_rps")) == f"{path}:3:5"
    assert str(loaded.place("services.0.levels.end_to_end_s")) == f"{path}:5:5"


FULL = """
name: chat
services:
  - name: chat
    model: llama-3.1-8b
    precisions: fp8
    demand:
      requests_per_s: 10
      day: [1,1,1,1,1,1,1,1,3,3,3,3,3,3,3,3,2,2,2,2,2,2,2,2]
      growth: 30 %
      burstiness: 1.5
    lengths: {prompt: 2k, output: 500, output_max: 1000}
    levels:
      {ttft: 0.5 s, tokens_per_s_per_user: 40, end_to_end: 1 min, percentile: 99.9, ttft_percentile: p95}
    prefix_hit: 30 %
    speculative_tokens: 2.5
    model_updates_per_day: 1
    acquisitions: [buy, rent]
horizon: {years: 4, start: 2027-06}
sites:
  - {name: main, power: 1.5 MW, pue: 1.2, energy: 80 $/MWh, rack_units: 84, space: 20 $/U/month,
     carbon: 400 g/kWh}
money: {discount_rate: 10 %, support: 5 %, residual: 10 %, budget_capex: $5M, budget_total: 8 bn USD}
hardware:
  include: [cerebras-cs3, dgx-b200]
  hypothetical: true
  overrides: {cerebras-cs3: {price_usd: 1.0M, power_max_kw: 23 kW, sram_bw_tbs: 21000 TB/s}}
  supply: {cerebras-cs3: 300}
  minimum: {dgx-b200: 2}
objective: power
redundancy: 1
"""

PROCUREMENT = """
services: [{name: a, model: m, demand: {requests_per_s: 1, growth: 20 %}, lengths: {prompt: 9, output: 9}}]
horizon: {years: 4, epoch: 6 months}
money: {budget_capex_by_year: [$5M, 2M, 0]}
hardware:
  exclude_profiles: some-claim
  technology_overrides: {rram-14: {endurance: 1e6}}
  owned: {dgx-h100: 3}
  available_from: {dgx-b200: 2027-07}
  vendor_share: {NVIDIA: 60 %, A.B.: 0.5}
offers:
  - {id: used, system: dgx-h100, kind: buy, price: $150k, supply: 20, residual: 5 %, life: 4 years}
  - {id: spot, system: dgx-h100, kind: spot, price_usd: 12.5, interruption: 10 %, available_from: 2027-03}
"""


BY_TIME = """
services:
  - name: chat
    model: m
    demand: {requests_per_s: 1, planned_burstiness_by_time: TABLE}
    lengths: {prompt: 9, output: 9}
"""


def test_planned_burstiness_by_time() -> None:
    """Times in any unit and order; an override and a file written from it state the same."""
    loaded = load(BY_TIME.replace("TABLE", "{10 s: 180, 500 ms: 20}"))
    demand = loaded.workload.services[0].demand
    assert list(demand.planned_cv2_by_s.items()) == [(0.5, 20.0), (10.0, 180.0)]
    assert demand.bursts == Bursts((0.5, 10.0), (20.0, 180.0))
    assert load(workload_to_yaml(loaded.workload)).workload == loaded.workload
    changed = apply_overrides(loaded, ["services.0.demand.planned_burstiness_by_time={1 min: 7}"])
    assert changed.workload.services[0].demand.bursts == Bursts((60.0,), (7.0,))
    faster = apply_overrides(loaded, ["services.0.demand.requests_per_s=2"])
    assert faster.workload.services[0].demand.bursts == demand.bursts


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("{500: 20, 10 s: 180}", ": a time of KEY: '500' has no unit; write 500 s"),
        (
            "{500 ms: 20, 10 s: 18}",
            ": KEY falls from 20 to 18 at 10 s; a longer time feels no smaller bursts",
        ),
        ("{500 ms: -1, 10 s: 18}", ": KEY at 500 ms is '-1'; write 0 or more"),
        ("{0 s: 3}", ": KEY: the time is '0 s'; write one above 0, such as 500 ms"),
        ("{0.5 s: 3, 500 ms: 4}", "the time 500 ms is stated twice; keep one of the two"),
        ("{x: 3}", ": a time of KEY: 'x' is not a number; write for example 30 s"),
        ("{1 s: y}", ": KEY at 1 s: 'y' is not a number; write for example 3"),
        ("7", ".KEY is '7'; write keys with values such as {key: value}"),
        ("{1 s: 3}, planned_burstiness: 4", "planned_burstiness and KEY state the same thing"),
    ],
)
def test_planned_burstiness_by_time_is_refused_in_words(table: str, words: str) -> None:
    with pytest.raises(InputError) as told:
        load(BY_TIME.replace("TABLE", table))
    assert words.replace("KEY", "planned_burstiness_by_time") in str(told.value)
    assert len(told.value.complaints) == 1


def test_a_full_file() -> None:
    workload = load(FULL).workload
    (chat,) = workload.services
    assert chat.precisions == ("fp8",)
    assert chat.demand == Demand(
        rate_rps=(5.0,) * 8 + (15.0,) * 8 + (10.0,) * 8, growth_per_year=0.3, cv2=1.5
    )
    assert chat.lengths[0].prompt_tokens == 2000
    assert chat.lengths[0].output_max == 1000
    assert chat.levels == ServiceLevels(
        ttft_ms=500, tpot_ms=25, end_to_end_s=60, ttft_percentile=0.95, tpot_percentile=0.999,
        end_to_end_percentile=0.999,
    )  # fmt: skip
    assert (chat.prefix_hit, chat.speculative_tokens, chat.model_updates_per_day) == (0.3, 2.5, 1.0)
    assert workload.horizon == Horizon(years=4, start="2027-06")
    assert workload.sites[0] == Site(
        name="main", power_kw=1500, pue=1.2, energy_usd_kwh=0.08, rack_units=84,
        space_usd_per_rack_unit_month=20, carbon_kg_kwh=0.4,
    )  # fmt: skip
    assert workload.money == Money(
        discount_rate=0.1, support_share_per_year=0.05, residual_share=0.1,
        budget_capex_usd=5e6, budget_total_usd=8e9,
    )  # fmt: skip
    assert workload.hardware == HardwarePolicy(
        include=("cerebras-cs3", "dgx-b200"), hypothetical=True, supply={"cerebras-cs3": 300},
        overrides={"cerebras-cs3": {"price_usd": 1e6, "power_max_kw": 23, "sram_bw_tbs": 21000}},
        minimum={"dgx-b200": 2},
    )  # fmt: skip
    assert (workload.objective, workload.redundancy) == ("power", 1)


def test_procurement_keys() -> None:
    workload = load(PROCUREMENT).workload
    assert workload.horizon == Horizon(years=4, epoch_years=0.5)
    assert workload.money.budget_capex_by_year_usd == (5e6, 2e6, 0)
    assert workload.hardware == HardwarePolicy(
        exclude_profiles=("some-claim",), technology_overrides={"rram-14": {"endurance": 1e6}},
        owned={"dgx-h100": 3}, available_from={"dgx-b200": "2027-07"},
        vendor_share={"NVIDIA": 0.6, "A.B.": 0.5},
    )  # fmt: skip
    used, spot = workload.offers
    assert (used.price_usd, used.supply_per_year, used.residual_share, used.life_years) == (
        150e3,
        20,
        0.05,
        4,
    )
    assert (spot.price_usd, spot.interruption_share, spot.available_from) == (12.5, 0.1, "2027-03")
    assert load(workload_to_yaml(workload)).workload == workload
    changed = apply_overrides(
        load(PROCUREMENT), ["hardware.vendor_share.A.B.=30 %", "offers.used.price=$1M"]
    ).workload
    assert changed.hardware.vendor_share["A.B."] == 0.3
    assert changed.offers[0].price_usd == 1e6


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("hardware: {vendor_share: {x: 150 %}}", "write 0 % to 100 %"),
        ("hardware: {owned: {x: -1}}", "write 0 or more"),
        ("hardware: {overrides: {x: {repair_hours: 0}}}", "repair_hours is 0; write more than 0"),
        ("hardware: {available_from: {x: soon}}", "write a month"),
        ("hardware: {technology_overrides: {x: {endurance: lots}}}", "'lots' is not a number"),
        ("money: {budget_capex_by_year: [1, many]}", "'many' is not a number"),
        ("money: {budget_capex_by_year: 5}", "write a list"),
        ("offers: [{id: a, system: b, kind: buy}]", "'price_usd' is missing"),
        ("offers: [{id: a, system: b, kind: buy, prise: 3}]", "did you mean 'price'?"),
        ("offers: [{id: a, system: b, kind: sell, price: 1}]", "offers.0.kind is 'sell'"),
        ("offers: [{id: a, system: b, kind: buy, price: 1, available_from: 2027-13}]", "write a month"),
        (
            "offers: [{id: a, system: b, kind: buy, price: 1}, {id: a, system: b, kind: buy, price: 1}]",
            "used twice",
        ),
    ],
)
def test_bad_procurement(extra: str, words: str) -> None:
    found = complaints(f"{HEAD}{LENGTHS}demand: 1 requests/s\n{extra}\n")
    assert any(line.startswith("w.yaml:5:") and words in line for line in found), found


@pytest.mark.parametrize(
    ("demand", "rates"),
    [
        ("5 requests/s", (5.0,)),
        ("128 tokens/s", (1.0,)),
        ("86.4k requests/day", (1.0,)),
        ("{requests_per_s: 5}", (5.0,)),
        ("{rate_rps: [5]}", (5.0,)),
        ("{requests_per_min: 30}", (0.5,)),
        ("{requests_per_day: 43.2k}", (0.5,)),
        ("{output_tokens_per_s: 100k}", (781.25,)),
        ("{output_tokens_per_day: 11059200}", (1.0,)),
        (f"{{day: {[1.0] * 23 + [2.0]}}}", (1.0,) * 23 + (2.0,)),
        (f"{{day: {[1.0] * 23 + [2.0]}, peak_requests_per_s: 10}}", (5.0,) * 23 + (10.0,)),
        (f"{{day: {[1.0] * 12 + [3.0] * 12}, requests_per_s: 10}}", (5.0,) * 12 + (15.0,) * 12),
        (f"{{hourly: {[1.0] * 24}}}", (1.0,) * 24),
        (f"{{output_tokens_per_s: {[256.0] * 24}}}", (2.0,) * 24),
        (f"{{week: {{weekday: {[2.0] * 24}, weekend: {[1.0] * 24}}}}}", (2.0,) * 120 + (1.0,) * 48),
        (f"{{requests_per_s: {[1.0] * 8760}}}", (1.0,) * 8760),
    ],
)
def test_demand_forms(demand: str, rates: tuple[float, ...]) -> None:
    assert service(demand=demand).demand.rate_rps == pytest.approx(rates, rel=1e-15)


def test_output_tokens_divide_by_the_mean_output_of_the_histogram() -> None:
    """0.25 * 100 + 0.75 * 500 = 400 output tokens per request."""
    assert service("800 tokens/s", "[[10, 100, 0.25], [10, 500, 75 %]]").demand.rate_rps == (2.0,)


@pytest.mark.parametrize(
    ("header", "factor"), [("hour,rps", 1.0), ("timestamp,rps", 1.0), ("hour,output_tokens_per_s", 1 / 128)]
)
def test_demand_curve_from_a_file(tmp_path: Path, header: str, factor: float) -> None:
    first = [f"2027-01-01T{h:02d}:00" if header.startswith("time") else str(h) for h in range(24)]
    rows = "\n".join(f"{name},{h + 1}" for h, name in enumerate(first))
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "day.csv").write_text(f"# made up\n{header}\n{rows}\n")
    loaded = load(f"{HEAD}{LENGTHS}demand: {{curve: curves/day.csv}}\n", tmp_path)
    assert loaded.workload.services[0].demand.rate_rps == tuple((h + 1) * factor for h in range(24))


@pytest.mark.parametrize(
    ("content", "place", "word"),
    [
        ("hour,rps\n" + "".join(f"{h},1\n" for h in range(23)), "c.csv:24", "23 hourly rows"),
        ("hour,rps\n" + "".join(f"{h + 1},1\n" for h in range(24)), "c.csv:2", "hour '1'"),
        ("hour,rps\n" + "".join(f"{h},n/a\n" for h in range(24)), "c.csv:2", "'n/a' is not a number"),
        (
            "hour,rps\n" + "".join(f"{h},-1\n" for h in range(24)),
            "c.csv:2",
            "'-1' is not a number of at least 0",
        ),
        ("hour,rps\n0,1,2\n", "c.csv:2", "3 cells"),
        ("hour,load\n0,1\n", "c.csv:1", "no column with the rate"),
        ("when,rps\n0,1\n", "c.csv:1", "no column with the hour"),
        ("rps,rps\n0,1\n", "c.csv:1", "twice"),
        ("hour,rps\n", "c.csv:1", "no rows"),
        ("timestamp,rps\n" + "2027-01-01T00:00,1\n" * 24, "c.csv:3", "one hour after"),
        ("timestamp,rps\n" + "noon,1\n" * 24, "c.csv:2", "not a time"),
        ('hour,rps\n"0,1\n', "c.csv:2", "not CSV"),
        ("hour,rps\n0,1\0\n", "c.csv:2", "control character"),
    ],
)
def test_bad_curves_name_the_line(tmp_path: Path, content: str, place: str, word: str) -> None:
    (tmp_path / "c.csv").write_text(content)
    found = complaints(f"{HEAD}{LENGTHS}demand: {{curve: c.csv}}\n", tmp_path)
    assert found[0].startswith(f"{tmp_path / place}")
    assert word in found[0]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.csv",
        "/etc/passwd",
        "C:\\x.csv",
        "a/../../x.csv",
        "link/x.csv",
        "''",
        "absent.csv",
        "a\\0b",
        "d",
    ],
)
def test_files_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "d").mkdir()
    (tmp_path / "x.csv").write_text("hour,rps\n0,1\n")
    (folder / "link").symlink_to(tmp_path)
    for key in (
        "demand: {curve: %s}\n    " + LENGTHS,
        "demand: 1 requests/s\n    lengths: {histogram: %s}\n",
    ):
        (found,) = complaints(HEAD + key % name, folder)
        assert re.match(r"w\.yaml:[34]:\d+: ", found)
        assert "; name a file in the folder" in found


def test_histogram_forms_agree(tmp_path: Path) -> None:
    (tmp_path / "shares.csv").write_text("prompt_tokens,output_tokens,share\n100,10,0.25\n200,20,0.75\n")
    (tmp_path / "counts.csv").write_text("prompt_tokens,output_tokens,requests\n100,10,1\n200,20,3\n9,9,0\n")
    expected = service(lengths="[[100, 10, 0.25], [200, 20, 0.75]]").lengths
    assert service(lengths="{histogram: [[100, 10, 25 %], [200, 20, 75 %]]}").lengths == expected
    rows = "[{prompt_tokens: 100, output_tokens: 10, share: 0.25}, "
    rows += "{prompt_tokens: 200, output_tokens: 20, share: 0.75}]"
    assert service(lengths=rows).lengths == expected
    for name in ("shares.csv", "counts.csv"):
        loaded = load(f"{HEAD}demand: 1 requests/s\n    lengths: {{histogram: {name}}}\n", tmp_path)
        assert loaded.workload.services[0].lengths == expected


def test_lengths_from_a_trace(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("at,in,out\n0,100,10\n1,100,10\n2,100,10\n3,900,90\n")
    lengths = "{trace: t.csv, cells: 2, columns: {arrival: at, prompt: in, output: out}}"
    loaded = load(f"{HEAD}demand: 1 requests/s\n    lengths: {lengths}\n", tmp_path)
    assert [(b.prompt_tokens, b.share) for b in loaded.workload.services[0].lengths] == [
        (100, 0.75),
        (900, 0.25),
    ]


def test_quantiles_of_a_lognormal_give_its_mean() -> None:
    """ln X ~ N(5, 0.5²): mean exp(5.125) = 168.17; the cells cover all but 0.2 % of the mass."""
    from math import exp
    from statistics import NormalDist

    points = [(p, exp(5 + 0.5 * NormalDist().inv_cdf(p))) for p in (0.1, 0.5, 0.9, 0.99)]
    cells = quantile_cells(points)
    assert sum(share for *_, share in cells) == pytest.approx(1, abs=1e-12)
    assert [share for *_, share in cells] == pytest.approx([0.099, 0.4, 0.4, 0.09, 0.009], rel=3e-3)
    assert sum(mean * share for mean, _, share in cells) == pytest.approx(exp(5.125), rel=5e-3)
    assert [high for _, high, _ in cells][:4] == pytest.approx([tokens for _, tokens in points], abs=1e-5)


def test_quantile_tables() -> None:
    lengths = "{quantiles: {prompt: {p50: 400, p90: 2000}, output: {p50: 100, p100: 100}}}"
    buckets = service(lengths=lengths).lengths
    assert sum(b.share for b in buckets) == pytest.approx(1)
    assert {b.output_tokens for b in buckets} == {100}
    assert service(lengths="{quantiles: {prompt: {p50: 7}, output: {p50: 9}}}").lengths == (
        LengthBucket(prompt_tokens=7, output_tokens=9, share=1),
    )


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = """name: chat
services:
  - name: chat
    model: llama-3.1-8b
    precisions: fp17
    demand: {output_tokens_per_s: 100x, growt: 30}
    lengths: {quantile: {prompt: {p50: 400}}}
    levels: {ttft: 500, tpot: 50 ms, tpot_ms: 3, percentile: 1}
    model_updates_per_dya: 1
  - name: chat
    model: x
    demand: 5
    lengths: {trace: ../x.csv}
horizon: {years: 0, start: 2027-13}
sites: [{name: main, powr: 200 kW, pue: 0.3, energy: 0.08}]
money: {discount_rate: 8, budget_capex: 5 EUR}
hardware: {overrides: {cerebras-cs3: {prise_usd: 1.0M}}, supply: {cerebras-cs3: 3.5}}
objective: perf_per_watt_per_dollar
"""
    expected = [
        ("5:5", "did you mean 'fp16'?"),
        ("6:14", "unknown unit 'x'"),
        ("6:41", "did you mean 'growth'?"),
        ("7:15", "did you mean 'quantiles'?"),
        ("8:14", "ttft: '500' has no unit; write 500 ms"),
        ("8:38", "'tpot' and 'tpot_ms' state the same thing"),
        ("8:50", "write a percentile such as 95"),
        ("9:5", "did you mean 'model_updates_per_day'?"),
        ("12:5", "write 5 requests/s"),
        ("13:15", "leaves the folder"),
        ("14:11", "horizon.years is '0.0'; write more than 0"),
        ("14:21", "write a month such as 2027-01"),
        ("15:22", "did you mean 'power'?"),
        ("15:36", "sites.0.pue is '0.3'; write at least 1"),
        ("15:46", "energy: '0.08' has no unit; write 0.08 USD/kWh"),
        ("16:9", "'8' is more than 1; write a share such as 0.3 or 30 %"),
        ("16:27", "unknown unit 'EUR'"),
        ("17:39", "did you mean 'price_usd'?"),
        ("17:67", "write a whole number"),
        ("18:1", "half the score of one"),
    ]
    found = complaints(text)
    assert len(found) == len(expected)
    for line, (place, words) in zip(found, expected, strict=True):
        assert line.startswith(f"w.yaml:{place}: ")
        assert words in line


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("- a\n- b\n", "w.yaml:1", "a list where keys belong"),
        ("name: x\n", "w.yaml", "'services' is missing"),
        ("services: []\n", "w.yaml:1:1", "the list of services is empty"),
        ("services: 3\n", "w.yaml:1:1", "write a list"),
        ("services: [x]\n", "w.yaml:1:12", "write keys with values"),
        (HEAD + "demand: 1 requests/s\n", "w.yaml:2:5", "'lengths' is missing"),
        (HEAD + LENGTHS, "w.yaml:2:5", "'demand' is missing"),
        (HEAD + LENGTHS + "demand:\n", "w.yaml:4:5", "demand is not a mapping"),
        (HEAD + LENGTHS + "demand: {}\n", "w.yaml:4:5", "states no amount"),
        (HEAD + LENGTHS + "demand: {requests_per_s: -1}\n", "w.yaml:4:14", "negative"),
        (HEAD + LENGTHS + "demand: {requests_per_s: 1, requests_per_day: 2}\n", "w.yaml:4:33", "twice"),
        (HEAD + LENGTHS + "demand: {day: [1, 2]}\n", "w.yaml:4:14", "write 24 of them"),
        (HEAD + LENGTHS + "demand: {hourly: [1, 2]}\n", "w.yaml:4:14", "write 1, 24, 168 or 8760 of them"),
        (HEAD + LENGTHS + "demand: {week: {weekday: [1]}}\n", "w.yaml:4:21", "24 values for 'weekday'"),
        (HEAD + LENGTHS + "demand: {day: [1,2], week: [1]}\n", "w.yaml:4:26", "twice"),
        (
            HEAD + LENGTHS + f"demand: {{day: {[0] * 24}, requests_per_s: 1}}\n",
            "w.yaml:4:",
            "0 in every hour",
        ),
        (HEAD + LENGTHS + "demand: 1 requests/s\n    levels: fast\n", "w.yaml:5:5", "write keys with values"),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\n    levels: {tpot: 0 ms}\n",
            "w.yaml:5:14",
            "write more than 0",
        ),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\n    levels: {percentile: 100}\n",
            "w.yaml:5:14",
            "such as 95",
        ),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\n    levels: {tpot: 5 ms, tokens_per_s_per_user: 9}\n",
            "w.yaml:5:26",
            "state the same thing",
        ),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\n    levels: {tokens_per_s_per_user: 0}\n",
            "w.yaml:5:14",
            "write more than 0",
        ),
        (HEAD + LENGTHS + "demand: 1 requests/s\n    precisions: []\n", "w.yaml:5:5", "is empty"),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\n    acquisitions: [buy, buy]\n",
            "w.yaml:5:5",
            "same thing twice",
        ),
        (HEAD + "demand: 1 requests/s\n    lengths: [{}]\n", "w.yaml:4:15", "'prompt_tokens' is missing"),
        (HEAD + "demand: 1 requests/s\n    lengths: []\n", "w.yaml:4:5", "states nothing"),
        (HEAD + "demand: 1 requests/s\n    lengths: 512\n", "w.yaml:4:5", "write {prompt: 512"),
        (HEAD + "demand: 1 requests/s\n    lengths: [512]\n", "w.yaml:4:15", "write [prompt, output, share]"),
        (HEAD + "demand: 1 requests/s\n    lengths: [[1, 2, 0.5]]\n", "w.yaml:4:5", "add up to 0.5"),
        (HEAD + "demand: 1 requests/s\n    lengths: {prompt: 5}\n", "w.yaml:4:5", "output: is not a number"),
        (
            HEAD + "demand: 1 requests/s\n    lengths: {prompt: 5, output: 0}\n",
            "w.yaml:4:26",
            "write more than 0",
        ),
        (
            HEAD + "demand: 1 requests/s\n    lengths: {prompt: 5, output: 30,000}\n",
            "w.yaml:4:37",
            "without commas",
        ),
        (
            HEAD + ONE + "lengths: {quantiles: {prompt: {p50: 9, p90: 5}, output: {p50: 5}}}\n",
            "w.yaml:4:27",
            "decrease",
        ),
        (
            HEAD + ONE + "lengths: {quantiles: {prompt: {p50: 1, p51: 9M}, output: {p50: 5}}}\n",
            "w.yaml:4:15",
            "spread too far",
        ),
        (HEAD + LENGTHS + "demand: 1 requests/s\nobjective: perf/watt\n", "w.yaml:5:1", "is a ratio"),
        (HEAD + LENGTHS + "demand: 1 requests/s\nobjective: costs\n", "w.yaml:5:1", "did you mean 'cost'?"),
        (HEAD + LENGTHS + "demand: 1 requests/s\nhorizon: {start: 1}\n", "w.yaml:5:11", "a month"),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\nhardware: {include: a, exclude: [a]}\n",
            "w.yaml:5:34",
            "both wanted and excluded",
        ),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\nhardware: {supply: {a: -1}}\n",
            "w.yaml:5:21",
            "write 0 or more",
        ),
        (
            HEAD + LENGTHS + "demand: 1 requests/s\nsites: [{name: a}, {name: a}]\n",
            "w.yaml:5:21",
            "used twice",
        ),
        (HEAD + LENGTHS + "demand: 0.5e-9 requests/s\n", "w.yaml:4:5", "one in more than 30 years"),
    ],
)
def test_bad_files(text: str, place: str, words: str) -> None:
    found = complaints(text)
    assert any(line.startswith(place) and words in line for line in found), found


def test_two_identical_systems_score_half_of_one() -> None:
    """Why performance per watt per dollar is refused: n of a system score 1/n of one."""

    def score(systems: int, performance: float = 72_000, kw: float = 14.3, usd: float = 500_000) -> float:
        return (systems * performance) / (systems * kw) / (systems * usd)

    assert score(2) == pytest.approx(score(1) / 2)
    for words in ("perf_per_watt_per_dollar", "perf/W/$", "tokens/s/W/USD"):
        assert (
            "not scale invariant"
            in complaints(f"{HEAD}{LENGTHS}demand: 1 requests/s\nobjective: {words}\n")[0]
        )


def test_a_year_of_hours_loads_fast() -> None:
    import time

    text = f"{HEAD}{LENGTHS}demand: {{hourly: {[round(1 + i / 7, 3) for i in range(8760)]}}}\n"
    begin = time.perf_counter()
    loaded = load(text)
    assert time.perf_counter() - begin < 2
    assert len(loaded.places) < 30


# --- round trip ------------------------------------------------------------------------------------------

words = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc", "Cs"]), max_size=20
)
positive = st.floats(1e-6, 1e9)
share = st.floats(0.001, 0.999)


@st.composite
def lengths(draw: Any) -> tuple[LengthBucket, ...]:
    count = draw(st.integers(1, 4))
    return tuple(
        LengthBucket(
            prompt_tokens=draw(st.floats(0, 1e6)),
            output_tokens=draw(positive),
            share=1 / count,
            prompt_max=draw(positive),
        )
        for _ in range(count)
    )


services = st.builds(
    Service,
    name=words,
    model=words,
    precisions=st.lists(st.sampled_from(["fp16", "fp8", "fp4"]), min_size=1, unique=True).map(tuple),
    demand=st.builds(
        Demand,
        rate_rps=st.sampled_from([1, 24]).flatmap(
            lambda n: st.lists(st.just(0.0) | st.floats(1e-9, 1e6), min_size=n, max_size=n).map(tuple)
        ),
        growth_per_year=st.floats(-0.9, 5),
        cv2=st.floats(0, 50),
    ),
    lengths=lengths(),
    levels=st.builds(
        ServiceLevels,
        ttft_ms=st.none() | positive,
        ttft_percentile=share,
        tpot_ms=st.none() | positive,
        tpot_percentile=share,
        end_to_end_s=st.none() | positive,
        end_to_end_percentile=share,
        deadline_hours=st.none() | positive,
    ),
    prefix_hit=st.floats(0, 0.99),
    speculative_tokens=st.floats(1, 9),
    model_updates_per_day=st.floats(0, 1e4),
    acquisitions=st.lists(st.sampled_from(["buy", "rent", "spot", "api"]), min_size=1, unique=True).map(
        tuple
    ),
)
workloads = st.builds(
    Workload,
    name=words,
    description=words,
    services=st.lists(services, min_size=1, max_size=2, unique_by=lambda s: s.name).map(tuple),
    horizon=st.builds(Horizon, years=st.floats(0.1, 30), start=st.sampled_from(["2027-01", "2030-12"])),
    sites=st.lists(
        st.builds(
            Site, name=words, power_kw=st.none() | positive, rack_units=st.none() | positive,
            pue=st.floats(1, 3), energy_usd_kwh=st.floats(0, 1),
        ),
        min_size=1, max_size=2, unique_by=lambda s: s.name,
    ).map(tuple),
    money=st.builds(Money, discount_rate=st.floats(0, 3), budget_capex_usd=st.none() | positive),
    hardware=st.builds(
        HardwarePolicy,
        include=st.lists(words, max_size=2).map(tuple),
        hypothetical=st.booleans(),
        overrides=st.dictionaries(words, st.fixed_dictionaries({"price_usd": positive}), max_size=2),
        supply=st.dictionaries(words, st.integers(0, 10**6), max_size=2),
    ),
    objective=st.sampled_from(["cost", "power", "carbon"]),
    redundancy=st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(workloads)
def test_what_is_written_reloads_to_the_same_workload(workload: Workload) -> None:
    assert load(workload_to_yaml(workload)).workload == workload


def test_the_full_file_survives_writing() -> None:
    workload = load(FULL).workload
    assert load(workload_to_yaml(workload)).workload == workload


# --- overrides -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("services.0.demand.requests_per_s=10", "services.0.demand.rate_rps.8", 15.0),
        ("services.0.demand.requests_per_s=20", "services.0.demand.rate_rps.0", 10.0),
        ("services.chat.demand.peak_requests_per_s=30", "services.0.demand.rate_rps.8", 30.0),
        ("services.0.demand=7 requests/s", "services.0.demand.rate_rps", (7.0,)),
        ("services.0.demand.rate_rps=[3]", "services.0.demand.rate_rps", (3.0,)),
        ("services.0.demand.rate_rps.0=3", "services.0.demand.rate_rps.0", 3.0),
        ("services.0.levels.tpot=30 ms", "services.0.levels.tpot_ms", 30.0),
        ("services.0.levels.tpot_ms=30", "services.0.levels.tpot_ms", 30.0),
        ("services.0.levels.tokens_per_s_per_user=100", "services.0.levels.tpot_ms", 10.0),
        ("services.0.levels.percentile=90", "services.0.levels.ttft_percentile", 0.9),
        ("services.0.lengths={prompt: 9, output: 7}", "services.0.lengths.0.prompt_tokens", 9.0),
        ("services.0.model=other", "services.0.model", "other"),
        ("services.0.precisions=fp16", "services.0.precisions", ("fp16",)),
        ("sites.main.power=3 MW", "sites.0.power_kw", 3000.0),
        ("horizon.years=5", "horizon.years", 5.0),
        ("horizon=5 years", "horizon.years", 5.0),
        ("money.budget_capex=$1M", "money.budget_capex_usd", 1e6),
        ("hardware.overrides.cerebras-cs3.price_usd=$2M", "hardware.overrides.cerebras-cs3.price_usd", 2e6),
        (
            "hardware.overrides.cerebras-cs3.price_usd=2M",
            "hardware.overrides.cerebras-cs3.power_max_kw",
            23.0,
        ),
        ("hardware.supply.cerebras-cs3=9", "hardware.supply.cerebras-cs3", 9),
        ("hardware.minimum={}", "hardware.minimum", {}),
        ("objective=carbon", "objective", "carbon"),
    ],
)
def test_overrides(override: str, path: str, value: object) -> None:
    changed = apply_overrides(load(FULL), [override])
    found: Any = changed.workload.model_dump()
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, list | tuple) else found[part]
    assert found == value
    assert changed.sha256 != load(FULL).sha256


def test_overrides_add_up_and_change_nothing_else() -> None:
    loaded = load(FULL)
    assert apply_overrides(loaded, []) is loaded
    changed = apply_overrides(loaded, ["horizon.years=5", "redundancy=2", "horizon.years=6"])
    assert changed.workload == loaded.workload.model_copy(
        update={"horizon": Horizon(years=6, start="2027-06"), "redundancy": 2}
    )
    assert str(changed.place("horizon.years")) == "--set horizon.years=6"
    assert changed.place("services.0.model") == loaded.place("services.0.model")


def test_a_single_length_can_be_set_alone() -> None:
    changed = apply_overrides(
        load(f"{HEAD}{LENGTHS}demand: 1 requests/s\n"), ["services.0.lengths.prompt=1k"]
    )
    assert changed.workload.services[0].lengths == (
        LengthBucket(prompt_tokens=1000, output_tokens=128, share=1),
    )


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("x", "write PATH=VALUE"),
        ("=3", "write PATH=VALUE"),
        ("name=a\nb", "write PATH=VALUE"),
        ("services.4.name=x", "there is no '4' here; write one of 0, chat"),
        ("services.0.levels.tpto=3 ms", "did you mean 'tpot'?"),
        ("services.0.levels.tpot=3", "has no unit"),
        ("services.0.lengths.prompt.x=3", "nothing stands at"),
        ("name.x=3", "nothing stands at"),
        ("name.x.y=3", "nothing stands at"),
        ("horizon=[", "not YAML"),
        ("horizon=&a 3", "anchor"),
        ("services=3", "write a list"),
        ("nonsense=1", "unknown key 'nonsense'"),
        ("services.0.levls.ttft=3 ms", "did you mean 'levels'?"),
        ("regions={eu: {}}", "write a list whose entries have keys: - {name: ...}"),
        ("services.0.name=[1]", "write a text"),
    ],
)
def test_bad_overrides(override: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        apply_overrides(load(FULL), [override])
    assert words in str(caught.value)
    assert str(caught.value).startswith("--set ")


def test_histograms_are_replaced_as_a_whole() -> None:
    loaded = load(f"{HEAD}demand: 1 requests/s\n    lengths: [[1, 2, 0.5], [3, 4, 0.5]]\n")
    with pytest.raises(InputError, match="replace them as a whole"):
        apply_overrides(loaded, ["services.0.lengths.prompt=3"])


def test_limits_on_items_and_complaints() -> None:
    items = ", ".join(["{modle: x}"] * 1001)
    assert complaints(f"services: [{items}]") == ["w.yaml:1:1: more than 1000 services; split the workload"]
    assert len(complaints(f"services: [{items.removesuffix(', {modle: x}')}]")) == 100
    rows = ", ".join(["[1, 1, 0.001]"] * 1001)
    found = complaints(f"{HEAD}demand: 1 requests/s\n    lengths: [{rows}]\n")
    assert found == ["w.yaml:4:5: 1001 length buckets; write at most 1000"]
