"""Numbers and sentences as people read them."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_fixture import CS3, DGX, make_plan
from rich.console import Console

from solver.domain.calendar import year_words
from solver.plan.findings import NOT_FOUND, Alternative, Assumption
from solver.reports.escape import csv_cell, json_in_html, json_text, markdown, plain
from solver.reports.fleet import WAYS, by_way, deciding, fleet, leverage
from solver.reports.section import Column, Section
from solver.reports.terminal import print_section
from solver.reports.units import counted, dollars, listed, number, percent, usd, usd_tick
from solver.reports.values import amount, value_words
from solver.reports.words import answer, kept, sentences

SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0"),
        (0.0042, "$0.0042"),
        (0.4, "$0.40"),
        (0.0897, "$0.0897"),
        (12.3, "$12.30"),
        (999.4, "$999"),
        (99.9, "$99.90"),
        (999.6, "$1.00k"),
        (1234, "$1.23k"),
        (515_000, "$515k"),
        (999_999, "$1.00M"),
        (61_045_767, "$61.0M"),
        (2.5e9, "$2.50B"),
        (-1.2e6, "-$1.20M"),
    ],
)
def test_money_in_a_sentence(value: float, text: str) -> None:
    assert usd(value) == text


@given(st.floats(min_value=1e-3, max_value=1e12))
def test_money_reads_back_within_half_a_unit_of_its_third_digit(value: float) -> None:
    found = re.fullmatch(r"\$([\d.,]+)([kMB]?)", usd(value))
    assert found
    read = float(found[1].replace(",", "")) * SCALES[found[2]]
    assert read == pytest.approx(value, rel=0.0051)


def test_money_in_a_table_and_on_an_axis() -> None:
    assert [dollars(v) for v in (61_045_767.4, 999.5, 10.4, 0.105, -3.0)] == [
        "$61,045,767",
        "$999.50",
        "$10.40",
        "$0.105",
        "-$3.00",
    ]
    assert [usd_tick(v) for v in (0, 2e7, 2.5e3, 100e6)] == ["$0", "$20M", "$2.50k", "$100M"]


def test_shares() -> None:
    values = (0, 0.0002, 0.034, 0.12, 0.981, 0.9921, 0.99996, 1.0, -0.21)
    texts = ["0 %", "0.02 %", "3.4 %", "12 %", "98 %", "99.2 %", "99.99 %", "100 %", "-21 %"]
    assert [percent(v) for v in values] == texts
    assert percent(0.62, signed=True) == "+62 %"
    assert [percent(v, signed=True) for v in (7e-15, -4e-16, 2e-12)] == ["0 %", "0 %", "equal"]


@given(st.floats(min_value=0.99, max_value=1, exclude_max=True))
def test_a_share_short_of_all_is_never_shown_as_all(share: float) -> None:
    assert percent(share) != "100 %"


def test_a_column_without_a_name_prints() -> None:
    """The mark of the safest fleet stands in one."""
    table = Section("regret", "Regret", "", (Column("fleet"), Column("")), (("a", "*"), ("b", None)))
    console = Console(width=40, record=True, file=io.StringIO())
    print_section(table, console, text_width=20)
    assert re.search(r"a +\*", console.export_text())


def test_other_words() -> None:
    assert [number(v) for v in (0, 1111.1, 22.22, 0.005)] == ["0", "1,111", "22.2", "0.005"]
    assert number(0.00001234) == "1.23e-05"
    assert [counted(1, "hour"), counted(3, "hour")] == ["1 hour", "3 hours"]
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert [amount(5e5, "USD"), amount(10.4, "USD/h"), amount(10.2, "kW")] == [
        "$500k",
        "$10.40 per hour",
        "10.2 kW",
    ]


def test_answer_tells_what_to_get_at_what_cost_and_how_sure() -> None:
    text = answer(make_plan())
    for part in (
        "Buy 20 × Cerebras CS-3 for Reykjavik and 6 × DGX B200 (8 GPU) for Frankfurt; ",
        "rent by the hour up to 11 × L40S node (8 GPU) for Frankfurt; ",
        "and call the DeepInfra API for 5 % of the chat requests.",
        "Over 3 years this costs $61.0M in net present value, $6.05 per million tokens",
        "proven to be the cheapest plan",
        "exact check of every constraint and cost passed",
        "33 × Cerebras CS-3 (buy), would cost $98.9M (+62 %)",
        "DGX H100 (8 GPU) would enter the fleet at $214k instead of $270k",
        "purchase price of Cerebras CS-3: $2.50M (range $1.50M to $3.13M), assumed, behind 93 % of the cost",
    ):
        assert part in text


def test_answer_of_a_search_that_ended_early_states_the_bound() -> None:
    plan = make_plan(outcome="limit reached", gap=0.034, bound_usd=59e6, verified=False)
    text = answer(plan)
    assert "The search ended early (limit reached)." in text
    assert "No plan can be cheaper by more than 3.4 % (proven bound $59.0M)" in text
    assert "NOT been verified" in text
    assert "proven to be the cheapest" not in text


def test_answer_without_comparisons_is_shorter_but_whole() -> None:
    plan = make_plan(alternatives=(), break_even=(), assumptions=())
    assert len(sentences(plan)) == 3


def test_answer_when_no_single_kind_can_do_it() -> None:
    only = Alternative(
        name="only dgx-b200", feasible=False, objective_usd=None, extra_usd=None, extra_share=None, fleet=""
    )
    assert "No single kind of hardware can do it alone." in answer(make_plan(alternatives=(only,)))
    late = only.model_copy(update={"reason": NOT_FOUND})
    told = answer(make_plan(alternatives=(only, late)))
    assert "No single kind" not in told
    assert "was not settled in the time for it" in told


def test_answer_is_told_anew_and_not_taken_from_the_file() -> None:
    plan = make_plan(answer="Buy everything from us.")
    assert "Buy everything" not in answer(plan)


def test_what_is_there_is_told_before_what_is_bought_and_what_is_rented() -> None:
    """In the order of WAYS, whatever each costs."""
    plan = make_plan()
    line = plan.systems[0]
    kinds = {way: "buy" if way in ("own", "replace") else way.split("-")[0] for way in WAYS}
    offers = {way: {"kind": kind} for way, kind in kinds.items()}
    offers["own"] |= {"supply_total": "5"}
    rows = tuple(
        line.model_copy(
            update={
                "offer": way,
                "acquisition": way
                if way in ("replace", "rent-hourly")
                else "buy"
                if way != "rent"
                else "rent",
                "cost_usd": float(n),
            }
        )
        for n, way in enumerate(WAYS)
    )
    mixed = plan.model_copy(update={"systems": rows, "inputs": {**plan.inputs, "offers": offers}})
    assert list(by_way(fleet(mixed))) == list(WAYS)
    told = str(sentences(mixed)[0])
    assert told.index("; buy ") < told.index("in place of worn systems") < told.index("by the hour")


def test_answer_of_an_empty_fleet() -> None:
    text = answer(make_plan(systems=(), routes=(), pools=(), costs=()))
    assert text.startswith("There is nothing to buy, rent or call")


def test_leverage_is_cost_share_times_relative_range() -> None:
    plan = make_plan()
    price = next(a for a in plan.assumptions if a.subject == CS3)
    # 93 % of the cost; 1.5 M$ is 40 % below 2.5 M$, 3.13 M$ is 25 % above: 0.93 x 0.4 = 0.372
    assert leverage(plan, price) == pytest.approx(0.372)
    throughput = next(a for a in plan.assumptions if a.quantity.startswith("throughput"))
    paid = sum(s.cost_usd for s in plan.systems if s.system == DGX) / plan.objective_usd
    assert leverage(plan, throughput) == pytest.approx(paid * 0.25)
    assert deciding(plan)[0] == price
    certain = price.model_copy(update={"low": None, "high": None})
    assert leverage(plan, certain) == 0


def test_one_sided_ranges_are_told() -> None:
    one = Assumption(
        subject="x",
        quantity="buy price",
        value=10.0,
        unit="USD",
        low=None,
        high=20.0,
        evidence="assumed",
        source="",
        date="",
        cost_share=0.5,
    )
    assert "(up to $20.00)" in answer(make_plan(assumptions=(one,)))


@pytest.mark.parametrize(
    ("evidence", "words"),
    [("derived", "as predicted"), ("measured", "as measured"), ("vendor-claim", "as stated")],
)
def test_a_throughput_is_what_its_evidence_says(evidence: str, words: str) -> None:
    one = Assumption(
        subject="x",
        quantity="throughput of m (TP8, fp8)",
        value=1.0,
        unit="x prediction",
        low=1.0,
        high=1.0,
        evidence=evidence,
        source="",
        date="",
        cost_share=0.0,
    )
    assert value_words(one) == words


def test_a_promise_on_speed_is_a_floor_and_one_on_latency_a_ceiling() -> None:
    assert kept("TTFT", 1000, 1000)
    assert not kept("TTFT", 1000, 1001)
    assert kept("speed per user", 20, 20)
    assert not kept("speed per user", 20, 19.9)


@given(st.text())
def test_plain_text_is_one_visible_line(text: str) -> None:
    once = plain(text)
    assert once.isprintable() or all(c == "\u00a0" or c.isspace() or c.isprintable() for c in once)
    assert "\n" not in once
    assert plain(once) == once


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()))
def test_numbers_stay_numbers_in_csv(value: object) -> None:
    assert csv_cell(value) is value


@given(st.text())
def test_csv_text_never_starts_a_formula(text: str) -> None:
    cell = csv_cell(text)
    numeric = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell)
    assert numeric or not cell.lstrip().startswith(("=", "+", "-", "@"))


def test_negative_numbers_written_as_text_stay_numbers() -> None:
    assert [csv_cell(v) for v in (-3.5, "-3.5", "-3.5e-7", "-3.5+1")] == [-3.5, "-3.5", "-3.5e-7", "'-3.5+1"]


@given(st.text())
def test_json_is_quiet_and_reads_back(text: str) -> None:
    import json

    value = {"a": [text]}
    inside, outside = json_in_html(value), json_text(value)
    assert json.loads(inside) == json.loads(outside) == value
    assert outside.isascii()
    assert not set("<>&") & set(inside)
    assert "\x1b" not in outside
    assert "\x7f" not in outside


@pytest.mark.parametrize(
    ("text", "written"),
    [("18.7", "18.7"), ("2.9 %", "2.9 %"), ("1. x", "1\\. x"), ("2) x", "2\\) x"), ("-3", "\\-3")],
)
def test_markdown_keeps_numbers_and_starts_no_list(text: str, written: str) -> None:
    assert markdown(text) == written


@given(st.text())
def test_markdown_has_no_live_marks(text: str) -> None:
    left = re.sub(r"\\.", "", markdown(text))
    assert not set("|`*[]<>") & set(left)


@pytest.mark.parametrize(
    ("years", "words"),
    [(0.0, "year 1"), (1.0, "year 2"), (2.5, "month 7 of year 3"), (1 / 12, "month 2 of year 1")],
)
def test_when_a_system_comes(years: float, words: str) -> None:
    assert year_words(years) == words
