"""The shipped workloads: they solve to proven, verified plans, and do what their comments say."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from lessons import plan_of

from solver.domain.catalog import Catalog
from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, load_workload, workload_from
from solver.inputs.yaml_text import load_yaml
from solver.paths import find_workload, workload_dir, workload_names
from solver.performance.calibration import Calibration, load_calibration

SECONDS = 3 * 8766 * 3600


@cache
def catalogs() -> tuple[Catalog, Calibration]:
    return load_catalog(), load_calibration()


def fleet(name: str, *changes: str) -> dict[str, int]:
    plan = plan_of(name, *changes)
    return {line.system: plan.count(line.system) for line in plan.systems}


def test_they_read_as_a_course() -> None:
    numbers = [int(name[:2]) for name in workload_names()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 8
    for path in workload_dir().glob("*.yaml"):
        lesson = path.read_text().splitlines()
        assert lesson[0].startswith(f"# Lesson {int(path.stem[:2])}: ")
        assert sum(line.startswith("#") for line in lesson) >= 4


#: The reference instance takes a minute: tests/test_reference.py.
LESSONS = [name for name in workload_names() if name != "42-reference"]


@pytest.mark.parametrize("name", LESSONS)
def test_every_plan_is_proven_and_verified(name: str) -> None:
    plan = plan_of(name)
    assert (plan.outcome, plan.verified) == ("optimal", True)
    assert plan.gap <= (1e-7 if name == "01-by-hand" else 0)  # its pool keeps a room of 1e-8, paid in tokens
    assert plan.bound_usd <= plan.objective_usd * (1 + 1e-9)
    assert sum(line.usd for line in plan.costs) == pytest.approx(plan.objective_usd)
    services = {service.name for service in load_workload(find_workload(name)).workload.services}
    assert {route.service for route in plan.routes} == services


def test_suggested_changes_are_understood() -> None:
    """Every ``--set`` in the comments names something that can be set."""
    found = 0
    for path in workload_dir().glob("*.yaml"):
        for change in re.findall(r"--set (?:'([^']+)'|(\S+?='[^']*'|\S+))", path.read_text()):
            words = (change[0] or change[1]).replace("'", "").rstrip(":")
            apply_overrides(load_workload(path), [words])
            found += 1
    assert found >= 12


# 01: the arithmetic of the comments, with catalog values


def test_by_hand() -> None:
    catalog = catalogs()[0]
    node = catalog.systems["dgx-b200"].values
    total = catalog.profiles["dgx-b200/llama-4-maverick/vendor-aggregate"].output_tok_s_total.value
    full = Fraction(int(total), 500)
    assert full == 144
    energy = node["power_typ_kw"].value * 1.3 * 0.08 * 3 * 8766
    system = node["price_usd"].value + energy
    assert system == pytest.approx(530_085, abs=1)
    newest = max(
        (a for a in catalog.apis.values() if a.model == "llama-4-maverick" and a.status == "list"),
        key=lambda a: (-(1000 * a.input_usd_per_m.value + 500 * a.output_usd_per_m.value), a.snapshot),
    )
    usd = (1000 * newest.input_usd_per_m.value + 500 * newest.output_usd_per_m.value) / 1e6
    assert usd == pytest.approx(450e-6)
    per_rate = usd * SECONDS
    assert per_rate == pytest.approx(42_602.76, abs=0.01)

    plan = plan_of("01-by-hand", compare=True)
    assert plan.count("dgx-b200") == 1
    # exact shares leave 1e-8 of a replica free, so that much more goes to the API
    room = float(full) * 1e-8 * per_rate
    assert plan.objective_usd == pytest.approx(system + float(150 - full) * per_rate, abs=0.01 + room)
    routes = {route.mode: Fraction(route.share) for route in plan.routes}
    assert float(routes["standing"]) == pytest.approx(144 / 150)
    extra = {other.name: other.objective_usd for other in plan.alternatives}
    assert extra["only dgx-b200"] == pytest.approx(2 * system, abs=0.02)
    assert extra["only API tokens"] == pytest.approx(150 * per_rate, abs=0.02)
    assert (extra["only cerebras-cs3"] or 0) > 40e6

    tie = 144 + system / per_rate
    assert tie == pytest.approx(156.44, abs=0.005)
    for rate in (tie - 0.01, tie + 0.01):
        assert fleet("01-by-hand", f"services.0.demand.requests_per_s={rate!r}") == {
            "dgx-b200": 1 if rate < tie else 2
        }


# 02, 03: the argument; the acceptance tests go further


def test_argument() -> None:
    assert fleet("02-argument-loose").keys() == {"dgx-b200"}
    assert fleet("03-argument-fast") == {"cerebras-cs3": 20}
    plan = plan_of("03-argument-fast", "services.0.levels.tokens_per_s_per_user=1000", compare=True)
    nodes = next(a for a in plan.alternatives if a.name == "only dgx-b200")
    assert nodes.fleet.startswith("97 x dgx-b200")
    assert nodes.extra_share == pytest.approx(0.243, abs=0.001)
    with pytest.raises(InfeasibleError, match="delivers at most 300"):
        plan_of("03-argument-fast", "hardware.profiles=measured")


def test_conversation_and_code_have_the_lengths_of_the_traces() -> None:
    conversation, code = load_workload(find_workload("04-conversation-and-code")).workload.services
    for service, prompt, output in ((conversation, 1155, 211), (code, 2048, 28)):
        assert sum(b.share * b.prompt_tokens for b in service.lengths) == pytest.approx(prompt, abs=1)
        assert sum(b.share * b.output_tokens for b in service.lengths) == pytest.approx(output, abs=1)
        assert len(service.demand.rate_rps) == 24
    assert max(conversation.demand.rate_rps) == 60


def test_small_services_own_nothing_and_large_ones_do() -> None:
    assert fleet("05-small-8b") == {}
    assert {r.mode for r in plan_of("05-small-8b").routes} == {"api"}
    assert fleet("05-small-8b", "services.0.acquisitions=[buy, rent]")
    assert fleet("05-small-8b", "services.0.demand.requests_per_s=200")


def test_three_promises_need_several_kinds() -> None:
    bought = fleet("06-three-services")
    assert len(bought) >= 2
    assert bought["cerebras-cs3"] == 1
    assert "cerebras-cs3" not in fleet("06-three-services", "services.voice.levels.tokens_per_s_per_user=100")


def test_nvm_weights_wear() -> None:
    assert fleet("07-nvm-weights").keys() == {"hyp-nvm-rram14-wafer"}
    assert "hyp-nvm-rram14-wafer" not in fleet("07-nvm-weights", "services.0.model_updates_per_day=1440")
    assert "hyp-nvm-rram14-wafer" not in fleet("07-nvm-weights", "hardware.kv_in_weight_memory=true")
    cycles = catalogs()[0].technologies["rram-14"].values["write_endurance_cycles"].value
    assert cycles / 1440 / 7 == pytest.approx(10, abs=0.1)  # ten weeks of an image a minute


def test_streamed_weights() -> None:
    plan = plan_of("09-streamed-weights")
    assert all(pool.layout.endswith("weights streamed") for pool in plan.pools)
    with pytest.raises(InfeasibleError, match="50 tok/s per user"):
        plan_of("09-streamed-weights", "services.0.levels.tokens_per_s_per_user=50")


def test_the_smallest_workload_is_under_ten_lines() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    block = re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)
    assert block
    assert len(block[1].splitlines()) < 10
    loaded = workload_from(load_yaml(Path("README.md"), text=block[1]), Path())
    assert solve(loaded, *catalogs(), Request(compare=False)).verified
