"""Burstiness of a trace: what the waiting formula must be told so that the trace keeps its promise."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from solver.cli.app import app
from solver.domain.bursts import Bursts
from solver.inputs.trace_statistics import rate_curve
from solver.inputs.traces import Trace
from solver.inputs.workload import load_workload
from solver.performance.queueing import safe_loads
from solver.simulate.arrivals import Stream, gaps, scale_trace
from solver.simulate.burstiness import Pace, bursts_of, late_share, needed_bursts

PACE = Pace(ttft_s=1.0, tpot_s=0.05, miss=0.05)
OUTPUT = 100  # tokens of each request: a slot is held for 5 s


def trace_of(arrivals: Sequence[float] | np.ndarray) -> Trace:
    times = np.sort(np.asarray(arrivals, dtype=np.float64))
    lengths = np.full(len(times), OUTPUT, dtype=np.int64)
    return Trace(times - times[0], 5 * lengths, lengths, "made up")


def bursts(arrivals: Sequence[float] | np.ndarray, scale: float = 1.0) -> Bursts:
    trace = trace_of(arrivals)
    return bursts_of(trace, rate_curve(trace), scale, PACE)


def burstiness(arrivals: Sequence[float] | np.ndarray) -> float:
    """The largest of all time scales."""
    return bursts(arrivals).largest


def surge(rng: np.random.Generator) -> np.ndarray:
    """Five requests a second for an hour, 20 for five minutes of it."""
    return np.concatenate([rng.uniform(0, 3600, 18_000), rng.uniform(1000, 1300, 4_500)])


def minutes_on_and_off(rng: np.random.Generator) -> np.ndarray:
    """Every other minute silent, 10 requests a second in the others."""
    on = rng.uniform(0, 60, (30, 600)) + 120.0 * np.arange(30)[:, None]
    return on.ravel()


def gap_in_the_log(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rng.uniform(0, 500, 4000), rng.uniform(2000, 2500, 4000)])


TRACES = {"surge": surge, "on and off": minutes_on_and_off, "gap": gap_in_the_log}


def test_late_share_by_hand() -> None:
    """One server, holds of 2 s: the requests at 0, 1, 2 s wait 0, 1, 2 s; two servers: nobody waits."""
    assert late_share([0.0, 1.0, 2.0], [2.0, 2.0, 2.0], 1, 0.5, 0.0) == pytest.approx(2 / 3)
    assert late_share([0.0, 1.0, 2.0], [2.0, 2.0, 2.0], 1, 1.5, 0.0) == pytest.approx(1 / 3)
    assert late_share([0.0, 1.0, 2.0], [2.0, 2.0, 2.0], 2, 0.0, 0.0) == 0.0
    assert late_share([0.0, 1.0, 2.0], [2.0, 2.0, 2.0], 1, 1.5, 1.5) == 1.0  # only the last one counts


def test_random_and_regular_traffic_are_not_bursty() -> None:
    rng = np.random.default_rng(7)
    assert 1 <= burstiness(np.cumsum(rng.exponential(0.1, 20_000))) < 2
    assert burstiness(np.arange(20_000) * 0.1) == 1


def test_renewal_traffic_of_known_burstiness() -> None:
    """Gamma gaps with a squared coefficient of variation of 8: at every time scale that, at most twice."""
    found = bursts(np.cumsum(gaps(np.random.default_rng(3), 40_000, 8.0)) / 10)
    assert all(8 <= value <= 16 for value in found.values)


@pytest.mark.parametrize(
    ("name", "scale"), [("surge", 0.5), ("surge", 1.0), ("on and off", 1.0), ("gap", 1.0), ("gap", 6.0)]
)
def test_the_formula_with_it_sizes_a_pool_that_keeps_the_promise(name: str, scale: float) -> None:
    """Slots sized by the formula at the stated burstiness: at most 5 % of the requests wait for 1 s."""
    trace = trace_of(TRACES[name](np.random.default_rng(1)))
    rate = rate_curve(trace)[0] * scale
    hold = OUTPUT * PACE.tpot_s
    stated = float(bursts_of(trace, rate_curve(trace), scale, PACE).at(np.array(hold + PACE.ttft_s)))
    counts = np.arange(1, 400) * np.int64(max(1, rate * hold / 10))
    loads = counts * safe_loads(counts, 1, hold, PACE.ttft_s, PACE.miss, stated, 0.0)
    servers = int(counts[np.searchsorted(loads, rate * hold)])
    whole = Stream(trace.arrival_s, trace.prompt_tokens, trace.output_tokens, trace.output_tokens)
    kept = 0
    for seed in range(40):
        piece = scale_trace(np.random.default_rng([seed, 99]), whole, rate, 600.0)
        held = [hold] * len(piece.arrival_s)
        kept += late_share(piece.arrival_s.tolist(), held, servers, PACE.ttft_s, 60.0) <= PACE.miss
    assert kept >= 38


def test_long_pieces_meet_what_short_ones_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence for most of the time: a piece of minutes seldom has its ends, one of an hour has."""
    arrivals = gap_in_the_log(np.random.default_rng(5))
    found = bursts(arrivals).values
    monkeypatch.setattr("solver.simulate.burstiness._REQUESTS", (1250, 4000))
    assert found[0] > 1.2 * bursts(arrivals).values[0]


def test_long_times_feel_bursts_that_short_ones_do_not() -> None:
    """Minutes of silence hardly delay turns of a tenth of a second; slots held for 5 s fill."""
    found = bursts(minutes_on_and_off(np.random.default_rng(1)))
    assert 0.25 <= found.times_s[0] < 0.35  # turns of 0.1 s that may wait for 0.15 s
    assert 6 <= found.times_s[-1] < 8  # slots held for 5 s that may be waited for 1 s
    assert list(found.times_s) == sorted(found.times_s)
    assert list(found.values) == sorted(found.values)
    assert found.values[0] < 0.5 * found.largest


def test_days_that_differ_count_as_bursts() -> None:
    """Two equal days of random arrivals tell few bursts; a second day half as busy again does."""
    rng = np.random.default_rng(5)

    def days(second: float) -> list[float]:
        return [
            at
            for hour in range(48)
            for at in (hour * 3600 + rng.uniform(0, 3600, int(1000 * (1 if hour < 24 else second)))).tolist()
        ]

    equal, uneven = burstiness(days(1.0)), burstiness(days(1.5))
    assert equal < 4 < uneven


def test_requests_that_tell_nothing_count_as_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solver.simulate.burstiness.PIECES", 20)  # the answer is the same, sooner
    assert burstiness([0.0, 1.0, 2.0]) == 1.0
    assert burstiness([3.5] * 50) == 1.0  # no time passes


def test_the_same_trace_gives_the_same_burstiness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solver.simulate.burstiness.PIECES", 20)
    arrivals = np.sort(np.random.default_rng(2).uniform(0, 60, 300))
    assert bursts(arrivals) == bursts(arrivals)


def test_from_trace_states_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a log with a surge states a burstiness that gaps between arrivals do not show."""
    monkeypatch.setattr("solver.simulate.burstiness.PIECES", 20)
    trace = trace_of(surge(np.random.default_rng(4)))
    rows = "".join(f"{at:.4f},500,{OUTPUT}\n" for at in trace.arrival_s)
    (tmp_path / "log.csv").write_text("timestamp,input_tokens,output_tokens\n" + rows)
    arguments = ["workload", "from-trace", str(tmp_path / "log.csv"), "-o", str(tmp_path / "w.yaml")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    (service,) = load_workload(tmp_path / "w.yaml").workload.services
    assert isinstance(service.demand.bursts, Bursts) and service.demand.bursts.largest > 10
    assert service.demand.cv2 == service.demand.bursts.values[0]
    between = np.diff(trace.arrival_s)
    assert between.var() / between.mean() ** 2 < 2


def test_holds_longer_than_the_trace_count_as_long_as_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of ten million tokens in a log of ten seconds: they asked for millions of servers.

    A hold of a second and more counts ten seconds here, so the longest time scale is that and the wait.
    """
    monkeypatch.setattr("solver.simulate.burstiness.PIECES", 4)
    monkeypatch.setattr("solver.simulate.burstiness.MAY_FAIL", 0)
    arrivals = np.arange(101) / 10
    count = np.full(101, 10_000_000)
    found = needed_bursts(Stream(arrivals, count, count, np.arange(101)), 10.0, 10.0, Pace(1.0, 0.05, 0.05))
    assert max(found.times_s) <= 10 * 2.5 + 1


def test_a_sparse_log_is_measured_with_some_thousands_of_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty requests in a day ask for 13,000 copies of the day: they were laid one by one."""
    monkeypatch.setattr("solver.simulate.burstiness.PIECES", 4)
    monkeypatch.setattr("solver.simulate.burstiness.MAY_FAIL", 0)
    assert 1 <= bursts(np.arange(50) * 1600.0).largest < 3
