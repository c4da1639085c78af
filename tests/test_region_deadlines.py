"""Work with a deadline whose regions have curves of their own: each region waits in its own line."""

from __future__ import annotations

import math
from fractions import Fraction

import lessons
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_deferral import smallest_peak
from test_region_curves import read, solved

from solver.engine.solve import Request, solve
from solver.inputs.catalogs import load_catalog
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan
from solver.reports.traffic import Traffic
from solver.reports.waiting import waiting
from solver.verify.from_plan import verify_plan

Day = list[int]
#: Europe sends 120 requests/s in one hour, America 10 in each; a system serves 10.
BURST, FLAT = [120 if hour == 12 else 0 for hour in range(24)], [10] * 24


def plan_of(eu: Day, us: Day, hours: int, **others: str) -> Plan:
    demand = f"{{regions: {{eu: {{day: {eu}}}, us: {{day: {us}}}}}}}"
    more = f"levels: {{deadline: {hours} h}}"
    return solved(read(demand, more=more, **others))


def systems(plan: Plan) -> int:
    return sum(s.count for s in plan.systems)


def test_a_burst_of_one_region_is_spread() -> None:
    """Without waiting 12 + 1 systems; within 6 h (120 + 6 x 10) / 6 = 30 requests/s, three systems."""
    assert systems(plan_of(BURST, FLAT, 1)) == 13
    plan = plan_of(BURST, FLAT, 6)
    assert systems(plan) == 3
    assert {e.region for e in plan.deferrals} == {"eu", "us"}
    late = [e for e in plan.deferrals if e.region == "eu" and e.hour == 12]
    assert sum(Fraction(e.share) for e in late) == 1
    assert max(e.wait_hours for e in late) <= 5
    assert sum(p["region_rps"][0]["eu"] for p in plan.periods) == pytest.approx(120)


def test_a_region_may_be_given_more_than_its_part_of_the_peak() -> None:
    """340 requests/s in a day; in some hour America's work of ten hours may run at once."""
    assert systems(plan_of([100 if hour == 12 else 0 for hour in range(24)], FLAT, 24)) == 2


def test_the_how_to() -> None:
    """Work of 9 o'clock runs until 20: 12 h x 10 N less 1,060 of chat hold 360 with N = 12, not with 11."""
    hour = {name: [360 * (h == at) for h in range(24)] for name, at in (("asia", 9), ("europe", 21))}
    regions = ", ".join(f"{name}: {{day: {rates}}}" for name, rates in hour.items())
    plan = lessons.plan_of("34-work-that-waits", f"services.nightly.demand={{regions: {{{regions}}}}}")
    assert plan.verified
    assert systems(plan) == 12
    assert max(e.wait_hours for e in plan.deferrals if e.region == "asia") == 11


def test_growth_of_one_region() -> None:
    """Doubled in the second year: (240 + 60) / 6 = 50 requests/s."""
    demand = f"{{regions: {{eu: {{day: {BURST}, growth: 100 %}}, us: {{day: {FLAT}}}}}}}"
    text = read(demand, more="levels: {deadline: 6 h}")
    horizon = text.workload.horizon.model_copy(update={"years": 2.0})
    longer = text.workload.model_copy(update={"horizon": horizon})
    loaded = type(text)(**{**text.__dict__, "workload": longer})
    plan = solve(loaded, load_catalog(), load_calibration(), Request(compare=False))
    assert plan.verified
    assert systems(plan) == 5
    assert [s.count for s in sorted(plan.systems, key=lambda s: s.epoch)] == [3, 2]


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=24, max_size=24).filter(any),
    st.lists(st.integers(0, 60), min_size=24, max_size=24).filter(any),
    st.integers(1, 24),
)
def test_as_good_as_any_assignment(eu: Day, us: Day, hours: int) -> None:
    """Both lines share all systems, so the least is that of their sum, by the transport problem itself."""
    least = smallest_peak([float(a + b) for a, b in zip(eu, us, strict=True)], hours)
    assert systems(plan_of(eu, us, hours)) == math.ceil(least / 10 - 1e-7)


def test_the_table_counts_each_region_by_its_own_curve() -> None:
    plan = plan_of(BURST, FLAT, 6)
    [line] = waiting(plan, Traffic(plan))
    requests, waited = 120 + 240, Fraction(0)
    for e in plan.deferrals:
        came = BURST[e.hour] if e.region == "eu" else FLAT[e.hour]
        waited += came * Fraction(e.share) * e.wait_hours
    assert line.mean_wait_hours == pytest.approx(float(waited) / requests)


def test_the_check_finds_what_is_wrong_in_a_region() -> None:
    plan = plan_of(BURST, FLAT, 6)
    late = next(n for n, e in enumerate(plan.deferrals) if e.region == "eu" and e.wait_hours)

    def failures(**fields: object) -> set[str]:
        entries = list(plan.deferrals)
        entries[late] = entries[late].model_copy(update=fields)
        return {f.check for f in verify_plan(plan.model_copy(update={"deferrals": tuple(entries)})).failures}

    assert verify_plan(plan).passed
    assert "deadline" in failures(share="1/7")
    assert "deadline" in failures(wait_hours=6)
    assert "deadline" in failures(region="us")
    assert failures(region="") == failures(region="moon") == {"shape"}
