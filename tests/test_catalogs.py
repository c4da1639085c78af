"""Catalogs: complete against the reference facts, sourced, consistent, and strict about bad files."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from solver.cli.catalog import TOTAL_TOLERANCE
from solver.cli.catalog import app as catalog_app
from solver.domain.catalog import SYSTEM_QUANTITIES, Catalog
from solver.domain.quantity import Quantity
from solver.errors import InputError
from solver.inputs.catalog_checks import quantities_of, sections_of
from solver.inputs.catalogs import (
    catalog_with_places,
    load_catalog,
    systems_without_price,
)
from solver.inputs.yaml_text import load_yaml
from solver.paths import catalog_dir, find_workload
from solver.performance.architecture import parameters
from solver.performance.mapping import hardware_names

SHARED = Path(__file__).resolve().parents[2] / "shared"
FACTS = SHARED / "facts"
needs_facts = pytest.mark.skipif(not FACTS.is_dir(), reason="reference facts are not here")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def facts(name: str) -> list[dict[str, str]]:
    with (FACTS / name).open(newline="") as file:
        return list(csv.DictReader(file))


def all_quantities(catalog: Catalog) -> Iterator[tuple[str, str, Quantity]]:
    for _, entries in sections_of(catalog):
        for name, entry in entries.items():
            for path, quantity in quantities_of(entry):
                yield name, path, quantity


# ---- complete against the facts


@needs_facts
def test_every_system_value_of_the_facts_is_in_the_catalog(catalog: Catalog) -> None:
    rows = facts("hardware.csv")
    assert len(rows) == 38
    compared = 0
    for row in rows:
        system = catalog.systems[row["id"]]
        assert (system.kind, system.chips, str(system.year)) == (row["kind"], int(row["chips"]), row["year"])
        for name in SYSTEM_QUANTITIES:
            if row.get(name) and name != "own_tco_usd_chip_hr":
                assert system.get(name) == float(row[name]), (row["id"], name)
                compared += 1
    assert compared > 300


@needs_facts
@pytest.mark.parametrize(
    ("quantity", "column"), [("price_usd", "price_{}_usd"), ("cloud_usd_hr", "cloud_usd_hr_{}")]
)
def test_price_ranges_are_those_of_the_facts(catalog: Catalog, quantity: str, column: str) -> None:
    for row in facts("hardware.csv"):
        low, typ, high = (float(row[column.format(k)] or "nan") for k in ("low", "typ", "high"))
        price = catalog.systems[row["id"]].values.get(quantity)
        if row["id"] == "cerebras-cs3" and quantity == "cloud_usd_hr":
            assert price is None  # a cost assumption of an analyst, not a rental price: own_tco_usd_chip_hr
            assert catalog.systems["cerebras-cs3"].get("own_tco_usd_chip_hr") == typ
        elif not math.isnan(typ):
            assert price is not None
            assert price.value == typ
            assert price.low == (low if low < typ else None)
            assert price.high == (high if high > typ else None)
        else:
            assert (price is None) == (math.isnan(low) and math.isnan(high))


@needs_facts
def test_unverified_facts_are_assumptions(catalog: Catalog) -> None:
    checked = 0
    for row in facts("hardware.csv"):
        marked = [re.split(r"[ (]", field.strip())[0] for field in row["unverified_fields"].split(";")]
        for name in set(marked) & set(SYSTEM_QUANTITIES):
            quantity = catalog.systems[row["id"]].values.get(name)
            if quantity is not None:
                assert quantity.evidence in ("assumed", "derived"), (row["id"], name)
                assert "unverified" in quantity.note, (row["id"], name)
                checked += 1
    assert checked > 80


@needs_facts
def test_every_technology_and_node_of_the_facts(catalog: Catalog) -> None:
    names = {
        "cell_um2": "cell_um2",
        "macro_mb_per_mm2": "density_mb_mm2",
        "read_energy_pj_bit": "read_energy_pj_bit",
        "write_energy_pj_bit": "write_energy_pj_bit",
        "read_latency_ns": "read_latency_ns",
        "write_latency_ns": "write_latency_ns",
        "write_endurance_cycles_typ": "write_endurance_cycles",
        "write_bw_mbs": "write_bandwidth_mbs",
    }
    for row in facts("nvm.csv"):
        technology = catalog.technologies[row["id"]]
        for column, name in names.items():
            if row[column]:
                assert technology.values[name].value == float(row[column]), (row["id"], name)
    for row in facts("process.csv"):
        node = catalog.nodes[row["id"]]
        if row["kind"] == "node":
            for column in ("sram_macro_mb_mm2", "logic_mtr_mm2", "d0_per_cm2"):
                assert not row[column] or node.values[column].value == float(row[column])
        else:
            assert float(row["value"]) in [quantity.value for quantity in node.values.values()]


@needs_facts
def test_every_token_price_of_the_facts(catalog: Catalog) -> None:
    def key(provider: str, model_id: str, model: str, snapshot: str) -> tuple[str, ...]:
        return provider, model_id, model, snapshot

    rows = facts("api_prices.csv")
    assert len(rows) == len(catalog.apis) == 206
    ours = {key(a.provider, a.provider_model_id, a.model, a.snapshot): a for a in catalog.apis.values()}
    assert len(ours) == 206  # snapshots that disagree are both kept
    for row in rows:
        api = ours[key(row["provider"], row["provider_model_id"], row["model"], row["snapshot"])]
        assert api.input_usd_per_m.value == float(row["input_usd_per_m"])
        assert api.output_usd_per_m.value == float(row["output_usd_per_m"])
        assert (api.input_usd_per_m.evidence == "assumed") == bool(row["unverified"])


@needs_facts
def test_every_model_of_the_facts(catalog: Catalog) -> None:
    integers = (
        "layers",
        "hidden",
        "q_heads",
        "kv_heads",
        "head_dim",
        "ffn_dim",
        "n_experts",
        "top_k",
        "vocab",
    )
    for row in facts("models.csv"):
        model = catalog.models[row["name"]]
        assert [getattr(model, name) for name in integers] == [int(row[name]) for name in integers]
        assert (model.total_params_b, model.active_params_b) == (
            float(row["total_params_B"]),
            float(row["active_params_B"]),
        )
        assert model.attention == row["attention"]


@pytest.mark.skipif(not (SHARED / "measurements").is_dir(), reason="reference measurements are not here")
def test_measured_names_resolve(catalog: Catalog) -> None:
    with (SHARED / "measurements" / "calibration.csv").open(newline="") as file:
        rows = [(row["hardware"], row["model"]) for row in csv.DictReader(file)]
    names, aliases = hardware_names(), {a for m in catalog.models.values() for a in (m.id, *m.aliases)}
    hardware = {name for name, _ in rows if name not in names}
    assert all(name.startswith(("MIXED", "Jetson")) for name in hardware)
    assert {model for _, model in rows if model not in aliases} == {"gemma-4-31b"}


# ---- sourced and consistent


def test_every_number_says_where_it_comes_from(catalog: Catalog) -> None:
    count = 0
    for name, path, quantity in all_quantities(catalog):
        assert quantity.unit, (name, path)
        assert len(quantity.source) > 3, (name, path)
        assert re.match(r"\d{4}", quantity.date), (name, path)
        assert "..." not in quantity.source, (name, path)
        count += 1
    assert count > 1000


def test_every_stated_source_is_used() -> None:
    for path in catalog_dir().rglob("*.yaml"):
        for entries in load_yaml(path).data.values():
            for name, entry in entries.items() if isinstance(entries, dict) else ():
                if not isinstance(entry, dict) or entry.get("values") == {}:
                    continue
                for source in entry.get("sources", ()):
                    assert f"'from': '{source}'" in str(entry), (path.name, name, source)


def test_derived_numbers_show_their_formula(catalog: Catalog) -> None:
    for system in catalog.systems.values():
        for name, quantity in system.values.items():
            if quantity.evidence == "derived":
                assert quantity.note or " x " in quantity.source, (system.id, name)


def test_integers_reproduce_published_totals(catalog: Catalog) -> None:
    for model in catalog.models.values():
        assert parameters(model).total / 1e9 == pytest.approx(model.total_params_b, rel=TOTAL_TOLERANCE), (
            model.id
        )


def test_worked_example_llama_8b(catalog: Catalog) -> None:
    model = catalog.models["llama-3.1-8b"]
    attention = 4096 * 128 * (32 + 32 + 8 + 8)  # q, o, k, v
    feed_forward = 3 * 4096 * 14336
    total = 32 * (attention + feed_forward + 2 * 4096) + 2 * 128256 * 4096 + 4096
    assert total == 8_030_261_248
    assert parameters(model).total == total


def test_announced_model_tells_what_is_missing(catalog: Catalog) -> None:
    behemoth = catalog.models["llama-4-behemoth"]
    assert behemoth.status == "announced"
    assert "layers" in behemoth.missing
    assert behemoth.layers == 0


def test_prices_of_the_discussion(catalog: Catalog) -> None:
    wafer, node = catalog.systems["cerebras-cs3"], catalog.systems["dgx-b200"]
    price, other = wafer.values["price_usd"], node.values["price_usd"]
    assert (price.low, price.value, price.high) == (1e6, 2e6, 3e6)
    assert 20 * price.value / other.value == 80
    maverick = 400.71e9 * 2  # bytes at fp16
    assert math.ceil(maverick / (wafer.get("sram_gb") or 0) / 1e9) == 19
    free = 20 * (wafer.get("sram_gb") or 0) * 1e9 - maverick
    profile = catalog.profiles["cerebras-cs3/llama-4-maverick/kv-ceiling"]
    assert profile.sequences is not None
    assert profile.sequences.value == free // (4096 * 196_608) == 97
    assert profile.output_tok_s_total.value == 97 * 2500 == 242_500


def test_pipeline_bound_profile(catalog: Catalog) -> None:
    profile = catalog.profiles["cerebras-cs3/llama-4-maverick/pipeline-bound"]
    assert profile.output_tok_s_total.value == profile.systems_per_replica * 2522
    assert profile.output_tok_s_total.evidence == "derived"


def test_unpublished_operating_point_is_an_assumption(catalog: Catalog) -> None:
    profile = catalog.profiles["dgx-b200/llama-4-maverick/vendor-aggregate"]
    assert profile.output_tok_s_total.value == 72_000
    assert profile.output_tok_s_per_user.evidence == "assumed"
    assert "not published" in profile.output_tok_s_per_user.note


@pytest.mark.parametrize(
    ("system", "area_mm2"),
    [
        ("hyp-nvm-rram14-reticle", 800),
        ("hyp-nvm-rram14-wafer", 46225),
        ("hyp-nvm-mram22-wafer", 46225),
        ("hyp-nvm-mram28-wafer", 46225),
        ("hyp-nvm-mram22-ram-wafer", 46225),
    ],
)
def test_hypothetical_capacity_follows_the_recipe(catalog: Catalog, system: str, area_mm2: float) -> None:
    chip = catalog.systems[system]
    density = catalog.technologies[chip.weight_technology].values["density_mb_mm2"].value
    assert chip.get("dram_gb") == pytest.approx(area_mm2 * 0.70 * density / 8000, rel=2e-3)
    assert chip.status == "hypothetical"
    assert {quantity.evidence for quantity in chip.values.values()} == {"assumed"}


def test_endurance_classes_of_the_hypothetical_wafers(catalog: Catalog) -> None:
    def endurance(system: str) -> float:
        technology = catalog.technologies[catalog.systems[system].weight_technology]
        return technology.values["write_endurance_cycles"].value

    assert endurance("hyp-nvm-rram14-wafer") == 1e5
    assert endurance("hyp-nvm-mram22-wafer") == 1e6
    assert endurance("hyp-nvm-mram28-wafer") == 1e10
    assert endurance("hyp-nvm-mram22-ram-wafer") == 1e12
    disturbed = catalog.technologies[catalog.systems["hyp-nvm-rram14-disturb-wafer"].weight_technology]
    assert disturbed.values["read_limit_reads"].value == 8000


# ---- offers


def test_offers_follow_the_prices(catalog: Catalog) -> None:
    buy, rent = catalog.offers["dgx-b200/buy"], catalog.offers["dgx-b200/rent"]
    assert buy.price == catalog.systems["dgx-b200"].values["price_usd"]
    assert rent.price == catalog.systems["dgx-b200"].values["cloud_usd_hr"]
    assert buy.lead_weeks == catalog.systems["dgx-b200"].values["lead_weeks"]
    assert buy.life_years is not None
    assert buy.life_years.evidence == "assumed"
    supply = catalog.offers["cerebras-cs3/buy"].supply_per_year
    assert supply is not None
    assert (supply.value, supply.evidence) == (300, "assumed")
    assert "cerebras-cs3/rent" not in catalog.offers


def test_what_is_no_longer_sold_cannot_be_bought(catalog: Catalog) -> None:
    for name, system in catalog.systems.items():
        if system.status.startswith(("eol", "cloud-only")):
            assert f"{name}/buy" not in catalog.offers
    assert "groq-lpu1-card" in systems_without_price(catalog)


# ---- strict about bad files

SYSTEM = """systems:
  box:
    name: A box
    vendor: Someone
    kind: hbm-gpu
    year: 2026
    status: sold
    chips: 8
    sources:
      page: {source: a page, date: 2026-05, evidence: datasheet}
    values:
      dram_gb: {value: 1.4e3, unit: GB, from: page}
      price_usd: {value: 2e5, low: 1e5, high: 3e5, unit: USD, from: page, note: a note}
"""


PRICES = st.floats(min_value=1e-3, max_value=1e9)


@given(low=PRICES, value=PRICES, high=PRICES)
def test_ranges_are_read_exactly_or_refused(
    tmp_path_factory: pytest.TempPathFactory, low: float, value: float, high: float
) -> None:
    stated = f"value: {value!r}, low: {low!r}, high: {high!r}"
    text = SYSTEM.replace("value: 2e5, low: 1e5, high: 3e5", stated)
    folder = write(tmp_path_factory.mktemp("range"), text)
    if low <= value <= high:
        price = load_catalog(folder).offers["box/buy"].price
        assert (price.low, price.value, price.high) == (low, value, high)
    else:
        with pytest.raises(InputError, match=r"write low <= value <= high"):
            load_catalog(folder)


def write(folder: Path, text: str, name: str = "systems.yaml") -> Path:
    (folder / name).write_text(text)
    return folder


def test_a_small_catalog_reads_as_written(tmp_path: Path) -> None:
    catalog = load_catalog(write(tmp_path, SYSTEM))
    box = catalog.systems["box"]
    assert box.values["dram_gb"] == Quantity(
        value=1400, unit="GB", source="a page", date="2026-05", evidence="datasheet"
    )
    assert catalog.offers["box/buy"].price.high == 3e5


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("unit: GB", "unit: GiB", 12, "write it in GB"),
        ("dram_gb:", "dram_gbs:", 12, "did you mean 'dram_gb'"),
        ("from: page}", "from: leaflet}", 12, "no source is called 'leaflet'"),
        ("date: 2026-05", "date: soon", 12, "'soon' is not a date"),
        ("source: a page, ", "", 12, "source: is missing"),
        ("low: 1e5", "low: 2.5e5", 13, "low 250000 is above value 200000"),
        ("high: 3e5", "high: 1e5", 13, "high 100000 is below value 200000"),
        ("value: 1.4e3", "value: -1", 12, "-1 is negative"),
        ("dram_gb: {value: 1.4e3, unit: GB", "mtbf_hours: {value: 0, unit: h", 12, "mtbf_hours: is 0"),
        ("value: 1.4e3", "value: lots", 12, "(got 'lots')"),
        ("value: 1.4e3", "value: nan", 12, "finite"),
        ("value: 1.4e3", "value: .nan", 12, "valid number"),
        ("evidence: datasheet", "evidence: hearsay", 12, "measured"),
        ("chips: 8", "chips: 0", 8, "greater than 0"),
        ("kind: hbm-gpu", "kind: gpu", 5, "hbm-gpu"),
        ("vendor:", "seller:", 4, "seller"),
        ("status: sold", "status: sold\n    id: box", 8, "repeats its id"),
        ("status: sold", "status: sold\n    weight_technology: magic", 8, "'magic' is in no catalog"),
        ("systems:", "system:", 1, "did you mean 'systems'"),
        ("  box:", "  box: 3\n  other:", 2, "no fields"),
        ("sources:\n      page: {", "sources:\n      page: x\n      leaf: {", 9, "bad sources"),
        ("from: page}", "from: [page]}", 12, "from"),
        ("from: page}", "from: {a: b}}", 12, "from"),
        ("systems:", "terms: 3\nsystems:", 1, "bad terms"),
        ("systems:", "terms: {life: {value: 1}}\nsystems:", 1, "unknown term 'life'"),
    ],
)
def test_bad_files_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in SYSTEM
    with pytest.raises(InputError) as caught:
        load_catalog(write(tmp_path, SYSTEM.replace(old, new)))
    text = str(caught.value)
    assert words in text
    assert f"systems.yaml:{line}" in text
    assert caught.value.exit_code == 2


def test_all_complaints_are_told_at_once(tmp_path: Path) -> None:
    text = SYSTEM.replace("unit: GB", "unit: GiB").replace("unit: USD", "unit: EUR")
    with pytest.raises(InputError) as caught:
        load_catalog(write(tmp_path, text))
    assert len(caught.value.complaints) >= 2


def test_one_id_in_two_files(tmp_path: Path) -> None:
    write(tmp_path, SYSTEM)
    with pytest.raises(InputError, match=r"more.yaml:2.*already stands at .*systems.yaml:2|already stands"):
        load_catalog(write(tmp_path, SYSTEM, "more.yaml"))


API_HEAD = (
    "id,provider,model,provider_model_id,snapshot,status,"
    "input_usd_per_mtok,output_usd_per_mtok,date,evidence,source\n"
)
API_ROW = "p/m@2026,P,m,m-1,2026,list,0.1,0.4,2026,datasheet,a list\n"
MODEL = (
    "models:\n  m: {name: M, released: 2026, source: s, date: 2026, total_params_b: 1, active_params_b: 1}\n"
)


def test_token_prices_read_from_csv(tmp_path: Path) -> None:
    write(tmp_path, MODEL, "models.yaml")
    api = load_catalog(write(tmp_path, API_HEAD + API_ROW, "apis.csv")).apis["p/m@2026"]
    assert (api.input_usd_per_m.value, api.output_usd_per_m.unit) == (0.1, "USD/Mtok")
    assert api.context_tokens is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (API_HEAD + API_ROW.replace("0.4", "cheap"), 2, "cheap"),
        (API_HEAD + API_ROW.replace("P,m,", "P,n,"), 2, "'n' is in no catalog"),
        (API_HEAD + API_ROW + API_ROW, 3, "already stands"),
        (API_HEAD + API_ROW.replace(",a list", ""), 2, "fewer cells"),
        (API_HEAD.replace("status", "state") + API_ROW, 2, "unknown column 'state'"),
        (API_HEAD + API_ROW.replace("datasheet", "hearsay"), 2, "measured"),
    ],
)
def test_bad_token_prices(tmp_path: Path, text: str, line: int, words: str) -> None:
    write(tmp_path, MODEL, "models.yaml")
    with pytest.raises(InputError) as caught:
        load_catalog(write(tmp_path, text, "apis.csv"))
    assert words in str(caught.value)
    assert f"apis.csv:{line}" in str(caught.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no catalog files"):
        load_catalog(tmp_path)


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    first = load_catalog(write(tmp_path, SYSTEM)).version
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert load_catalog(write(tmp_path, SYSTEM)).version == first
    assert load_catalog(write(tmp_path, SYSTEM.replace("2e5", "250_000"))).version != first


def test_places(catalog: Catalog) -> None:
    _, place = catalog_with_places()
    where = place("systems", "dgx-b200", "values.price_usd")
    line = Path(where.file).read_text().splitlines()[where.line - 1]
    assert line.strip().startswith("price_usd: {value: 500000")


# ---- paths


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (catalog_dir() / "apis.csv").is_file()
    mine = tmp_path / "workloads" / "mine.yaml"
    mine.parent.mkdir()
    mine.write_text("name: mine\n")
    monkeypatch.setenv("SOLVER_PATH", str(tmp_path))
    assert find_workload("mine") == mine
    assert find_workload(str(mine)) == mine
    with pytest.raises(InputError, match="did you mean 'mine'"):
        find_workload("mine2")
    with pytest.raises(InputError, match="no such file"):
        find_workload("nowhere/mine.yaml")
    with pytest.raises(InputError):
        find_workload("mine\0")


# ---- command line


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(catalog_app, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_list_and_show() -> None:
    code, out, _ = run("list")
    assert code == 0
    assert "systems" in out
    code, out, _ = run("list", "systems", "--json")
    rows: list[dict[str, Any]] = json.loads(out)
    assert {row["id"]: row for row in rows}["dgx-b200"]["price_usd"] == 500_000
    code, out, _ = run("show", "dgx-b200")
    assert code == 0
    for words in ("from 380,000 to 550,000", "vendor claim", "2024-10/2026-04", "$515,410"):
        assert words in out
    code, out, _ = run("show", "Llama-4-Maverick", "--json")
    assert json.loads(out)[0]["entry"]["id"] == "llama-4-maverick"


@pytest.mark.parametrize(
    "section", ["systems", "models", "technologies", "nodes", "offers", "apis", "profiles"]
)
def test_every_section_is_listed(catalog: Catalog, section: str) -> None:
    code, out, _ = run("list", section, "--json")
    assert code == 0
    assert [row["id"] for row in json.loads(out)] == list(getattr(catalog, section))


def test_unknown_words_end_with_2() -> None:
    code, _, err = run("show", "dgx-b20")
    assert (code, "did you mean dgx-b200" in err) == (2, True)
    code, _, err = run("list", "things")
    assert (code, "write one of: systems" in err) == (2, True)


def test_check(tmp_path: Path) -> None:
    code, out, _ = run("check", "--json")
    assert code == 0
    assert json.loads(out)["entries"]["apis"] == 206
    text = MODEL.replace(
        "total_params_b: 1,", "total_params_b: 9, layers: 1, hidden: 8, q_heads: 1, kv_heads: 1,"
    )
    write(tmp_path, text.replace("name: M", "name: M, head_dim: 8, ffn_dim: 8, vocab: 8"), "models.yaml")
    code, out, err = run("check", "--json", "--catalogs", str(tmp_path))
    assert code == 2
    assert "models.yaml:2" in err
    assert "published 9" in json.loads(out)["complaints"][0]["problem"]
