"""A change to a price or a budget is answered by a verified plan in time.

Measured in CPU seconds of this process, in which HiGHS runs too: what else the machine does is not counted.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from solver.inputs.workload import load_workload
from solver.whatif.commands import execute
from solver.whatif.session import Session

#: The reference takes half a minute, what-if or not: tests/test_reference.py.
WORKLOADS = sorted(
    p for p in (Path(__file__).parents[1] / "workloads").glob("*.yaml") if p.stem != "42-reference"
)
SINGLE_S, YEARS_S = 1.0, 5.0


@pytest.mark.long
@pytest.mark.parametrize("path", WORKLOADS, ids=lambda path: path.stem)
def test_a_changed_price_or_budget(path: Path) -> None:
    one = Session.begin(None, load_workload(path))
    plan = one.result().plan
    assert plan is not None
    bought = [s.system for s in plan.systems if s.offer.endswith("/buy")]
    lines = [f"price.{bought[0]}=-5 %", f"price.{bought[0]}=+15 %"] if bought else []
    lines += [f"budget.total={1.2 * plan.objective_usd:.0f}", "budget.total=none", "discount=9 %"]
    limit = SINGLE_S if len(plan.epochs) == 1 else YEARS_S
    for line in lines if plan.objective == "cost" else ():
        started = time.process_time()
        response = execute(one, line)
        seconds = time.process_time() - started
        assert response.result is not None
        assert seconds <= limit, f"{line}: {seconds:.2f} s"
