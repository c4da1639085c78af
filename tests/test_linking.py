"""Rows that follow from whole systems: worked pieces, no optimum lost, bounds raised."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_problems import make_case

from solver.backend.highs import HighsModel
from solver.formulation.build import build_program
from solver.formulation.linking import FAMILY, LINKS
from solver.formulation.merge import merged
from solver.formulation.prepare import prepare
from solver.formulation.whole_systems import common_unit, pieces
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import load_workload
from solver.performance.calibration import load_calibration


def test_one_system_that_carries_all() -> None:
    """c = 4 of T = 1: x <= 1 N, not x <= 4 N."""
    assert pieces([4.0] * 9, 1.0) == [(pytest.approx(1.0), 0.0)]


def test_two_and_a_half_systems_are_three() -> None:
    """c = 0.4 of T = 1: 0.4 with one, 0.8 with two, 1 with three. The first piece is capacity itself, the
    second rises by 0.2 from 0.8: x <= 0.2 N + 0.4."""
    assert pieces([0.4] * 9, 1.0) == [(pytest.approx(0.2), pytest.approx(0.4))]


def test_small_pools_carry_less() -> None:
    """0.1 with one system, 1 with two: the straight line from none to two, x <= 0.5 N."""
    assert pieces([0.1, 0.6, 0.6, 0.7], 1.0) == [(pytest.approx(0.5), 0.0)]


def test_spares_stand_beside_those_in_use() -> None:
    """0.5 with each system in use, one spare: 0.5 with two, 1 with three. x <= N / 3, not x <= N / 2."""
    assert pieces([0.5] * 9, 1.0, (1,) * 8) == [(pytest.approx(1 / 3), 0.0)]


def test_a_second_spare_for_the_second_system() -> None:
    """0.5 with one in use and one spare, 1 with two and two: x <= N / 4 from none to two and on to four."""
    assert pieces([0.5] * 9, 1.0, (1, 2)) == [(pytest.approx(1 / 4), 0.0)]


def test_replicas_are_counted_in_the_largest_size_they_share() -> None:
    """Pools of 1/8, 1/2 and 3 systems are counted in eighths; of 1/2 and 2/3 in sixths."""
    assert common_unit(common_unit(Fraction(1, 8), Fraction(1, 2)), Fraction(3)) == Fraction(1, 8)
    assert common_unit(Fraction(1, 2), Fraction(2, 3)) == Fraction(1, 6)


def test_many_systems_need_no_rows() -> None:
    assert pieces([0.05] * 9, 1.0) == []


@given(
    st.lists(st.floats(0.01, 2.0), min_size=2, max_size=8),
    st.floats(0.05, 3.0),
    st.lists(st.integers(0, 2), min_size=8, max_size=8),
)
def test_pieces_hold_at_every_number(steps: list[float], most: float, more: list[int]) -> None:
    """No whole number in use breaks a piece: min(T, n c(n)) <= a (n + v(n)) + b, n = 0, 1, 2, ..."""
    best = [max(steps[: n + 1]) for n in range(len(steps))]
    spares = tuple(sum(more[: n + 1]) for n in range(len(steps)))
    for a, b in pieces([*best, best[-1]], most, spares):
        assert b >= 0
        for n in range(20):
            height = min(most, n * best[min(n, len(best)) - 1]) if n else 0.0
            there = n + (spares[min(n, len(best)) - 1] if n else 0)
            assert height <= (a * there + b) * (1 + 1e-9)


def test_no_optimum_is_lost_and_fractions_are() -> None:
    """Random problems cost the same with and without the rows; their linear programs cost more with them."""
    raised = rows = 0
    for seed in range(200):
        problem = make_case(seed).prepared.problem
        if not problem.by_the_hour:
            continue
        with_rows, bare = build_program(problem), build_program(problem, LINKS)
        rows += sum(row.family == FAMILY for row in with_rows.rows)
        models = HighsModel(with_rows), HighsModel(bare)
        cost, same = (model.solve() for model in models)
        assert cost.ending is same.ending
        if cost.values is None:
            continue
        assert cost.objective == pytest.approx(same.objective, rel=1e-7, abs=1e-7)
        bounds = []
        for model in models:
            with model.relaxed():
                bounds.append(model.solve(linear=True).objective)
        assert bounds[0] >= bounds[1] * (1 - 1e-9)
        assert bounds[0] <= cost.objective * (1 + 1e-7)
        raised += not math.isclose(bounds[0], bounds[1], rel_tol=1e-6)
    assert rows > 0
    assert raised >= 10


def text_of(rng: random.Random) -> str:
    """One or two services in three kinds of hours, at one or two sites: rent, spares, pools apart, loss."""
    services = []
    for n in range(rng.choice([1, 2])):
        low, high = rng.uniform(0.5, 3), rng.uniform(4, 30)
        day = ", ".join(f"{rate:.2f}" for rate in [low] * 12 + [(low + high) / 2] * 8 + [high] * 4)
        serving = rng.choice(["[aggregated]", "[aggregated, disaggregated]"])
        deadline = "deadline: 6 h" if n and rng.random() < 0.5 else "ttft: 2 s, tpot: 50 ms"
        services.append(f"""\
  - name: s{n}
    model: {rng.choice(["llama-3.1-8b", "llama-3.3-70b", "mixtral-8x7b"])}
    precisions: [fp8]
    acquisitions: {rng.choice(["[buy, rent]", "[rent]", "[buy]"])}
    demand: {{requests_per_s: [{day}]}}
    lengths: {{prompt: {rng.choice([500, 4000])}, output: {rng.choice([100, 400])}}}
    levels: {{{deadline}}}
    serving: {serving if "ttft" in deadline else "[aggregated]"}
""")
    sites = rng.choice([1, 2, 2])
    energy = [0.08] * 2 if rng.random() < 0.7 else [0.08, 0.12]
    places = "\n".join(f"  - {{name: x{n}, energy: {energy[n]} $/kWh}}" for n in range(sites))
    wishes = ["site_loss: 60 %"] if sites > 1 and rng.random() < 0.3 else []
    return f"""\
name: mixed
services:
{"".join(services)}horizon: 1 year
sites:
{places}
redundancy: {rng.choice([0, 0, 1])}
hardware: {{include: [{rng.choice(["dgx-h100", "dgx-h200, gaudi3-8"])}]}}
resilience: {{{", ".join(wishes + (["availability: 99.9 %"] if rng.random() < 0.4 else []))}}}
"""


@pytest.mark.parametrize("seed", range(20))
def test_mixed_workloads_cost_the_same_with_the_rows_and_no_more_at_merged_sites(
    seed: int, tmp_path: Path
) -> None:
    """Shared systems, spares, separate pools, work that waits, the loss of a site: see `text_of`."""
    file = tmp_path / "mixed.yaml"
    file.write_text(text_of(random.Random(seed)))
    catalog = load_catalog()
    loaded = resolve_references(load_workload(file), catalog)
    prepared = prepare(loaded.workload, catalog, load_calibration())
    problem = prepared.problem
    if prepared.curves is not None:
        groups = prepared.curves.fine(prepared.groups, 1000)
        problem = replace(problem, periods=prepared.curves.periods(groups, mean=True))
    program, bare = build_program(problem), build_program(problem, LINKS)
    assert any(row.family == FAMILY for row in program.rows) or not problem.by_the_hour
    gap, seconds = 1e-3, 10.0
    with_rows, without, like = (HighsModel(p).solve(gap, seconds) for p in (program, bare, merged(program)))
    assert with_rows.values is not None
    assert without.values is not None
    assert with_rows.bound <= without.objective * (1 + 1e-7)
    assert without.bound <= with_rows.objective * (1 + 1e-7)
    assert like.bound <= without.objective * (1 + 1e-7)
    for row in program.rows:  # the plan found without them keeps every row
        if row.family == FAMILY:
            left = sum(a * without.values[c] for c, a in row.terms)
            assert left <= row.rhs + 1e-5 * max(1.0, abs(row.rhs)), row.name


def test_each_site_that_serves_keeps_a_whole_spare(tmp_path: Path) -> None:
    """Either of two sites may be lost, so both serve, each with a system and a spare: four. Of the linear
    program at least the spares are whole; without the rows it bought hardly any."""
    file = tmp_path / "spares.yaml"
    file.write_text(SPARES)
    catalog = load_catalog()
    loaded = resolve_references(load_workload(file), catalog)
    problem = prepare(loaded.workload, catalog, load_calibration()).problem
    bought = {}
    for name, without in (("rows", frozenset[str]()), ("bare", LINKS)):
        program = build_program(problem, without)
        model = HighsModel(program)
        with model.relaxed():
            fractions = model.solve(linear=True).values
        whole = model.solve().values
        assert fractions is not None
        assert whole is not None
        bought[name] = sum(fractions[c] for _, c in program.family("buy"))
        assert round(sum(whole[c] for _, c in program.family("buy"))) == 4
    assert bought["bare"] < 0.5
    assert bought["rows"] > 2


SPARES = """\
name: spares
services:
  - name: chat
    model: llama-3.1-8b
    acquisitions: [buy]
    demand: {requests_per_s: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]}
    lengths: {prompt: 500, output: 100}
    levels: {ttft: 2 s, tpot: 50 ms}
horizon: 1 year
sites:
  - {name: east, energy: 0.08 $/kWh}
  - {name: west, energy: 0.09 $/kWh}
resilience: {site_loss: 100 %, availability: 99.9 %}
hardware: {include: [dgx-h100]}
"""
