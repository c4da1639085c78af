"""The reference instance solved three ways in one run, as ratios; and how our time grows with its size.

    python benchmarks/compare.py                     a day of it: written out in HiGHS, in PuLP with CBC, ours
    python benchmarks/compare.py --hours 8760 --ways ours
    python benchmarks/compare.py --growth            hours, services, sites, points: x1, x2, x4, x8

Each solve runs in a process of its own; CPU seconds and peak memory are that process's. "Written out" is the
same program with every hour a period, handed over whole, without the rows that follow from whole systems
(solver.formulation.linking). A solve that its limit stops counts with the limit:
the ratio is then a lower bound.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import reference

GAP = 1e-3
WAYS = {"highs": "written out, HiGHS", "cbc": "written out, PuLP with CBC", "ours": "ours"}


def prepared_of(file: Path, reduce: bool) -> tuple[Any, Any, Any]:
    """Workload, catalog and prepared problem of a file."""
    from solver.formulation.prepare import prepare
    from solver.inputs.catalogs import load_catalog
    from solver.inputs.references import resolve_references
    from solver.inputs.workload import load_workload
    from solver.performance.calibration import load_calibration

    catalog = load_catalog()
    loaded = resolve_references(load_workload(file), catalog)
    return loaded, catalog, prepare(loaded.workload, catalog, load_calibration(), reduce=reduce)


def written_out(prepared: Any) -> Any:
    """The problem with every hour of every epoch a period of its own."""
    from solver.formulation.groups import Curves, Group

    problem = prepared.problem
    curves = Curves(problem.workload, problem.epochs)
    everything = tuple(range(len(problem.services)))
    hours = range(len(curves.vectors))
    groups = [Group(e.index, everything, (h,)) for e in problem.epochs for h in hours]
    return replace(problem, periods=curves.periods(groups, mean=False))


def ours(file: Path, limit: float) -> dict[str, Any]:
    """Our solve, checks and certificate included; ``build`` counts all building of programs and models."""
    from solver.backend import highs
    from solver.engine import attempt, fleets, relaxation, start
    from solver.engine import solve as engine

    spent = [0.0]

    def timed(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            before = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                spent[0] += time.process_time() - before

        return call

    for module in (fleets, attempt, start):
        module.build_program = timed(module.build_program)  # type: ignore[attr-defined]
    relaxation.relaxation = timed(relaxation.relaxation)
    highs.HighsModel.__init__ = timed(highs.HighsModel.__init__)  # type: ignore[method-assign]
    loaded, catalog, prepared = prepared_of(file, reduce=True)
    request = engine.Request(gap=GAP, time_limit_s=limit, compare=False)
    plan = engine.solve_prepared(loaded, catalog, prepared, request)
    assert plan.verified
    return {
        "cost": plan.objective_usd,
        "bound": plan.bound_usd,
        "certified": plan.certified_bound_usd,
        "gap": plan.gap,
        "build": spent[0],
        "columns": 0,
        "done": plan.gap <= GAP + 1e-9,
    }


def direct(file: Path, limit: float, solver: str) -> dict[str, Any]:
    """The program written out, in HiGHS or in CBC through PuLP."""
    from solver.backend.handover import to_pulp
    from solver.backend.highs import HighsModel
    from solver.formulation.build import build_program
    from solver.formulation.linking import LINKS

    before = time.process_time()
    program = build_program(written_out(prepared_of(file, reduce=False)[2]), LINKS)
    if solver == "highs":
        model = HighsModel(program)
        build = time.process_time() - before
        outcome = model.solve(GAP, limit)
        cost, bound = outcome.objective * 1e3, outcome.bound * 1e3
        done = outcome.status == "kOptimal"
    else:
        import pulp

        warnings.simplefilter("ignore", DeprecationWarning)
        problem = to_pulp(program)
        build = time.process_time() - before
        problem.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=limit, gapRel=GAP, threads=1))
        found = problem.sol_status in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible)
        cost = float(pulp.value(problem.objective)) * 1e3 if found else float("inf")
        bound, done = float("nan"), problem.sol_status == pulp.LpSolutionOptimal
    gap = (cost - bound) / cost if cost < float("inf") else float("inf")
    return {
        "cost": cost,
        "bound": bound,
        "gap": gap,
        "build": build,
        "columns": len(program.columns),
        "done": done,
    }


def one(way: str, file: Path, limit: float) -> None:
    """Solve one way and print what it took as JSON."""
    started = time.perf_counter()
    found = ours(file, limit) if way == "ours" else direct(file, limit, way)
    usage, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    found["cpu"] = usage.ru_utime + usage.ru_stime + children.ru_utime + children.ru_stime
    found["wall"] = time.perf_counter() - started
    found["memory"] = max(usage.ru_maxrss, children.ru_maxrss) / 1024
    print(json.dumps(found))


def run(way: str, file: Path, limit: float) -> dict[str, Any] | None:
    """``one`` in a process of its own; None if it fails or does not end within three times its limit."""
    command = [sys.executable, __file__, "--one", way, "--file", str(file), "--limit", str(limit)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=3 * limit + 60, check=True)  # noqa: S603
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{way}: {error}\n")
        return None
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def compare(size: reference.Size, ways: list[str], limit: float) -> None:
    """A table of the ways on one instance, with ratios of CPU time to ours."""
    with tempfile.TemporaryDirectory() as folder:
        file = reference.write(Path(folder), 42, size)
        results = {way: run(way, file, limit) for way in ways}
    base = results.get("ours")
    print("| way | columns | CPU s | x ours | building | peak MB | cost | gap |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for way, found in results.items():
        if found is None:
            print(f"| {WAYS[way]} | | | | | | not finished | |")
            continue
        ratio = f"{'' if found['done'] else '> '}{found['cpu'] / base['cpu']:.1f}" if base else ""
        columns = f"{found['columns']:,}" if found["columns"] else ""
        stopped = "" if found["done"] else " (limit)"
        print(
            f"| {WAYS[way]} | {columns} | {found['cpu']:.1f}{stopped} | {ratio} | "
            f"{found['build'] / found['cpu']:.0%} | {found['memory']:,.0f} | "
            f"{found['cost'] / 1e6:,.3f} M$ | {found['gap']:.3%} |"
        )


def growth(least: int, limit: float) -> None:
    """Our CPU time as one size grows: from 1,095 distinct hours, and ``least`` of all else."""
    base = reference.Size(hours=1095, services=least, sites=least, points=least, epochs=least)
    print("| grows | x1 | x2 | x4 | x8 |")
    print("|---|---:|---:|---:|---:|")
    smallest = grown(base, limit)
    for name in ("hours", "services", "sites", "points"):
        cells = [grown(replace(base, **{name: getattr(base, name) * factor}), limit) for factor in (2, 4, 8)]
        print(f"| {name} | {smallest} | {' | '.join(cells)} |", flush=True)


def grown(size: reference.Size, limit: float) -> str:
    """CPU seconds, gap and peak memory of our solve of one size, as a cell."""
    with tempfile.TemporaryDirectory() as folder:
        found = run("ours", reference.write(Path(folder), 42, size), limit)
    if found is None:
        return "-"
    stopped = "" if found["done"] else " (limit)"
    return f"{found['cpu']:.1f} s{stopped}, {found['gap']:.3%}, {found['memory']:,.0f} MB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--ways", default="highs,cbc,ours")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for each solve")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--least", type=int, default=1, help="services, sites, points, years at x1")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.file, given.limit)
    elif given.growth:
        growth(given.least, given.limit)
    else:
        compare(reference.Size(hours=given.hours), given.ways.split(","), given.limit)
