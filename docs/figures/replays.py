"""Plans against replays, for docs/explanation/queueing.md: ``python docs/figures/replays.py FOLDER``.

FOLDER holds the Azure LLM inference traces of 2023. Each workload is solved for traffic that is generated
with its own burstiness or one of 8, and for the times of each trace with the burstiness measured on it;
workload 04, whose services are those of the traces, for both traces with their own lengths. The plan (and
with ``--simulate`` that of the closed loop, ``solver solve --simulate``, which uses other seeds) is put
through 40 replays, and the smallest fleet that passes them is searched. ``--halves`` measures the burstiness
on one half of each trace by time and replays the other. ``--told 0.3`` plans with that share of what is
measured (of the excess over 1), which finds cheaper fleets; ``--more 400`` adds how many of so many other
replays hold.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
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

REPLAYS, MORE = 40, 10_000  # and the first seed of other replays
BOTH = "both traces"
#: Workload, statements changed for the table, traffic.
BURSTY = "generated, burstiness 8"
SINGLE = ("generated", BURSTY, "conversation", "code")
CASES = [
    ("04-conversation-and-code", (), ("generated", BOTH)),
    (
        "05-small-8b",
        ("services.0.acquisitions=[buy]", "services.0.demand.requests_per_s=200"),
        SINGLE,
    ),
    ("06-three-services", (), SINGLE),
    ("08-batch", (), ("generated", "conversation", "code")),
]
Traces = Mapping[str, Trace]  # one for each service, or under "" one for the times of all


def bursts(service: Service, trace: Trace, times_only: bool, told: float) -> str:
    """As `solver workload from-trace` measures it for the service's promises and demand, ``told`` times."""
    rate, place = max(service.demand.rate_rps), np.arange(len(trace))
    requests = Stream(trace.arrival_s, trace.prompt_tokens, trace.output_tokens, place)
    if times_only:
        drawn = with_lengths(np.random.default_rng(0), trace.arrival_s, service.lengths)
        requests = Stream(trace.arrival_s, drawn.prompt, drawn.output, place)
    levels = service.levels
    pace = Pace((levels.ttft_ms or 1e4) / 1e3, (levels.tpot_ms or 100.0) / 1e3, 1 - levels.ttft_percentile)
    found = needed_bursts(requests, rate, rate, pace)
    by_time = zip(found.times_s, found.values, strict=True)
    return "{" + ", ".join(f"{time:.4g} s: {1 + told * (value - 1):.3g}" for time, value in by_time) + "}"


def stated(
    name: str, statements: tuple[str, ...], kind: str, traces: Traces, told: float = 1.0
) -> LoadedWorkload:
    """The workload; with traces, with the burstiness measured on them."""
    loaded = apply_overrides(load_workload(find_workload(name)), list(statements))
    if not traces:
        places = range(len(loaded.workload.services) if kind == BURSTY else 0)
        return apply_overrides(loaded, [f"services.{n}.demand.burstiness=8" for n in places])
    return apply_overrides(
        loaded,
        [
            f"services.{n}.demand.planned_burstiness_by_time="
            + bursts(service, traces.get(service.name) or traces[""], service.name not in traces, told)
            for n, service in enumerate(loaded.workload.services)
        ],
    )


def row(
    case: tuple[str, tuple[str, ...], str], measured: Traces, traces: Traces, told: argparse.Namespace
) -> Iterator[str]:
    """A line of the table for the plan as solved, and one for that of the closed loop."""
    name, statements, kind = case
    loaded = stated(name, statements, kind, measured, told.told)
    request = Request(compare=False)
    lengths = {service: TraceLengths.of(t, kind, not service) for service, t in traces.items()}
    plans = {"solve": solve(loaded, request=request)}
    count = requests_for_each(plans["solve"], told.requests)

    def replay(of: Plan, n: int) -> PlanReplay:
        return replay_plan(of, seed=n, requests=count, traces=lengths)

    if told.simulate:
        plans["--simulate"] = held_by_replay(loaded, plans["solve"], request, lengths).plan
    if told.simulate and _fleet(plans["--simulate"]) == _fleet(plans["solve"]):
        plans = {"both": plans["solve"]}
    for way, plan in plans.items():
        own = [replay(plan, n) for n in range(REPLAYS)]
        holds = sum(replayed.holds for replayed in own)
        least = smallest_fleet(plan, partial(_known, plan, own, replay), REPLAYS)
        others = sum(replay(plan, MORE + n).holds for n in range(told.more))
        extra = " | " if least is None else f"{least.extra:.0%} | {least.extra_of_replicas:.0%}"
        counts = "" if least is None else ", ".join(f"{now} ({few})" for *_, now, few in least.pools)
        yield (
            f"| {' '.join((name, *statements))} | {kind} | {way} | {_planned(plan)} | "
            f"{plan.objective_usd:,.0f} | {holds} of {REPLAYS} | {extra} | {counts} |"
            + (f" {others} of {told.more} others |" if told.more else "")
        )


def _known(
    plan: Plan, own: list[PlanReplay], replay: Callable[..., PlanReplay], of: Plan, n: int
) -> PlanReplay:
    """Replay ``n`` of a plan; those of ``plan`` itself are at hand."""
    return own[n] if of is plan else replay(of, n)


def _fleet(plan: Plan) -> object:
    """What a replay knows of a plan."""
    return plan.pools, plan.routes


def _planned(plan: Plan) -> str:
    """What the waiting formula was told of each service."""
    services = plan.inputs["workload"]["services"]
    return ", ".join(_words(Demand.model_validate(service["demand"]).bursts) for service in services)


def _words(planned: Burstiness) -> str:
    """One number, or the least and the largest."""
    if isinstance(planned, Bursts):
        return f"{planned.values[0]:.3g} to {planned.largest:.3g}"
    return f"{planned:.3g}"


def half(trace: Trace, first: bool) -> Trace:
    """The first or second half of a trace by time."""
    mine = (trace.arrival_s < trace.duration_s / 2) == first
    arrival_s = trace.arrival_s[mine]
    lengths = trace.prompt_tokens[mine], trace.output_tokens[mine]
    return Trace(arrival_s - arrival_s[0], *lengths, trace.source)


def traffic(kind: str, conversation: Trace, code: Trace) -> Traces:
    """The traces that a kind of traffic takes."""
    both = {"conversation": conversation, "code": code}
    return both if kind == BOTH else {"": both[kind]} if kind in both else {}


def rows(folder: Path, told: argparse.Namespace) -> Iterator[str]:
    """All lines."""
    whole = [read_trace(folder / f"azure_llm_2023_{name}.csv") for name in ("conv", "code")]
    for name, statements, kinds in CASES:
        for kind in kinds:
            if told.workload not in name or told.traffic not in kind:
                continue
            case = name, statements, kind
            if not told.halves:
                traces = traffic(kind, *whole)
                yield from row(case, traces, traces, told)
            elif kind in ("conversation", "code", BOTH):
                for first in (True, False):
                    mine, other = (
                        traffic(kind, *(half(t, which) for t in whole)) for which in (first, not first)
                    )
                    part = "first" if first else "second"
                    shown = name, statements, f"{kind}, measured on the {part} half"
                    yield from row(shown, mine, other, told)


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the two traces")
    parser.add_argument("--workload", default="", help="only workloads whose name holds this")
    parser.add_argument("--traffic", default="", help="only traffic whose name holds this")
    parser.add_argument("--requests", type=int, default=3000, help="of each service in each replay")
    parser.add_argument("--simulate", action="store_true", help="the closed loop's plans too")
    parser.add_argument("--halves", action="store_true", help="measure on one half, replay the other")
    parser.add_argument("--told", type=float, default=1.0, help="share of the measured burstiness")
    parser.add_argument("--more", type=int, default=0, help="other replays of each plan")
    told = parser.parse_args()
    print("| workload | traffic | command | planned for | USD | holds | costs more | by replicas | fewest |")
    print("|---|---|---|---:|---:|---:|---:|---:|---|")
    for line in rows(told.folder, told):
        print(line, flush=True)


if __name__ == "__main__":
    main()
