"""The language of changes: what people say, what it means, and what is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whatif_case import loaded

from solver.errors import InputError, SolverError
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.whatif.apply import apply_change
from solver.whatif.fields import FIELDS, split
from solver.whatif.language import canonical
from solver.whatif.months import month_of
from solver.whatif.names import find
from solver.whatif.values import factor_of, mean_rps

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
        ("no wafers before July", "from.sram-wafer=2027-07"),
        ("without GPUs", "exclude=hbm-gpu"),
        ("no hbm-gpu", "exclude=hbm-gpu"),
        ("API prices -20 %", "tokens.*=-20 %"),
        ("energy price +20 %", "energy.site=+20 %"),
        ("energy costs at site x2", "energy.site=x2"),
        ("price of B200 -10 %", "price.dgx-b200=-10 %"),
        ("rental prices of B200 -10 %", "rental.dgx-b200=-10 %"),
        ("CS-3 price x0.5 from 2028", "price.cerebras-cs3=x0.5 from 2028-01"),
        ("chat x3", "demand.chat=x3"),
        ("chat demand +10 %", "demand.chat=+10 %"),
        ("token prices of deepinfra x0.5", "tokens.DeepInfra=x0.5"),
        ("Maverick goes fp8", "precision.chat=fp8"),
        ("budget 12 M$", "budget.capex=12 M$"),
        ("budget 12 M$ in 2027", "budget.2027=12 M$"),
        ("opex 3M in 2028", "opex.2028=3M"),
        ("demand ×2 from Q3", "demand.chat=×2 from 2027-07"),
        ("demand of chat doubles from 2028", "demand.chat=x2 from 2028-01"),
        ("demand.chat=500 requests/s from March", "demand.chat=500 requests/s from 2027-03"),
        ("chat starts in July", "starts.chat=2027-07"),
        ("chat ends 2028-06", "ends.chat=2028-06"),
        ("CS-3 at $1.0M from 2028", "price.cerebras-cs3=$1.0M from 2028-01"),
        ("CS-3 6 months late", "from.cerebras-cs3=2027-07"),
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


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("2028-03", "2028-03"),
        ("July", "2027-07"),
        ("march", "2028-03"),  # the horizon starts in April 2027
        ("Sept 2029", "2029-09"),
        ("Q3", "2027-07"),
        ("Q1", "2028-01"),
        ("q2 2028", "2028-04"),
        ("H2", "2027-07"),
        ("2028", "2028-01"),
        ("in 6 months", "2027-10"),
        ("year 2", "2028-04"),
        ("April", "2027-04"),
    ],
)
def test_months_as_people_name_them(said: str, means: str) -> None:
    assert month_of(said, "2027-04") == means


@pytest.mark.parametrize("said", ["", "Q5", "H3", "month", "2027-13", "year 0", "soon", "Q3 Q4", "2027-7"])
def test_no_months(said: str) -> None:
    with pytest.raises(InputError, match="is no month"):
        month_of(said, "2027-04")


def test_a_model_of_several_services_means_them_all() -> None:
    state = apply_change(BASE, "services.0.name=maverick-chat", CATALOG)
    two = state.workload.services[0], state.workload.services[0].model_copy(update={"name": "code"})
    three = (*two, two[0].model_copy(update={"name": "small", "model": "llama-3.1-8b"}))
    both = state.model_copy(update={"workload": state.workload.model_copy(update={"services": three[1:]})})
    assert canonical("Maverick goes fp8", both, CATALOG) == "precision.code=fp8"
    again = two[1].model_copy(update={"name": "search"})
    many = state.model_copy(
        update={"workload": state.workload.model_copy(update={"services": (*three[1:], again)})}
    )
    line = canonical("Maverick goes fp8", many, CATALOG)
    assert line == "precision.llama-4-maverick=fp8"
    services = apply_change(many, line, CATALOG).workload.services
    assert [s.precisions for s in services] == [("fp8",), ("fp16", "fp8"), ("fp8",)]


def test_another_burstiness_takes_the_place_of_what_is_planned_for() -> None:
    loaded = load_workload(find_workload("04-conversation-and-code"))
    code = apply_change(loaded, "burstiness.code=200", CATALOG).workload.services[1]
    assert code.demand.cv2 == code.demand.bursts == 200
    kept = apply_change(loaded, "demand.code=x2", CATALOG).workload.services[1]
    assert kept.demand.bursts == loaded.workload.services[1].demand.bursts


def test_kinds_of_systems() -> None:
    """A wafer that can be had is held back; one that is no longer made is not named."""
    dates = after("no wafers before July").hardware.available_from
    assert dates == {"cerebras-cs3": "2027-07"}
    assert after("exclude=sram-wafer").hardware.include == ("dgx-b200",)


def test_token_prices() -> None:
    """Stated, multiplied, of one API, of a provider, of all; and back to the list price."""
    name = "deepinfra/llama-4-maverick@2026-07-24"
    listed = CATALOG.apis[name].output_usd_per_m.value
    state = after("token_output.deepinfra/llama-4-maverick=0.5")
    assert list(state.token_prices) == [name]
    assert state.token_prices[name].output_usd_per_m == 0.5
    assert after("token_output.deepinfra/llama-4-maverick=-20 %").token_prices[
        name
    ].output_usd_per_m == pytest.approx(0.8 * listed)
    halves = after("tokens.deepinfra=x0.5", "tokens.deepinfra=x0.5").token_prices
    assert halves[name].output_usd_per_m == pytest.approx(listed / 4)
    assert {n.partition("/")[0] for n in halves} == {"deepinfra"}
    assert len(after("tokens=x0.5").token_prices) > len(halves)
    gone = after(
        "token_output.deepinfra/llama-4-maverick=0.5", "token_output.deepinfra/llama-4-maverick=none"
    )
    assert gone.token_prices[name].output_usd_per_m is None


def test_demand_from_a_month_on() -> None:
    """Factors multiply what is in force; a rate is the mean in that month, whatever the growth before."""
    assert after("demand ×2 from Q3").services[0].demand.steps == {"2027-07": 2}
    twice = after("demand x2 from 2028", "demand x3 from Q3", "demand x1.5 from 2028-07")
    assert twice.services[0].demand.steps == {"2027-07": 3, "2028-01": 6, "2028-07": 9}
    rate = after("growth=100 %", "demand=450 requests/s from 2028-01").services[0]
    assert rate.demand.steps == {"2028-01": 1.5}
    assert rate.factor_at(1.0, "2027-01") * 150 == 450
    assert after("demand x2 from Q3", "steps=none").services[0].demand.steps == {}


def test_budgets_of_single_years() -> None:
    """Fiscal years are named by the calendar year in which they start."""
    assert after("budget.2028=3M", "budget.2027=12M").money.budget_capex_by_year_usd == (12e6, 3e6)
    assert after("budget.2029=3M").money.budget_capex_by_year_usd == (None, None, 3e6)
    assert after("budget.2028=3M", "budget.2028=none").money.budget_capex_by_year_usd == (None, None)
    later = after("horizon.start=2027-04", "fiscal_year=7", "opex.2026=1M", "opex.2027=4M")
    assert later.money.budget_opex_by_year_usd == (1e6, 4e6)


def test_a_lower_price_later_is_an_offer_more() -> None:
    state = after("price.b200=-20 % from 2028", "price.b200=-30 % from 2029", "price.b200=-25 % from 2028")
    assert [(o.id, o.price_usd, o.available_from) for o in state.offers] == [
        ("dgx-b200/buy-from-2029-01", 350_000, "2029-01"),
        ("dgx-b200/buy-from-2028-01", 375_000, "2028-01"),
    ]


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
        ("pue=x2", "takes no factor"),
        ("tpot.chat=10", "unit"),
        ("demand.chat=-5 requests/s", "negative"),
        ("drop.site=yes", "the only site"),
        ("exclude=cs3,dgx-b200", "would leave no system"),
        ("discount.x=3 %", "takes no name"),
        ("budget.capex=many", "many"),
        ("pue=1.2 from July", "write it without a month"),
        ("energy=dear from July", "dear"),
        ("demand=x2 from 2031", "is not within"),
        ("demand=x2 from 2027-01", "is not within"),
        ("demand=lots from July", "lots"),
        ("price.cs3=9M from July", "is above today's"),
        ("budget.2026=3M", "no year is called that"),
        ("tokens=5", "is no factor"),
        ("token_output.nobody=5", "no api is called that"),
        ("token_output.aws=x2", "several apis are meant"),
        ("no CS-3 before soon", "is no month"),
        ("x" * 30_000, "longer than"),
    ],
)
def test_refused_with_what_to_write(said: str, told: str) -> None:
    with pytest.raises(SolverError) as caught:
        apply_change(BASE, line(said), CATALOG)
    assert told in str(caught.value)


def test_every_example_is_understood() -> None:
    """Examples in the help name chat, main and systems of the catalog."""
    offer = "{id: yearly-lease, system: dgx-b200, kind: lease, price: $9}"
    state = apply_change(BASE, "sites=[{name: main}, {name: other}]", CATALOG)
    state = apply_change(state, f"offers=[{offer}]", CATALOG)
    state = apply_change(state, "prefix_hit.chat=40 %", CATALOG)  # what a cache is kept for
    state = apply_change(state, "jurisdiction.main=EU", CATALOG)
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
