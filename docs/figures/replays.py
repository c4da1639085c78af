"""Plans against replays, for docs/explanation/queueing.md: ``python docs/figures/replays.py FOLDER``.

FOLDER holds the Azure LLM inference traces of 2023. Each workload is solved for traffic that is generated
with its own burstiness, and for the times of each trace with the burstiness measured on it; workload 04,
whose services are those of the traces, as shipped and with each trace's own lengths. The plan, and that of
the closed loop (``solver solve --simulate``, which uses other seeds), is put through 40 replays, and the
smallest fleet that passes them is searched.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from solver.cli.closed_loop import held_by_replay
from solver.domain.bursts import Burstiness, Bursts
from solver.domain.workload import Demand, LoadedWorkload, Service
from solver.engine.solve import Request, solve
from solver.inputs.traces import Trace, read_trace
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.simulate.arrivals import Stream, with_lengths
from solver.simulate.burstiness import Pace, needed_bursts
from solver.simulate.from_plan import PlanReplay, replay_plan, requests_for_each
from solver.simulate.smallest import smallest_fleet
from solver.simulate.trace_lengths import TraceLengths

REPLAYS = 40
BOTH = "both traces"
#: Workload, statements changed for the table, traffic.
SINGLE = ("generated", "conversation", "code")
CASES = [
    ("04-conversation-and-code", (), ("generated", BOTH)),
    (
        "05-small-8b",
        ("services.0.acquisitions=[buy]", "services.0.demand.requests_per_s=200"),
        SINGLE,
    ),
    ("06-three-services", (), SINGLE),
    ("08-batch", (), SINGLE),
]


def bursts(service: Service, trace: Trace) -> str:
    """As `solver workload from-trace` measures it, with the service's own promises and lengths."""
    rate = max(service.demand.rate_rps)
    drawn = with_lengths(np.random.default_rng(0), trace.arrival_s, service.lengths)
    levels = service.levels
    pace = Pace((levels.ttft_ms or 1e4) / 1e3, (levels.tpot_ms or 100.0) / 1e3, 1 - levels.ttft_percentile)
    requests = Stream(trace.arrival_s, drawn.prompt, drawn.output, np.arange(len(trace)))
    found = needed_bursts(requests, rate, rate, pace)
    by_time = zip(found.times_s, found.values, strict=True)
    return "{" + ", ".join(f"{time:.4g} s: {value:.3g}" for time, value in by_time) + "}"


def stated(name: str, statements: tuple[str, ...], trace: Trace | None) -> LoadedWorkload:
    """The workload; with a trace, with its measured burstiness."""
    loaded = apply_overrides(load_workload(find_workload(name)), list(statements))
    if trace is None:
        return loaded
    measured = [
        f"services.{n}.demand.planned_burstiness_by_time={bursts(service, trace)}"
        for n, service in enumerate(loaded.workload.services)
    ]
    return apply_overrides(loaded, measured)


def row(
    name: str, statements: tuple[str, ...], kind: str, traces: Mapping[str, Trace], requests: int
) -> Iterator[str]:
    """Two lines of the table, of the plan as solved and of the one of the closed loop.

    ``traces`` holds one for each service, or under "" one for the times of all.
    """
    loaded = stated(name, statements, traces.get(""))
    request = Request(compare=False)
    lengths = {service: TraceLengths.of(t, kind, not service) for service, t in traces.items()}

    first = solve(loaded, request=request)
    count = requests_for_each(first, requests)

    def replay(of: Plan, n: int) -> PlanReplay:
        return replay_plan(of, seed=n, requests=count, traces=lengths)

    closed = held_by_replay(loaded, first, request, lengths)
    for way, plan in (("solve", first), ("--simulate", closed.plan)):
        told = [s["demand"] for s in plan.inputs["workload"]["services"]]
        planned = ", ".join(_words(Demand.model_validate(d).bursts) for d in told)
        holds = sum(replay(plan, n).holds for n in range(REPLAYS))
        least = smallest_fleet(plan, replay, REPLAYS)
        extra = " | " if least is None else f"{least.extra:.0%} | {least.extra_of_replicas:.0%}"
        counts = "" if least is None else ", ".join(f"{now} ({few})" for *_, now, few in least.pools)
        yield (
            f"| {' '.join((name, *statements))} | {kind} | {way} | {planned} | {plan.objective_usd:,.0f} "
            f"| {holds} of {REPLAYS} | {extra} | {counts} |"
        )


def _words(planned: Burstiness) -> str:
    """One number, or the least and the largest."""
    if isinstance(planned, Bursts):
        return f"{planned.values[0]:.3g} to {planned.largest:.3g}"
    return f"{planned:.3g}"


def rows(folder: Path, chosen: str, requests: int) -> Iterator[str]:
    """All lines."""
    conversation = read_trace(folder / "azure_llm_2023_conv.csv")
    code = read_trace(folder / "azure_llm_2023_code.csv")
    traffic: dict[str, dict[str, Trace]] = {
        "generated": {},
        "conversation": {"": conversation},
        "code": {"": code},
        BOTH: {"conversation": conversation, "code": code},
    }
    for name, statements, kinds in CASES:
        if chosen in name:
            for kind in kinds:
                yield from row(name, statements, kind, traffic[kind], requests)


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the two traces")
    parser.add_argument("--workload", default="", help="only workloads whose name holds this")
    parser.add_argument("--requests", type=int, default=3000, help="of each service in each replay")
    told = parser.parse_args()
    print("| workload | traffic | command | planned for | USD | holds | costs more | by replicas | fewest |")
    print("|---|---|---|---:|---:|---:|---:|---:|---|")
    for line in rows(told.folder, told.workload, told.requests):
        print(line, flush=True)


if __name__ == "__main__":
    main()
