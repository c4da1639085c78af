"""What an answer rests on: parts of the cost that add up, and only the physics of pools in use."""

from __future__ import annotations

import math

import pytest

from solver.engine.assumptions import ON_CHIP
from solver.engine.solve import Request, solve
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan

QUICK = Request(compare=False, certify=False)


def plan_of(name: str, *changes: str) -> Plan:
    return solve(apply_overrides(load_workload(find_workload(name)), list(changes)), request=QUICK)


def shares(plan: Plan) -> dict[tuple[str, str], float]:
    return {(a.subject, a.quantity): a.cost_share for a in plan.assumptions}


def test_tokens_by_a_pencil() -> None:
    """Lesson 5 buys tokens alone: what input and output cost follows from lengths and prices."""
    plan = plan_of("05-small-8b")
    api = plan.inputs["apis"][plan.routes[0].target]
    lengths = plan.inputs["workload"]["services"][0]["lengths"]
    prices = {a.quantity.partition(" ")[0]: a.value for a in plan.assumptions if "price" in a.quantity}
    spent = {
        word: sum(b["share"] * b[f"{key}_tokens"] for b in lengths) * prices[word]
        for word, key in (("input", "prompt"), ("output", "output"))
    }
    told = shares(plan)
    for word, usd in spent.items():
        share = told[api["provider"], f"{word} price per million tokens"]
        assert share == pytest.approx(usd / sum(spent.values()))


@pytest.mark.parametrize("name", ["01-by-hand", "05-small-8b", "06-three-services", "11-lease", "28-resale"])
def test_prices_and_energy_make_up_the_cost(name: str) -> None:
    """Without space, people, moves and openings nothing else is paid."""
    plan = plan_of(name)
    assert {c.term for c in plan.costs} <= {"purchase", "rental", "energy", "api"}
    energy = sum(c.usd for c in plan.costs if c.term == "energy") / plan.objective_usd
    priced = math.fsum(s for (_, quantity), s in shares(plan).items() if "price" in quantity)
    assert priced == pytest.approx(1 - energy)
    named = math.fsum(s for (_, quantity), s in shares(plan).items() if quantity.startswith("power"))
    assert named <= energy * (1 + 1e-9)  # a power that is known without a range is not told


def test_taxes_lessen_a_price() -> None:
    """A lease is a running cost: of 599 k$ the tax saves 30 %, and all that is left is its price."""
    plan = plan_of("31-taxes-and-people")
    [(quantity, share)] = [(q, s) for (_, q), s in shares(plan).items() if "price" in q]
    assert "price (" in quantity  # the workload's own offer is named too
    paid = {c.term: c.usd for c in plan.costs}
    assert share == pytest.approx((paid["rental"] + paid["tax"]) / plan.objective_usd)


@pytest.mark.parametrize(
    "name", ["02-argument-loose", "06-three-services", "07-nvm-weights", "09-streamed-weights"]
)
def test_physics_of_the_pools_in_use_alone(name: str) -> None:
    """On-chip memory decides nothing of HBM systems, nor physics where a figure was measured."""
    plan, catalog = plan_of(name), load_catalog()
    points = {r.target: plan.points[r.target] for r in plan.routes if r.mode != "api"}
    predicted = {p["system"] for p in points.values() if not p.get("profile")}
    for subject, quantity in shares(plan):
        if quantity in ("sram_gb", "dram_bw_tbs") or quantity.endswith(("tflops", "tops")):
            assert subject in predicted
        if quantity == "sram_gb":
            assert catalog.systems[subject].kind in ON_CHIP
        if quantity.endswith("_tflops"):
            used = {p["weight_precision"] for p in points.values() if p["system"] == subject}
            assert quantity.partition("_")[0] in used


def test_the_examples_are_of_both_kinds() -> None:
    told = {name: [q for _, q in shares(plan_of(name))] for name in ("06-three-services", "07-nvm-weights")}
    assert "fp8_tflops" in told["06-three-services"] and "sram_gb" not in told["06-three-services"]
    assert "sram_gb" in told["07-nvm-weights"]
