"""Terms and lives that end within the horizon: epochs end with them, so that something else can follow.

All prices are undiscounted and energy is free, so that each cost is a product of three numbers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from solver.api import load
from solver.engine.solve import Request, solve
from solver.errors import InputError
from solver.inputs.catalogs import load_catalog
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan
from solver.verify.from_plan import verify_plan

HOURS = 8766  # a year
FILE = """
name: terms
services:
  - model: llama-3.1-8b
    acquisitions: %s
    demand: 40 requests/s
    lengths: {prompt: 1000, output: 250}
horizon: {years: 3, start: 2027-01}
sites: [{name: a, energy: 0 $/kWh}]
money: {discount_rate: 0 %%}
hardware: {include: [dgx-h100], profiles: only}
profiles: [{id: p, system: dgx-h100, service: terms, requests_per_s: [10]}]
offers: [{id: o, system: dgx-h100, %s}]
"""


def plan_of(tmp_path: Path, ways: str, offer: str, *changes: str) -> Plan:
    path = tmp_path / "terms.yaml"
    path.write_text(FILE % (ways, offer))
    plan = solve(load(path, changes), load_catalog(), load_calibration(), Request(compare=False))
    assert (plan.closed, plan.verified) == (True, True)
    return plan


@pytest.mark.parametrize(
    ("months", "terms"),
    [(6, 6), (12, 3), (24, 2), (36, 1), (48, 1)],
)
def test_a_lease_is_renewed_where_its_term_ends(tmp_path: Path, months: int, terms: int) -> None:
    """Four systems at $5 an hour, each paid for whole terms; to buy costs 4 x $270k."""
    plan = plan_of(tmp_path, "[buy, lease]", f"kind: lease, price: $5, term_months: {months}")
    assert plan.objective_usd == pytest.approx(4 * terms * months / 12 * HOURS * 5)


def test_used_systems_live_for_eighteen_months(tmp_path: Path) -> None:
    """Four for $50k now, and four after 1.5 years; not once a year."""
    plan = plan_of(tmp_path, "[buy]", "kind: buy, price: $50k, life: 18 months")
    assert plan.objective_usd == pytest.approx(8 * 50e3)
    assert sorted(plan.epochs[s.epoch][0] for s in plan.systems) == [0.0, 1.5]


def test_a_term_that_begins_later_ends_later(tmp_path: Path) -> None:
    """Bridged from January to March at $30; then leases of a year from April to April."""
    rent = "hardware.overrides.dgx-h100.cloud_usd_hr=30"
    offer = "kind: lease, price: $5, term_months: 12, available_from: 2027-04"
    plan = plan_of(tmp_path, "[rent, lease]", offer, rent)
    assert plan.objective_usd == pytest.approx(4 * (30 * HOURS / 4 + 3 * 5 * HOURS))


def test_a_term_shorter_than_each_epoch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a term of one year ends within each epoch of 3 years"):
        plan_of(tmp_path, "[lease]", "kind: lease, price: $5, term_months: 12", "horizon.epoch=3 years")
    with pytest.raises(InputError, match=r"a life of 6 months ends within each epoch of one year"):
        plan_of(tmp_path, "[buy]", "kind: buy, price: $5k, life: 6 months", "horizon.epoch=1 year")


def test_what_is_paid_and_not_used_is_told(tmp_path: Path) -> None:
    """Eighteen months, renewed each year because epochs are years: 4.5 years are paid for three."""
    offer = "kind: lease, price: $5, term_months: 18"
    plan = plan_of(tmp_path, "[lease]", offer, "horizon.epoch=1 year")
    assert plan.objective_usd == pytest.approx(4 * 4.5 * HOURS * 5)
    assert any("o: of its term of 1.5 years the last 6 months" in note for note in plan.notes)
    assert plan_of(tmp_path, "[lease]", offer).objective_usd == pytest.approx(4 * 3 * HOURS * 5)


def test_owned_systems_leave(tmp_path: Path) -> None:
    """Four are owned and leave in July 2028: four for $270k then, none before."""
    owned = "hardware.owned={dgx-h100: 4}"
    assert plan_of(tmp_path, "[buy]", "kind: rent, price: $9", owned).objective_usd == 0
    plan = plan_of(
        tmp_path, "[buy]", "kind: rent, price: $9", owned, "hardware.owned_until={dgx-h100: 2028-07}"
    )
    assert plan.objective_usd == pytest.approx(4 * 270e3)
    assert {(s.offer, plan.epochs[s.epoch][0], s.count) for s in plan.systems} == {
        ("dgx-h100/owned", 0.0, 4),
        ("dgx-h100/buy", 1.5, 4),
    }
    late = tuple(s.model_copy(update={"epoch": s.epoch + s.offer.endswith("owned")}) for s in plan.systems)
    failures = verify_plan(plan.model_copy(update={"systems": late})).failures
    assert "supply" in {f.check for f in failures}
    for month, count in (("2027-01", 4), ("2028-07", 0)):
        stated = (f"hardware.owned={{dgx-h100: {count}}}", f"hardware.owned_until={{dgx-h100: {month}}}")
        with pytest.raises(InputError, match="no dgx-h100 is owned at the start"):
            plan_of(tmp_path, "[buy]", "kind: rent, price: $9", *stated)
