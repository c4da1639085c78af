"""Hostile inputs: the result is a workload or an InputError with a place, never another exception."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver.domain.workload import LoadedWorkload
from solver.errors import Complaint, InputError, Place
from solver.inputs.workload import apply_overrides, workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml

SEED = """name: chat
services:
  - name: chat
    model: llama-3.1-8b
    precisions: [fp16, fp8]
    demand: {output_tokens_per_s: 100k, growth_per_year: 30 %, cv2: 1.5}
    lengths: {quantiles: {prompt: {p50: 400, p90: 2000, p99: 6000}, output: {p50: 100, p99: 1000}}}
    levels: {ttft: 500 ms, tpot: 50 ms, percentile: 95}
    acquisitions: [buy, rent, api]
  - name: code
    model: llama-3.3-70b
    demand: {day: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24], peak_requests_per_s: 5}
    lengths: {histogram: [[100, 10, 0.25], [2000, 20, 0.75]]}
    levels: {tokens_per_s_per_user: 20, deadline: 24 h}
horizon: {years: 3, start: 2027-01}
sites: [{name: main, power: 200 kW, pue: 1.3, energy: 0.08 $/kWh, rack_units: 84}]
money: {discount_rate: 8 %, budget_capex: $5M}
hardware: {include: [cerebras-cs3], overrides: {cerebras-cs3: {price_usd: 1.0M}}, supply: {cerebras-cs3: 300}}
objective: cost
"""
TOKENS = [
    "{", "}", "[", "]", ":", ": ", ",", "\n", "  ", "- ", "#", "'", '"', "&a ", "*a", "!!int ",
    "<<: ", "|", ">", "~", "null", "-1", "0", "1e400", "1e-400", "nan", ".inf", "9" * 40, "30,000",
    "0x10", "1:30", "%", "\t", "\0", "é", "\u202e", "p50", "day: ", "week: ", "curve: /etc/passwd",
    "trace: ..", "ms", "kW", "$", "k", "true", "---\n", "? ", "fp4",
]  # fmt: skip
NOWHERE = Path("nowhere")


def outcome(text: str) -> LoadedWorkload | None:
    """The workload, or None for an input error; anything else fails the test."""
    try:
        loaded = workload_from(load_yaml(Path("f.yaml"), text=text), NOWHERE)
    except InputError as error:
        assert error.complaints
        for complaint in error.complaints:
            assert complaint.place.file == "f.yaml"
            assert complaint.problem and "\n" not in str(complaint)
        return None
    return loaded


def test_the_seed_is_valid() -> None:
    assert outcome(SEED) is not None


position = st.integers(0, len(SEED))
edit = st.tuples(position, st.integers(0, 12), st.sampled_from(TOKENS) | st.text(max_size=6))


def test_a_line_break_in_a_value_does_not_break_the_complaint() -> None:
    """Found by the long suite: the value is quoted in the complaint."""
    complaint = Complaint(Place("f.yaml", 4, 36), "p50: '---\n2000' is no number")
    assert str(complaint) == "f.yaml:4:36: p50: '--- 2000' is no number"


@settings(max_examples=600, deadline=2000)
@given(st.lists(edit, min_size=1, max_size=4))
def test_edited_files(edits: list[tuple[int, int, str]]) -> None:
    text = SEED
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]
    loaded = outcome(text)
    if loaded is not None:
        assert workload_from(load_yaml(Path("f.yaml"), text=workload_to_yaml(loaded.workload)), NOWHERE)


@settings(max_examples=400, deadline=2000)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=4))
def test_lines_moved_doubled_and_lost(moves: list[tuple[int, int]]) -> None:
    lines = SEED.splitlines()
    for source, target in moves:
        line = lines[source % len(lines)]
        if target % 3 == 0:
            lines.remove(line)
        if target % 3 != 1 or not lines:
            lines.insert(target % (len(lines) + 1), line)
    outcome("\n".join(lines))


@settings(max_examples=400, deadline=2000)
@given(st.lists(st.sampled_from([*TOKENS, *SEED.split()]), max_size=40).map("".join))
def test_made_of_tokens(text: str) -> None:
    outcome(text)


@settings(max_examples=400, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), position)
def test_byte_noise(tmp_path: Path, noise: bytes, start: int) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(SEED.encode()[:start] + noise + SEED.encode()[start:])
    try:
        workload_from(load_yaml(path), tmp_path)
    except InputError as error:
        assert all(complaint.place.file == str(path) for complaint in error.complaints)


leaf = st.none() | st.sampled_from(TOKENS) | st.text(max_size=8) | st.integers().map(str)
tree = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
PATHS = [
    "services", "services.0", "services.0.demand", "services.0.demand.day", "services.0.lengths",
    "services.0.levels", "services.0.lengths.histogram", "services.0.lengths.quantiles",
    "services.0.precisions", "sites", "sites.0", "horizon", "money", "hardware",
    "hardware.overrides", "hardware.overrides.x", "hardware.supply", "objective", "name",
    "services.0.levels.percentile", "services.0.demand.week", "services.0.demand.curve",
    "sites.0.power", "services.1.name",
]  # fmt: skip


@settings(max_examples=600, deadline=2000)
@given(st.sampled_from(PATHS), tree)
def test_any_value_anywhere(path: str, value: object) -> None:
    """Any plain data in place of any part of a valid file."""
    from solver.inputs.draft import Draft
    from solver.inputs.workload import _workload

    document = load_yaml(Path("f.yaml"), text=SEED)
    node = document.data
    *parents, last = path.split(".")
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    draft = Draft("f.yaml", NOWHERE, dict(document.places))
    try:
        _workload(draft, document.data)
    except InputError as error:
        assert all(complaint.problem for complaint in error.complaints)


@settings(max_examples=400, deadline=2000)
@given(st.sampled_from(PATHS) | st.text(max_size=20), st.sampled_from(TOKENS) | st.text(max_size=10))
def test_any_override(path: str, value: str) -> None:
    loaded = workload_from(load_yaml(Path("f.yaml"), text=SEED), NOWHERE)
    try:
        apply_overrides(loaded, [f"{path}={value}"])
    except InputError as error:
        assert error.complaints


@pytest.mark.long
@settings(max_examples=100_000, deadline=2000)
@given(st.lists(edit, min_size=1, max_size=8))
def test_edited_files_long(edits: list[tuple[int, int, str]]) -> None:
    text = SEED
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]
    outcome(text)
