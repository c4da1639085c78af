"""Promises, technology and token prices that change within the horizon; what cannot says what to write."""

from __future__ import annotations

import json

import pytest
from whatif_case import ENERGY_USD, PER_SYSTEM_RPS, TEXT, loaded, session

from solver.errors import InputError
from solver.plan.plan import Plan
from solver.verify.from_plan import verify_plan
from solver.whatif.cases import Case
from solver.whatif.commands import case_of
from solver.whatif.entries import Ledger
from solver.whatif.exchange import exported
from solver.whatif.fields import FIELDS
from solver.whatif.session import Session

LATER = "chat from 2028-01"


def plan_after(*changes: str, one: Session | None = None) -> Plan:
    made = one or session()
    for change in changes:
        made.change(change)
    plan = made.result().plan
    assert plan is not None
    assert verify_plan(plan).passed
    return plan


def terms(plan: Plan) -> dict[str, float]:
    return {line.term: line.usd for line in plan.costs}


def test_a_part_that_changes_nothing_costs_the_same() -> None:
    plan = plan_after("precision.chat=fp16,fp8 from 2028")
    assert [s["name"] for s in plan.inputs["workload"]["services"]] == ["chat", LATER]
    assert plan.objective_usd == pytest.approx(plan_after().objective_usd, abs=0.005)


def test_tokens_at_half_from_the_second_of_three_years() -> None:
    """6 of 150 requests/s are bought as tokens: a third of the time at the old price, then at half."""
    before, after = terms(plan_after()), terms(plan_after("token prices -50 % from 2028"))
    assert after["api"] == pytest.approx(before["api"] * (1 / 3 + 2 / 3 / 2))
    assert after["purchase"] == before["purchase"]


def test_a_price_of_one_kind_of_token() -> None:
    one = session()
    plan = plan_after("token_output.deepinfra=0.1 from 2028", one=one)
    (api,) = {a["api"] for a in plan.inputs["apis"].values()}
    listed = one.catalog.apis[api]
    million = (
        (150 - PER_SYSTEM_RPS) * 26_298 * 3600 * 500 / 1e6 * 2 / 3
    )  # output tokens of the last two years
    assert listed.output_usd_per_m.value != 0.1
    expected = terms(plan_after())["api"] - million * (listed.output_usd_per_m.value - 0.1)
    assert terms(plan)["api"] == pytest.approx(expected)
    found = {a.quantity: a.value for a in plan.assumptions if "price per million" in a.quantity}
    assert found["output price per million tokens for chat"] == listed.output_usd_per_m.value
    assert found[f"output price per million tokens for {LATER}"] == 0.1
    ledger = Ledger(plan, one.catalog.apis)
    assert {k for k in ledger.given if k[0] == "output"} == {
        ("output", api),
        ("output", f"{api} for {LATER}"),
    }


def test_a_faster_promise_later_takes_its_systems_later() -> None:
    """10 ms from 2028: the published point is too slow then; what it takes is got when it is needed."""
    plan = plan_after("TPOT 10 ms from 2028")
    begin = {line.epoch: line.count for line in plan.systems}
    assert plan.epochs == ((0.0, 1.0), (1.0, 3.0))
    whole = plan_after("tpot.chat=10 ms")
    assert plan.objective_usd < whole.objective_usd
    assert begin[1] > begin[0]
    promised = {(x.service, x.promise): x.promised for x in plan.service_levels}
    assert promised["chat", "TPOT"] == 20
    assert promised[LATER, "TPOT"] == 10


def test_buying_only_from_a_month_on() -> None:
    """In 2027 tokens may fill the gap; from 2028 a second system must."""
    one, none = plan_after("ways.chat=buy from 2028"), terms(plan_after())
    api = none["api"] / 3 + 500_000 + ENERGY_USD  # tokens of a year and one system; the second joins in 2028
    second = 500_000 + ENERGY_USD * 2 / 3
    assert one.objective_usd == pytest.approx(min(api + second, 2 * (500_000 + ENERGY_USD)), rel=1e-6)


def test_later_changes_reach_the_parts_they_mean() -> None:
    one = session()
    for line in (
        "tpot.chat=15 ms from 2028",
        "demand.chat=x2",
        "tpot.chat=12 ms from 2029",
        "ends.chat=2029-07",
    ):
        one.change(line)
    found = {s.name: s for s in one.loaded().workload.services}
    assert [*found] == ["chat", LATER, "chat from 2029-01"]
    assert [s.levels.tpot_ms for s in found.values()] == [20, 15, 12]
    assert [(s.starts, s.ends) for s in found.values()] == [
        (None, "2028-01"),
        ("2028-01", "2029-01"),
        ("2029-01", "2029-07"),
    ]
    assert {s.demand.rate_rps for s in found.values()} == {(300.0,)}
    assert Case(one.loaded(), one.catalog, one.planner).rps == 300
    one.change("tpot.chat=30 ms")  # without a month: always
    assert {s.levels.tpot_ms for s in one.loaded().workload.services} == {30}
    one.change("peak.chat=60 requests/s")
    assert case_of(one).rps == 60


def test_profiles_go_on() -> None:
    profile = "profiles: [{id: mine, system: dgx-b200, service: chat, requests_per_s: [100]}]\n"
    text = TEXT.replace("hardware:", f"{profile}hardware:").replace(
        "    levels: {tokens_per_s_per_user: 50}\n", ""
    )
    one = Session.begin(None, loaded(text))
    plan = plan_after("token prices -50 % from 2028", one=one)
    assert [p.id for p in one.loaded().workload.profiles] == ["mine", "mine from 2028-01"]
    assert plan.outcome == "optimal"


def test_places_are_those_of_the_statement() -> None:
    one = session()
    one.change("ttft.chat=900 ms from 2028")
    assert one.loaded().place("services.1.model") == one.loaded().place("services.0.model")
    assert "--set" in one.loaded().place("services.1.levels.ttft").file
    assert json.loads(exported(one))["events"][0]["text"] == "ttft.chat=900 ms from 2028-01"


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_what_cannot_begin_later_says_what_to_write(name: str) -> None:
    """Every field begins in a month, or one line says what to write instead, and that can be written."""
    field = FIELDS[name]
    if field.timed or field.subject == "offer" or field.name in ("from", "steps", "starts", "ends"):
        return
    left = field.example.partition("=")[0]
    subject = {"site": "site", "service": "chat"}.get(field.subject)
    line = f"{name}.{subject}" if subject else left
    value = field.example.partition("=")[2]
    with pytest.raises(InputError) as refused:
        session().change(f"{line}={value} from 2028-01")
    (complaint,) = refused.value.complaints
    assert "\n" not in str(refused.value)
    if name in ("exclude", "allow", "only", "share", "model"):
        return
    assert complaint.problem == "holds for the whole horizon", str(refused.value)
    remedy = complaint.remedy
    assert remedy.startswith("write ")
    if "=" in remedy:
        session().change(
            remedy.removeprefix("write ").split(",")[-1].split(" for ")[0].split(" or ")[0].strip()
        )
