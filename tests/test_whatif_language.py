"""The language of changes: what people say, what it means, and what is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whatif_case import loaded

from solver.errors import SolverError
from solver.inputs.catalogs import load_catalog
from solver.whatif.fields import FIELDS, find, split
from solver.whatif.language import apply_change, canonical, factor_of, mean_rps

CATALOG = load_catalog()
BASE = loaded()


def line(text: str) -> str:
    return canonical(text, BASE, CATALOG)


def after(*texts: str):
    state = BASE
    for text in texts:
        state = apply_change(state, canonical(text, state, CATALOG), CATALOG)
    return state.workload


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("price.cerebras-cs3=1.0M", "price.cerebras-cs3=1.0M"),
        ("CS-3 at $1.0M", "price.cerebras-cs3=$1.0M"),
        ("price.b200 = 400k", "price.dgx-b200=400k"),
        ("demand x2", "demand.chat=x2"),
        ("demand of chat +50 %", "demand.chat=+50 %"),
        ("TPOT 10 ms", "tpot.chat=10 ms"),
        ("ttft 500 ms for chat", "ttft.chat=500 ms"),
        ("no cerebras-cs3", "exclude=cerebras-cs3"),
        ("no CS-3 before 2027-07", "from.cerebras-cs3=2027-07"),
        ("chat goes fp8", "precision.chat=fp8"),
        ("money.discount_rate=10 %", "money.discount_rate=10 %"),
    ],
)
def test_said_and_meant(said: str, means: str) -> None:
    assert line(said) == means
    assert line(means) == means  # a canonical line stays as it is


def test_demand_keeps_its_shape() -> None:
    """x2 on 150 requests/s is 300; -50 % on top is 150 again; an absolute rate replaces it."""
    assert mean_rps(after("demand x2").services[0]) == 300
    assert mean_rps(after("demand x2", "demand -50 %").services[0]) == 150
    assert mean_rps(after("demand=12 requests/s").services[0]) == 12
    assert mean_rps(after("demand=5k tokens/s").services[0]) == 10  # 5,000 / 500 tokens per request
    shaped = after("services.0.demand.rate_rps=[" + ", ".join(["1", "3"] * 12) + "]", "demand x2")
    assert shaped.services[0].demand.rate_rps == (2.0, 6.0) * 12


def test_prices_relative_to_what_is_stated_or_listed() -> None:
    assert after("price.dgx-b200=-20 %").hardware.overrides["dgx-b200"]["price_usd"] == 400_000
    listed = CATALOG.systems["cerebras-cs3"].get("price_usd")
    assert listed is not None
    assert after("price.cs3=x0.5").hardware.overrides["cerebras-cs3"]["price_usd"] == listed / 2
    assert "price_usd" not in after("price.dgx-b200=none").hardware.overrides["dgx-b200"]


def test_lists_grow_and_shrink() -> None:
    both = after("exclude=cerebras-cs3", "exclude=gaudi3-8")
    assert both.hardware.exclude == ("cerebras-cs3", "gaudi3-8")
    assert both.hardware.include == ("dgx-b200",)
    assert after("exclude=cs3", "allow=cs3").hardware.include == ("dgx-b200", "cerebras-cs3")
    assert after("exclude=cerebras-cs3,gaudi3-8", "allow=cerebras-cs3").hardware.exclude == ("gaudi3-8",)
    assert after("ways.chat=buy,rent").services[0].acquisitions == ("buy", "rent")
    assert after("only=none").hardware.include == ()


def test_limits_come_and_go() -> None:
    assert after("budget.capex=12M").money.budget_capex_usd == 12e6
    assert after("budget.capex=12M", "budget.capex=none").money.budget_capex_usd is None
    assert after("supply.cs3=20").hardware.supply == {"cerebras-cs3": 20}
    assert after("supply.cs3=20", "supply.cs3=none").hardware.supply == {}
    sites = after("sites=[{name: a}, {name: b, power: 3 kW}]", "drop site a").sites
    assert [s.name for s in sites] == ["b"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "is not understood"),
        ("foo", "is not understood"),
        ("prise.cs3=1M", "unknown key 'prise'"),
        ("price=1M", "does not say which system"),
        ("price.nothing=1M", "no system is called that"),
        ("price.h100=1M", "several systems are meant"),
        ("price.cs3=", "has no value"),
        ("price.cs3=cheap", "cheap"),
        ("tpot=x2", "takes no factor"),
        ("tpot.chat=10", "unit"),
        ("demand.chat=-5 requests/s", "negative"),
        ("drop.site=yes", "the only site"),
        ("exclude=cs3,dgx-b200", "would leave no system"),
        ("discount.x=3 %", "takes no name"),
        ("budget.capex=many", "many"),
        ("x" * 30_000, "longer than"),
    ],
)
def test_refused_with_what_to_write(said: str, told: str) -> None:
    with pytest.raises(SolverError) as caught:
        apply_change(BASE, line(said), CATALOG)
    assert told in str(caught.value)


def test_every_example_is_understood() -> None:
    """Examples in the help name chat, main and systems of the catalog."""
    state = apply_change(BASE, "sites.0.name=main", CATALOG)
    state = apply_change(state, "sites=[{name: main}, {name: other}]", CATALOG)
    for field in FIELDS.values():
        apply_change(state, canonical(field.example, state, CATALOG), CATALOG)
        assert split(field.example.partition("=")[0])[0] == field


def test_find_prefers_the_whole_word() -> None:
    assert find("b200", {"dgx-b200": "", "gb200-nvl72": ""}, "system") == "dgx-b200"
    assert find("gb", {"dgx-b200": "", "gb200-nvl72": ""}, "system") == "gb200-nvl72"


@given(st.floats(0.01, 99, allow_nan=False))
def test_factors(value: float) -> None:
    assert factor_of(f"x{value:.4f}") == float(f"{value:.4f}")
    assert factor_of(f"+{value:.4f} %") == round(1 + float(f"{value:.4f}") / 100, 12)


@given(st.text(max_size=60))
def test_any_text_is_a_change_or_refused(text: str) -> None:
    with contextlib.suppress(SolverError):
        apply_change(BASE, line(text), CATALOG)
