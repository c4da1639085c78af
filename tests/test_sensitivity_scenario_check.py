"""Each optimum that a study of scenarios counts passes the exact check; the others are told as undecided."""

from pathlib import Path
from typing import Any

import pytest

from solver.domain.workload import LoadedWorkload
from solver.errors import InputError
from solver.inputs.workload import load_workload, workload_from
from solver.inputs.yaml_text import load_yaml
from solver.sensitivity.factors import Factor, factors_of
from solver.sensitivity.scenario import Scenarios, Task, undecided
from solver.sensitivity.scenario_check import Checked, ScenarioCheck, scenario_of
from solver.sensitivity.session import Session
from solver.sensitivity.uncertain import Options, scenario_values, uncertain_result
from solver.sensitivity.uncertain_findings import findings_of
from solver.sensitivity.uncertain_tables import named
from solver.verify import from_plan
from solver.verify.case import Case
from solver.verify.facts import Verdict
from solver.verify.verify import verify_case

TEXT = """
name: checked
services:
  - name: chat
    model: llama-3.1-8b
    demand: 40 requests/s
    lengths: {prompt: 600, output: 150}
    levels: {ttft: 2 s, tpot: 50 ms}
    acquisitions: [buy]
  - name: summaries
    model: llama-3.1-8b
    demand: {day: [5, 5, 5, 5, 5, 5, 5, 5, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30]}
    lengths: {prompt: 2000, output: 200}
    levels: {ttft: 3 s, tpot: 50 ms}
    acquisitions: [buy, rent]
hardware: {include: [dgx-b200, dgx-h200]}
"""


def loaded() -> LoadedWorkload:
    return workload_from(load_yaml(Path("w.yaml"), text=TEXT), Path())


def setting() -> tuple[Session, tuple[Factor, ...], Scenarios, ScenarioCheck]:
    session = Session.of(loaded())
    check = ScenarioCheck(session.loaded, session.catalog)
    factors = factors_of(session, ())
    return session, factors, Scenarios(session.prepared, factors, check), check


def test_a_factor_that_nothing_has_is_told_at_its_option() -> None:
    with pytest.raises(InputError) as caught:
        factors_of(Session.of(loaded()), ("foo=1..2..3",))
    [complaint] = caught.value.complaints
    assert str(complaint.place) == "--factor 'foo=1..2..3'"
    assert "dgx-b200" in complaint.remedy


def test_prices_of_systems_and_of_their_offers_have_one_name() -> None:
    session = Session.of(loaded())
    words = [named(session, name) for name in ("dgx-b200", "dgx-b200/buy", "dgx-b200/rent", "demand.chat")]
    assert words[0] == words[1] == "the purchase price of DGX B200 (8 GPU)"
    assert words[2:] == ["the rent price of DGX B200 (8 GPU)", "demand of chat"]


def test_optima_of_scenarios_pass_and_changed_ones_do_not() -> None:
    """One system fewer, and a cost 0.1 % too low, are found out."""
    session, factors, scenarios, check = setting()
    found = 0
    for n, values in enumerate(scenario_values(factors, 8, seed=2)):
        record = scenarios.run(Task(str(n), values))
        assert not undecided(record), record["status"]
        found += 1
        assert record["bound_usd"] <= record["cost_usd"] * (1 + 1e-9)
    assert found == 8
    values = tuple(f.mode for f in factors)
    seen: list[Any] = []
    scenarios.check = lambda *words: seen.append(words) or Checked()  # type: ignore[assignment, func-returns-value]
    scenarios.run(Task("modes", values))
    prepared, _, _, whole, cost, _ = seen[0]
    assert check(prepared, factors, values, whole, cost) == Checked()
    assert "cost" in check(prepared, factors, values, whole, cost * 0.999).wrong
    bought = next(name for name, count in whole.items() if name.startswith(("buy_", "lot_")) and count)
    assert check(prepared, factors, values, whole | {bought: whole[bought] - 1}, cost).wrong
    assert "no R_x" in check(prepared, factors, values, whole | {"R_x": 1.0}, cost).wrong
    dear = tuple(2 * v if f.is_price else v for f, v in zip(factors, values, strict=True))
    assert "cost" in check(prepared, factors, dear, whole, cost).wrong
    busy = tuple(4 * v if f.is_demand else v for f, v in zip(factors, values, strict=True))
    assert check(prepared, factors, busy, whole, cost).wrong
    assert session.prepared is prepared


def test_a_slower_system_carries_less_and_queues_longer() -> None:
    session, factors, _, _ = setting()
    name = next(f.name for f in factors if f.is_throughput)
    values = tuple(0.5 if f.name == name else f.mode for f in factors)
    there = scenario_of(session.prepared, factors, values).problem
    for old, new in zip(session.prepared.problem.points, there.points, strict=True):
        if old.system not in name:
            assert new == old
            continue
        slope = new.lines[0].slope / old.lines[0].slope
        assert 0.5 <= slope < 1
        if old.queue is not None and new.queue is not None:
            assert new.queue.hold_s[0] == pytest.approx(old.queue.hold_s[0] / slope)
            assert new.queue.slots == old.queue.slots


def test_where_slow_systems_are_late_their_safe_load_is_lowered() -> None:
    """At a third of the throughput, loads that follow it let too many wait: the first plan is rejected, a
    dearer one with less load on what was late passes, and the bound stays that of the first."""
    session = Session.of(load_workload(Path(__file__).parent.parent / "workloads" / "06-three-services.yaml"))
    check, factors = ScenarioCheck(session.loaded, session.catalog), factors_of(session, ())
    scenarios = Scenarios(session.prepared, factors)
    values = tuple(0.32 if f.name == "throughput/mi355x-8" else f.mode for f in factors)
    first = scenarios.run(Task("slow", values))
    seen: list[Checked] = []

    def told(*words: Any) -> Checked:
        seen.append(check(*words))
        return seen[-1]

    scenarios.check = told  # type: ignore[assignment]
    record = scenarios.run(Task("slow", values))
    assert len(seen) > 1 and seen[0].late and "late" in seen[0].wrong and seen[-1] == Checked()
    assert record["cost_usd"] > first["cost_usd"]
    assert record["bound_usd"] == first["bound_usd"]


def test_scenarios_that_fail_the_check_are_told_and_count_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that rejects every plan for more than the stated demand."""
    session = Session.of(loaded())
    most = max(session.loaded.workload.services[0].demand.rate_rps)

    def strict(case: Case) -> Verdict:
        from test_every_exit import BROKEN

        busy = max(case.workload.services[0].demand.rate_rps) > most * (1 + 1e-9)
        return BROKEN if busy else verify_case(case)

    monkeypatch.setattr(from_plan, "verify_case", strict)
    options = Options(scenarios=24, seed=1)
    result = uncertain_result(session, options)
    at = next(n for n, f in enumerate(result.factors) if f.name == "demand")
    assert result.undecided and len(result.scenarios) + len(result.undecided) == 24
    assert all(r["values"][at] <= 1 for r in result.scenarios)
    assert all(len(f.regret_usd) == len(result.scenarios) for f in result.regrets.fleets)
    findings = findings_of(session, options, result)
    assert f"{len(result.undecided)} more scenarios are undecided" in " ".join(findings.notes)
    assert f"Of {len(result.scenarios)} scenarios" in findings.answer[0]
    told = next(t for t in findings.tables if t.key == "scenarios")
    assert len(told.rows) == 24 and sum("broken on purpose" in str(row) for row in told.rows) == len(
        result.undecided
    )
    ends = next(t for t in findings.tables if t.key == "tornado")
    assert any(cell is None for row in ends.rows for cell in row)
    assert result.rows_left_out or result.indices is None or at not in result.ranked
