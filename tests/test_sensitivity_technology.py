"""Process technology: the figures of the process and non-volatile memory facts, derived from the catalogs."""

import json

import pytest
from typer.testing import CliRunner

from solver.cli.app import app
from solver.domain.catalog import System
from solver.errors import UsageError
from solver.inputs.catalogs import load_catalog
from solver.technology.designs import parse_design, with_design
from solver.technology.facts import base_of, value
from solver.technology.memory_chips import READ_KW, WEIGHT_SHARE, WeightWafer, derive_weight_wafer
from solver.technology.recipes import (
    bandwidth_within_power_tbs,
    capacity_gb,
    die_cost_usd,
    die_yield,
    dies_per_wafer,
    layers_needed,
    macro_bandwidth_tbs,
    macros,
    stack_usd,
)
from solver.technology.wafers import (
    WaferDesign,
    derive,
    dram_wafer_gb,
    layer_gb,
    planar_gb,
    stacked_product_gb,
    with_systems,
)

CATALOG = load_catalog()
WAFER = 46_225.0  # mm2, 215 x 215 mm


@pytest.mark.parametrize(
    ("node", "gb"), [("n5", 44.0), ("n3e", 44.0), ("n3b", 46.5), ("n2", 50.3), ("a16", 50.3)]
)
def test_planar_successors(node: str, gb: float) -> None:
    """44 GB x macro density / 33.3 Mb/mm2."""
    assert planar_gb(CATALOG, node) == pytest.approx(gb, abs=0.05)


@pytest.mark.parametrize(
    ("layer", "gb", "count", "total"),
    [
        (stacked_product_gb(CATALOG, "vcache1"), 75.7, 7, 574),
        (stacked_product_gb(CATALOG, "vcache2"), 86.1, 6, 561),
        (layer_gb(CATALOG, "n5"), 103.9, 5, 564),
        (layer_gb(CATALOG, "n3e"), 103.9, 5, 564),
        (layer_gb(CATALOG, "n2"), 118.9, 4, 520),
        (layer_gb(CATALOG, "n2", 0.75), 148.6, 4, 638),
    ],
)
def test_layers_that_make_500_gb(layer: float, gb: float, count: int, total: float) -> None:
    assert layer == pytest.approx(gb, abs=0.1)
    assert layers_needed(500, 44, layer) == count
    assert 44 + count * layer == pytest.approx(total, abs=1)


def test_one_dram_wafer() -> None:
    """46,225 mm2 x 160 Mb/mm2 / 8000 = 924.5 GB."""
    assert dram_wafer_gb(CATALOG) == pytest.approx(924.5)


@pytest.mark.parametrize(
    ("node", "layers", "bare", "at_90", "at_95", "at_99"),
    [("n7", 6, 91.5, 172, 124, 97), ("n5", 5, 114, 193, 147, 120), ("n2", 4, 148.5, 226, 182, 155)],
)
def test_silicon_of_a_stack(
    node: str, layers: int, bare: float, at_90: float, at_95: float, at_99: float
) -> None:
    """An N5 base and layers at $3,000 a bond, in thousand dollars, before and after yield."""
    base, layer = value(CATALOG, "n5", "wafer_usd"), value(CATALOG, node, "wafer_usd")
    bond = value(CATALOG, "hybrid-bond-step", "cost_usd")
    assert stack_usd(base, layer, bond, layers) == pytest.approx(bare * 1e3)
    for good, kusd in ((0.90, at_90), (0.95, at_95), (0.99, at_99)):
        assert stack_usd(base, layer, bond, layers, good) / 1e3 == pytest.approx(kusd, abs=1)


@pytest.mark.parametrize(
    ("area", "density", "gb", "tbs", "kw"),
    [
        (800, 25, 1.75, 44.8, 0.36),
        (800, 10.1, 0.71, 18.1, 0.14),
        (800, 14, 0.98, 25.1, 0.20),
        (WAFER, 25, 101, 2589, 21),
        (WAFER, 10.6, 42.9, 1098, 9),
        (WAFER, 100, 404.5, 10354, 83),
    ],
)
def test_weight_memory_recipe(area: float, density: float, gb: float, tbs: float, kw: float) -> None:
    """Capacity, macro bandwidth (1 Mb macros, 128 bit, 5 ns) and read power at 1 pJ/bit."""
    assert capacity_gb(area, WEIGHT_SHARE, density) == pytest.approx(gb, rel=0.005)
    rate = macro_bandwidth_tbs(macros(area, WEIGHT_SHARE, density))
    assert rate == pytest.approx(tbs, rel=0.005)
    assert bandwidth_within_power_tbs(kw, 1.0) == pytest.approx(rate, rel=0.05)


def test_dies_and_yield() -> None:
    """800 mm2 on 300 mm with a 5 mm edge: 66,052 / 800 - 911 / 40 = 59.8; (1 + 0.08 x 8 / 10)^-10 = 0.54."""
    assert dies_per_wafer(800) == 59
    assert die_yield(0.08, 800) == pytest.approx(0.54, abs=0.005)
    assert die_cost_usd(4500, 800, 0.08, 1.15) == pytest.approx(164, abs=1.5)


def test_a_derived_system_keeps_the_margin_of_cs3() -> None:
    base = base_of(CATALOG)
    assert base.margin == pytest.approx(2_000_000 / 450_000)
    same = derive(CATALOG, WaferDesign("n5"))
    assert same.capacity_gb == 44 and same.price_usd == pytest.approx(2_000_000)
    assert same.system.get("fp16_tflops") == base.system.get("fp16_tflops")
    deep = derive(CATALOG, WaferDesign("n2", 4))
    assert deep.build_usd == pytest.approx(450_000 - 16_500 + (30_000 + 4 * 33_000) / 0.95**4)
    assert deep.price_usd == pytest.approx(deep.build_usd * base.margin)
    assert deep.system.get("fp16_tflops") == pytest.approx(15_625 * 1.3 * 1.15)


def test_sram_and_logic_move_apart() -> None:
    usual, dense = (derive(CATALOG, WaferDesign("n2", 2, sram_factor=f)) for f in (1.0, 1.3))
    assert dense.capacity_gb == pytest.approx(1.3 * usual.capacity_gb)
    assert dense.system.get("fp16_tflops") == usual.system.get("fp16_tflops")
    fast = derive(CATALOG, WaferDesign("n2", 2, logic_factor=1.5))
    assert fast.capacity_gb == usual.capacity_gb
    assert fast.system.get("fp16_tflops") == pytest.approx(1.5 * (usual.system.get("fp16_tflops") or 0))


def test_layers_slow_down_a_full_read() -> None:
    """All layers share one vertical interface of 48.8 GB/s per mm2."""
    deep = derive(CATALOG, WaferDesign("n5", 5))
    assert deep.bandwidth_tbs == pytest.approx(deep.capacity_gb / (deep.layers_gb / (48.8 * WAFER / 1e3)))
    assert deep.bandwidth_tbs < 21_000


def test_weight_wafers_equal_the_catalog_entry_at_its_density() -> None:
    system, memory = derive_weight_wafer(CATALOG, WeightWafer(25.0, 1e5))
    shipped = CATALOG.systems["hyp-nvm-rram14-wafer"]
    assert system.get("dram_gb") == pytest.approx(shipped.get("dram_gb"), rel=0.005)
    assert system.get("dram_bw_tbs") == pytest.approx(READ_KW / 8 * 1000) == shipped.get("dram_bw_tbs")
    assert memory.values["write_endurance_cycles"].value == 1e5


def test_derived_systems_join_the_catalog_with_an_offer() -> None:
    made = derive(CATALOG, WaferDesign("n2", 4)).system
    grown = with_systems(CATALOG, [made])
    assert grown.offers[f"{made.id}/buy"].price.value == made.get("price_usd")
    assert made.id not in CATALOG.systems


# ---- designs: systems of the user's own, derived anew at every value of a sweep ----


def test_a_server_with_todays_parts_costs_what_todays_server_costs() -> None:
    made = with_design(CATALOG, parse_design("hbm-server")).systems["design"]
    assert made.get("price_usd") == pytest.approx(CATALOG.systems["dgx-b200"].get("price_usd"))
    assert made.get("dram_bw_tbs") == CATALOG.systems["dgx-b200"].get("dram_bw_tbs")


def test_dearer_memory_passes_to_the_server_with_its_margin() -> None:
    """1,440 GB at one dollar more, times price over parts of eight chips."""
    server, now = CATALOG.systems["dgx-b200"], value(CATALOG, "hbm3e-usd-gb", "usd_per_gb")
    dearer = parse_design("hbm-server").with_value("technology.hbm3e-usd-gb.usd_per_gb", now + 1)
    margin = (server.get("price_usd") or 0) / (8 * value(CATALOG, "b200-bom", "cost_usd"))
    made = with_design(CATALOG, dearer).systems["design"]
    expected = (server.get("price_usd") or 0) + margin * (server.get("dram_gb") or 0)
    assert made.get("price_usd") == pytest.approx(expected)


def test_defects_and_wafer_prices_make_dies_dearer() -> None:
    design = parse_design("hbm-server")
    prices = [
        with_design(CATALOG, design.with_value(name, number)).systems["design"].get("price_usd")
        for name, number in (
            ("technology.n5.d0_per_cm2", value(CATALOG, "n5", "d0_per_cm2")),
            ("technology.n5.d0_per_cm2", 0.3),
            ("technology.n5.wafer_usd", 40_000.0),
        )
    ]
    assert prices[0] < prices[1] and prices[0] < prices[2]


def test_a_design_moves_sram_apart_from_logic() -> None:
    plain, dense, fast = (
        with_design(CATALOG, parse_design(f"sram-wafer,node=n2,layers=2{more}")).systems["design"]
        for more in ("", ",sram_factor=1.5", ",logic_factor=1.5")
    )
    assert dense.get("sram_gb") == pytest.approx(1.5 * plain.get("sram_gb"))
    assert dense.get("fp16_tflops") == plain.get("fp16_tflops")
    assert fast.get("sram_gb") == plain.get("sram_gb")
    assert fast.get("fp16_tflops") == pytest.approx(1.5 * plain.get("fp16_tflops"))


def test_entries_of_the_catalog_re_derive_the_system() -> None:
    design = parse_design("sram-wafer,node=n2,layers=4")
    usual = with_design(CATALOG, design).systems["design"].get("price_usd")
    bad = with_design(CATALOG, design.with_value("technology.bond-yield.layer_yield", 0.8))
    assert bad.systems["design"].get("price_usd") > usual
    nvm = with_design(CATALOG, parse_design("nvm-wafer,density_mb_mm2=50,endurance_cycles=1e6,read_pj_bit=2"))
    assert nvm.systems["design"].get("dram_gb") == pytest.approx(46_225 * 0.7 * 50 / 8000)
    assert nvm.systems["design"].get("dram_bw_tbs") == pytest.approx(8e3 / 16)  # TB/s of 8 kW at 2 pJ/bit
    cells = nvm.technologies[nvm.systems["design"].weight_technology]
    assert cells.values["write_endurance_cycles"].value == 1e6


def test_defects_cost_a_wafer_its_cores_once_the_spares_are_used_up() -> None:
    """A core has 46,225 / 970,000 = 0.04765 mm2; at 400 defects/cm2 (1 + 400 x 0.0004765 / 10)^-10 = 0.8280
    of them work, of 900 / 970 that are needed: 0.8924. Today's 0.1 costs nothing."""

    def derived_at(design: str, d0: float, node: str = "n5") -> System:
        moved = parse_design(design).with_value(f"technology.{node}.d0_per_cm2", d0)
        return with_design(CATALOG, moved).systems["design"]

    planar = [derived_at("sram-wafer", d0) for d0 in (0.1, 100.0, 400.0)]
    assert planar[0].get("sram_gb") == planar[1].get("sram_gb") == 44
    for name in ("sram_gb", "sram_bw_tbs", "fp16_tflops"):
        assert planar[2].get(name) == pytest.approx(0.8924 * (planar[0].get(name) or 0), rel=1e-4)
    assert planar[2].get("price_usd") == planar[0].get("price_usd")
    deep = [derived_at("sram-wafer,layers=4", d0).get("sram_gb") or 0 for d0 in (0.1, 100.0)]
    assert deep[1] == pytest.approx(deep[0] * (1 + 100 * 0.0004765 / 10) ** -50 * 97 / 90, rel=1e-4)
    nvm = [derived_at("nvm-wafer", d0, "n16").get("dram_gb") or 0 for d0 in (0.08, 500.0)]
    assert nvm[1] == pytest.approx(nvm[0] * (1 + 500 * 0.0004 / 10) ** -10 * 97 / 90, rel=1e-4)


@pytest.mark.parametrize(
    "text", ["hbm", "sram-wafer,layer=2", "sram-wafer,layers=x", "sram-wafer,layers=-1", "nvm-wafer,node=n2"]
)
def test_designs_that_are_wrong_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="design"):
        parse_design(text)


def test_how_much_memory_must_a_wafer_hold_to_enter() -> None:
    """One command: layers of SRAM against CS-3 at 600 tok/s; more layers only ever make the fleet cheaper."""
    arguments = ["sensitivity", "03-argument-fast", "--set", "services.0.levels.tokens_per_s_per_user=600"]
    arguments += ["--set", "hardware.include=[cerebras-cs3]", "--json"]
    arguments += ["--design", "sram-wafer,node=n2", "--vary", "design.layers=0..4"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    samples = json.loads(result.stdout)["tables"]["samples"]
    assert any("designed SRAM wafer" in row["fleet"] for row in samples)
    none, deep = samples[0], samples[-1]
    assert deep["cost_usd"] < none["cost_usd"]
    without = [a for a in arguments if not a.startswith("sram-wafer")]
    without.remove("--design")
    assert isinstance(CliRunner().invoke(app, without).exception, UsageError)
