"""Traces: the published formats are read exactly, and their statistics are right on made-up traces."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.errors import InputError, UsageError
from solver.inputs.from_trace import TraceOptions, histogram_csv, workload_text
from solver.inputs.trace_statistics import (
    busiest_arrivals,
    busiest_ratio,
    joint_histogram,
    rate_curve,
    spread_within_seconds,
)
from solver.inputs.traces import Trace, read_trace
from solver.inputs.workload import workload_from
from solver.inputs.yaml_text import load_yaml

AZURE = Path(__file__).parents[1].parent / "shared" / "traces"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_azure_csv(tmp_path: Path) -> None:
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n"
    text += "2023-11-16 18:15:50.9951690,396,109\r\n2023-11-16 18:15:50.0000000,5,0"
    trace = read_trace(written(tmp_path, "a.csv", text))
    assert trace.arrival_s == pytest.approx([0.0, 4.314579], abs=1e-6)
    assert trace.prompt_tokens.tolist() == [374, 396]
    assert trace.output_tokens.tolist() == [44, 109]
    assert trace.dropped == 1
    assert trace.start is not None
    assert trace.start.replace(microsecond=0) == datetime(2023, 11, 16, 18, 15, 46, tzinfo=UTC)


def test_jsonl_counts_milliseconds(tmp_path: Path) -> None:
    rows = [
        {"timestamp": 1500 * i, "input_length": 10 + i, "output_length": 3, "hash_ids": [1]} for i in range(3)
    ]
    trace = read_trace(written(tmp_path, "a.jsonl", "\n".join(json.dumps(row) for row in rows)))
    assert trace.arrival_s.tolist() == [0.0, 1.5, 3.0]
    assert trace.prompt_tokens.tolist() == [10, 11, 12]
    assert trace.start is None


def test_burstgpt_counts_seconds_and_drops_failures(tmp_path: Path) -> None:
    text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    text += "45,ChatGPT,472,18,490,Conversation log\n5,ChatGPT,100,0,100,Conversation log\n"
    text += "118,GPT-4,9,2,11,API log\n"
    trace = read_trace(written(tmp_path, "b.csv", text))
    assert trace.arrival_s.tolist() == [0.0, 73.0]
    assert trace.dropped == 1


def test_columns_and_time_unit_by_options(tmp_path: Path) -> None:
    path = written(tmp_path, "c.csv", "t;x,in,out\n1000,7,8\n3000,9,10\n")
    trace = read_trace(path, {"arrival": "t;x", "prompt": "in", "output": "out"}, "ms")
    assert trace.arrival_s.tolist() == [0.0, 2.0]
    with pytest.raises(UsageError, match="role"):
        read_trace(path, {"length": "in"})
    with pytest.raises(UsageError, match="time unit"):
        read_trace(path, None, "minutes")


ROW = {"usage": {"prompt_tokens": 7, "completion_tokens": 3}, "app": "chat"}


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_unix_times_tell_their_unit_and_the_hour(tmp_path: Path, scale: int) -> None:
    rows = [{"created": (1767225600 + 2 * n) * scale} | ROW for n in range(3)]  # 2026-01-01 00:00 UTC
    trace = read_trace(written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert trace.arrival_s == pytest.approx([0.0, 2.0, 4.0], abs=1e-6)
    assert trace.prompt_tokens.tolist() == [7] * 3
    assert trace.output_tokens.tolist() == [3] * 3
    assert trace.start == datetime(2026, 1, 1, tzinfo=UTC)


def test_times_with_a_zone_and_decimals(tmp_path: Path) -> None:
    text = "Date,Prompt Tokens,Completion-Tokens\n2026-01-01T02:00:00.25+02:00,1,2\n"
    text += "2025-12-31T19:00:02.75-0500,3,4\n2026-01-01T00:00:05Z,5,6\n"
    trace = read_trace(written(tmp_path, "a.csv", text), {"arrival": "date"})
    assert trace.arrival_s == pytest.approx([0.0, 2.5, 4.75], abs=1e-6)
    assert trace.start == datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)


def test_one_service_of_a_log_of_several(tmp_path: Path) -> None:
    rows = [{"timestamp": n} | ROW | {"app": ("chat", "search")[n % 2]} for n in range(5)]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert len(read_trace(path, only={"App": "chat"})) == 3
    with pytest.raises(InputError, match="values of --only"):
        read_trace(path, only={"app": "mail"})


def test_every_column_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "when,in,out\n1,2,3\n")
    with pytest.raises(InputError) as caught:
        read_trace(path, {"prompt": "tokens"}, only={"app": "chat"})
    arrival, prompt, output, app = caught.value.complaints
    assert arrival.problem == "no column for arrival (found: when, in, out)"
    assert "no column for output" in output.problem
    assert [c.problem for c in (prompt, app)] == ["no column 'tokens'", "no column 'app'"]
    assert {c.remedy for c in (prompt, app)} == {"name one of those found: when, in, out"}


def test_arrivals_are_sorted(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, "a.csv", "timestamp,prompt_tokens,output_tokens\n5,1,2\n3,4,5\n"))
    assert trace.arrival_s.tolist() == [0.0, 2.0]
    assert trace.prompt_tokens.tolist() == [4, 1]


@pytest.mark.parametrize(
    ("name", "text", "place", "word"),
    [
        ("a.csv", "", "a.csv:1", "no column for arrival"),
        ("a.csv", "timestamp,input_tokens\n1,2\n", "a.csv:1", "no column for output"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n", "a.csv:1", "no request"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n1,2,0\n", "a.csv:1", "no request"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n1,2,3\n1,x,3\n", "a.csv:3", "'x' is not a count"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n1,2.5,3\n", "a.csv:2", "not a count"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n1,-2,3\n", "a.csv:2", "not a count"),
        ("a.csv", "timestamp,input_tokens,output_tokens\nnoon,2,3\n", "a.csv:2", "not a time"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n,2,3\n", "a.csv:2", "not a time"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n2023-02-30 00:00:00,2,3\n", "a.csv:2", "not a time"),
        (
            "a.csv",
            "timestamp,input_tokens,output_tokens\n2023-02-20 00:00:00.1x,2,3\n",
            "a.csv:2",
            "not a time",
        ),
        ("a.csv", "timestamp,input_tokens,output_tokens\n1,2\n", "a.csv:2", "2 cells"),
        ("a.csv", "timestamp,input_tokens,output_tokens\n1,2," + "9" * 200_000, "a.csv:2", "not CSV"),
        ("a.jsonl", "{", "a.jsonl:1", "not a JSON object"),
        ("a.jsonl", "[" * 100_000, "a.jsonl:1", "not a JSON object"),
        ("a.jsonl", "[]", "a.jsonl:1", "not a JSON object"),
        ("a.jsonl", '{"timestamp": 1, "input_length": null, "output_length": 3}', "a.jsonl:1", "not a count"),
    ],
)
def test_bad_traces_name_the_line(tmp_path: Path, name: str, text: str, place: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        read_trace(written(tmp_path, name, text))
    complaint = caught.value.complaints[0]
    assert str(complaint.place) == str(tmp_path / place)
    assert word in complaint.problem
    assert complaint.remedy


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ("499.8,-5,20", "'-5' is not a count"),
        ("99999999999,100,20", "years"),
        ('499.8,"100,20', "2 cells where the header has 3"),
        ("2023-01-01 00:00:00,100,20", "not a number as the times before"),
    ],
)
def test_a_bad_row_among_thousands_is_the_one_that_is_named(tmp_path: Path, bad: str, word: str) -> None:
    rows = [f"{n / 10},100,20" for n in range(6_000)]
    rows[4_998] = bad
    path = written(tmp_path, "t.csv", "timestamp,prompt_tokens,output_tokens\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError) as caught:
        read_trace(path)
    assert [str(c.place) for c in caught.value.complaints] == [f"{path}:5000"]
    assert word in caught.value.complaints[0].problem


def test_unreadable_traces(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(InputError, match="no such file"):
            read_trace(path)
    path = tmp_path / "a.csv"
    path.write_bytes(b"timestamp,input_tokens,output_tokens\n\xff,2,3\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_trace(path)


@given(st.binary(max_size=200))
def test_noise_is_a_trace_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "n.csv"
    path.write_bytes(b"timestamp,input_tokens,output_tokens\n1,2,3\n" + noise)
    try:
        assert len(read_trace(path)) >= 1
    except InputError as error:
        assert all(complaint.remedy for complaint in error.complaints)


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 2_000)), min_size=1, max_size=60),
    st.integers(1, 15),
)
def test_histogram_keeps_totals(requests: list[tuple[int, int]], cells: int) -> None:
    prompt, output = (np.array(side, dtype=np.int64) for side in zip(*requests, strict=True))
    buckets = joint_histogram(prompt, output, cells)
    assert 1 <= len(buckets) <= cells
    assert sum(b.share for b in buckets) == pytest.approx(1, abs=1e-12)
    assert sum(b.share * b.prompt_tokens for b in buckets) == pytest.approx(prompt.mean(), rel=1e-12)
    assert sum(b.share * b.output_tokens for b in buckets) == pytest.approx(output.mean(), rel=1e-12)
    assert max(b.prompt_max for b in buckets) == prompt.max()
    assert max(b.output_max for b in buckets) == output.max()


def test_histogram_separates_two_groups_exactly() -> None:
    prompt = np.array([100] * 3 + [900] * 1, dtype=np.int64)
    output = np.array([50] * 3 + [10] * 1, dtype=np.int64)
    small, large = joint_histogram(prompt, output, cells=12)
    assert (small.prompt_tokens, small.output_tokens, small.share) == (100, 50, 0.75)
    assert (large.prompt_tokens, large.output_tokens, large.share) == (900, 10, 0.25)


def trace_of(arrivals: np.ndarray, start: datetime | None = None) -> Trace:
    ones = np.ones(len(arrivals), dtype=np.int64)
    return Trace(np.asarray(arrivals, dtype=np.float64), ones, ones, "t.csv", 0, start)


def test_rate_of_a_short_trace_is_its_mean() -> None:
    assert rate_curve(trace_of(np.arange(0, 100, 0.5))) == pytest.approx((2.0,))


def test_rate_curve_by_hour_of_the_day() -> None:
    """One request per second from 06:00 to 07:00 on two days, one per minute else; starts at 03:00."""
    hours = np.arange(0, 48) + 3
    seconds = [h * 3600.0 + np.arange(0, 3600, 1 if h % 24 == 6 else 60) for h in hours]
    arrivals = np.concatenate(seconds) - 3 * 3600
    rates = rate_curve(trace_of(arrivals, datetime(2024, 1, 1, 3, tzinfo=UTC)))
    assert len(rates) == 24
    assert rates[6] == pytest.approx(1.0)
    assert rates[7] == pytest.approx(1 / 60, rel=0.02)


def test_rate_curve_of_a_week_starts_on_monday() -> None:
    arrivals = np.arange(0, 7 * 86400 + 3600, 600.0)
    busy = 2 * 86400 + np.arange(0, 3600, 1.0)  # third day, first hour
    thursday = datetime(2024, 1, 4, tzinfo=UTC)
    rates = rate_curve(trace_of(np.sort(np.concatenate([arrivals, busy])), thursday))
    assert len(rates) == 168
    assert int(np.argmax(rates)) == 5 * 24  # two days after Thursday is Saturday


def test_busiest_window() -> None:
    arrivals = np.concatenate([np.arange(0, 1000, 10.0), 500 + np.arange(1, 10) * 0.1])
    trace = trace_of(np.sort(arrivals))
    assert len(busiest_arrivals(trace, 1.0)) == 10
    assert rate_curve(trace, busiest_s=1.0) == (10.0,)
    assert busiest_ratio(trace, 1.0) == pytest.approx(10 * 990 / 109)


def test_whole_seconds_are_spread_within_their_second() -> None:
    spread = spread_within_seconds(np.floor(np.arange(0, 100, 0.2)))
    assert (np.diff(spread) > 0).all()
    assert (np.abs(spread - np.arange(0, 100, 0.2)) < 1).all()
    assert spread_within_seconds(np.array([0.5, 0.25])).tolist() == [0.25, 0.5]


def small_trace() -> Trace:
    random = np.random.default_rng(1)
    arrivals = np.cumsum(random.exponential(0.5, 500))
    lengths = random.integers(1, 900, (2, 500))
    return Trace(arrivals - arrivals[0], lengths[0], lengths[1], "/some/where/it's: a #trace.csv", 2)


@pytest.mark.parametrize("histogram", ["", "lengths/it.csv"])
def test_the_workload_text_reloads(tmp_path: Path, histogram: str) -> None:
    trace = small_trace()
    options = TraceOptions(name="it's: x", scale=3.0, busiest_s=30.0, histogram=histogram)
    if histogram:
        (tmp_path / "lengths").mkdir()
        (tmp_path / histogram).write_text(histogram_csv(trace, options.cells, ["Source: made up"]))
    loaded = workload_from(load_yaml(tmp_path / "w.yaml", text=workload_text(trace, options)), tmp_path)
    (service,) = loaded.workload.services
    assert service.name == "it's: x"
    assert sum(b.share * b.prompt_tokens for b in service.lengths) == pytest.approx(
        trace.prompt_tokens.mean(), rel=1e-6
    )
    assert service.demand.rate_rps[0] == pytest.approx(3 * rate_curve(trace, 30.0)[0], rel=1e-5)


@pytest.mark.skipif(not AZURE.is_dir(), reason="the traces are not part of the project")
@pytest.mark.parametrize(
    ("name", "requests", "prompt", "output"),
    [("conv", 19366, 1154.70, 211.13), ("code", 8819, 2047.85, 27.88)],
)
def test_azure_traces(name: str, requests: int, prompt: float, output: float) -> None:
    trace = read_trace(AZURE / f"azure_llm_2023_{name}.csv")
    assert len(trace) == requests
    assert trace.prompt_tokens.mean() == pytest.approx(prompt, abs=0.01)
    assert trace.output_tokens.mean() == pytest.approx(output, abs=0.01)


@pytest.mark.skipif(not AZURE.is_dir(), reason="the traces are not part of the project")
@pytest.mark.parametrize(("name", "file"), [("conversation", "conv"), ("code", "code")])
def test_shipped_histograms_are_those_of_the_traces(name: str, file: str) -> None:
    trace = read_trace(AZURE / f"azure_llm_2023_{file}.csv")
    shipped = (Path(__file__).parents[1] / "workloads" / "lengths" / f"azure-{name}.csv").read_text()
    rows = [line for line in shipped.splitlines() if not line.startswith("#")]
    assert rows == [line for line in histogram_csv(trace, 12).splitlines() if not line.startswith("#")]
    assert "ISCA 2024" in shipped and "CC-BY 4.0" in shipped
