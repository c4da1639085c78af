"""Measurements replace predictions where they exist, and hold for the lengths they were measured at."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.domain.catalog import MeasuredProfile
from solver.domain.quantity import Quantity
from solver.operating_points.candidates import RECIPROCAL
from solver.operating_points.load import FULL
from solver.operating_points.point import OperatingPoint
from solver.operating_points.profiles import (
    STATED,
    evidence_of,
    lengths_rule,
    without_predictions,
)
from solver.operating_points.requests import Mix


def quantity(value: float) -> Quantity:
    return Quantity(value=value, unit="tok/s", source="a run", date="2026-11", evidence="measured")


def profile(total: float = 1000.0, prompt: int | None = 1024, output: int | None = 256) -> MeasuredProfile:
    return MeasuredProfile(
        id="run", model="m", system="box", systems_per_replica=1, weight_precision="fp8",
        output_tok_s_per_user=quantity(50.0), output_tok_s_total=quantity(total),
        prompt_tokens=prompt, output_tokens=output,
    )  # fmt: skip


def mix(*lengths: tuple[float, float]) -> Mix:
    prompt, output = (np.array(column) for column in zip(*lengths, strict=True))
    return Mix(prompt, output, prompt, output, np.full(len(lengths), 1 / len(lengths)))


def test_a_request_counts_as_its_larger_share_of_a_measured_one() -> None:
    """1,000 tok/s at 1,024 + 256: 3.9 measured requests a second."""
    use, serves = lengths_rule(mix((1024, 256), (512, 256), (512, 128), (1200, 64), (2000, 10)), profile())
    np.testing.assert_allclose(use[:4] * 1000 / 256, [1, 1, 0.5, 1200 / 1024])
    assert serves.tolist() == [True, True, True, True, False]  # 2,010 tokens are more than 1,280


def test_without_stated_lengths_output_tokens_count_at_any_length() -> None:
    use, serves = lengths_rule(mix((10, 100), (9000, 100)), profile(prompt=None))
    np.testing.assert_allclose(use, 0.1)
    assert serves.all()
    assert evidence_of(profile(prompt=None)).endswith("at any length: the source tells none")
    assert "length" not in evidence_of(profile())


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 4000))
def test_no_request_is_cheaper_than_its_output_tokens_say(i: int, o: int, pi: int, po: int) -> None:
    use, serves = lengths_rule(mix((i, o)), profile(prompt=pi, output=po))
    assert use[0] >= o / 1000 * (1 - 1e-12)
    assert serves[0] == (i + o <= pi + po)


@given(st.floats(0.1, 1e5))
def test_a_measured_speed_equal_to_the_promised_one_is_not_too_slow(speed: float) -> None:
    """1 / speed and 1000 / speed / 1000 may differ in their last digits, by less than what is allowed."""
    assert 1.0 / speed <= (1000 / speed) / 1e3 * RECIPROCAL < 1.0 / speed * (1 + 1e-14)


def point(**changes: Any) -> OperatingPoint:
    base = OperatingPoint(
        id="s/box/TP8 fp8", service="s", model="m", system="box", systems_per_replica=Fraction(1),
        layout="TP8", weight_precision="fp8", kv_precision="fp8", placement="resident", batch=64, tpot_s=0.02,
        wait_s=0.0, resources=("slots",), use=((0.1,),), ttft_s=(0.1,), end_to_end_s=(1.0,), late={},
        serves=(True,), lines=FULL, kv_bytes=(0.0,), kv_capacity_bytes=0.0, step=None, wear=None,
        evidence="fitted", spread=1.2,
    )  # fmt: skip
    return replace(base, **changes)


MEASURED = point(id="s/box/run", profile="run", evidence="measured: a run (2026-11)", spread=1.0)


@pytest.mark.parametrize(
    ("predicted", "goes"),
    [
        ({}, True),
        ({"batch": 32}, True),
        ({"batch": 65}, False),  # nobody measured so many sequences
        ({"batch": 8, "systems_per_replica": Fraction(1, 8)}, True),  # eight replicas fill the box alike
        ({"batch": 16, "systems_per_replica": Fraction(1, 8)}, False),
        ({"systems_per_replica": Fraction(2)}, False),
        ({"weight_precision": "fp16"}, False),
        ({"system": "other"}, False),
        ({"serves": (True,), "sites": ("a",)}, True),
    ],
)
def test_a_measurement_replaces_what_it_covers(predicted: dict[str, Any], goes: bool) -> None:
    kept, screened = without_predictions([point(**predicted)], [MEASURED])
    assert (not kept) is goes
    assert [s.reason for s in screened] == (["replaced by the measurement run"] if goes else [])


def test_claims_replace_nothing_and_the_workloads_own_profile_replaces_all() -> None:
    claim = replace(MEASURED, evidence="vendor claim: a page (2026)")
    own = replace(MEASURED, evidence=STATED, batch=1, weight_precision="fp16")
    assert without_predictions([point()], [claim])[0]
    assert not without_predictions([point(), point(batch=4096)], [own])[0]


def test_a_measurement_that_refuses_a_bucket_leaves_the_prediction() -> None:
    short = replace(MEASURED, serves=(True, False))
    assert without_predictions([point(serves=(True, True))], [short])[0]
    assert not without_predictions([point(serves=(True, False))], [short])[0]
