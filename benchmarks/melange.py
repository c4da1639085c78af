"""Mélange problems: ours from start to answer, and the published formulation in CBC and in HiGHS.

    python benchmarks/melange.py --seeds 100,101 --limit 240

Twelve GPU types and 100 buckets, each cut into eight slices (arXiv 2404.14527: every slice on one GPU type,
the load of a type within its whole number of instances). CPU seconds of a process of its own, start-up
included; limits are wall-clock. tests/test_from_melange.py uses the same formulation.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from solver.inputs.melange import MelangeInstance, read_melange


def generated(seed: int, types: int, side: int, slices: int = 4) -> dict[str, Any]:
    """GPU types whose throughput falls with both lengths, faster ones dearer; some cells not served."""
    rng = random.Random(seed)  # noqa: S311
    shares = [[rng.lognormvariate(0, 1) for _ in range(side)] for _ in range(side)]
    total = sum(map(sum, shares))
    gpus: dict[str, Any] = {}
    for n in range(types):
        speed, bend = 2 ** rng.uniform(0, 5), rng.uniform(0.3, 1.2)
        rates = [
            [speed * 4 / ((1 + i) * (1 + j)) ** bend * rng.uniform(0.7, 1.4) for j in range(side)]
            for i in range(side)
        ]
        if n:  # type 0 serves everything
            rates = [[r if rng.random() > 0.1 else 0.0 for r in row] for row in rates]
        gpus[f"G{n}"] = {"cost": round(speed**0.9 * rng.uniform(0.5, 1.2), 2), "tputs": rates}
    return {
        "gpu_info": gpus,
        "workload_distribution": [[s / total for s in row] for row in shares],
        "total_request_rate": round(rng.uniform(5, 60), 1),
        "slice_factor": slices,
    }


def sliced_cost(instance: MelangeInstance, seconds: float, solver: str = "cbc") -> tuple[float, bool]:
    """Cost of the best assignment of slices, USD per hour (infinite if none), and whether it is proven."""
    import pulp

    problem = pulp.LpProblem("slices", pulp.LpMinimize)
    gpus = range(len(instance.gpus))
    count = [problem.add_variable(f"y{g}", 0, None, pulp.LpInteger) for g in gpus]
    load: list[list[Any]] = [[] for _ in gpus]
    for (row, column), rate in instance.rates().items():
        for part in range(instance.slice_factor):
            choices = []
            for g, gpu in enumerate(instance.gpus):
                if speed := gpu.throughput_rps[row][column]:
                    x = problem.add_variable(f"x{row}_{column}_{part}_{g}", 0, 1, pulp.LpInteger)
                    choices.append(x)
                    load[g].append((x, rate / instance.slice_factor / speed))
            problem.addConstraint(pulp.lpSum(choices) == 1)
    for g in gpus:
        problem.addConstraint(pulp.LpAffineExpression(load[g]) <= count[g])
    problem.setObjective(pulp.lpSum(gpu.cost_usd_h * count[g] for g, gpu in enumerate(instance.gpus)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PuLP will no longer ship CBC some day
        if solver == "cbc":
            problem.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=seconds, threads=1))
        else:
            problem.solve(pulp.HiGHS(msg=False, timeLimit=seconds, threads=1, gapRel=0.0))
    if any(y.value() is None for y in count):
        return float("inf"), False
    fleet = [round(y.value()) for y in count]
    proven = problem.sol_status == pulp.LpSolutionOptimal
    return sum(n * gpu.cost_usd_h for n, gpu in zip(fleet, instance.gpus, strict=True)), proven


def run(way: str, file: Path, limit: float) -> dict[str, Any]:
    """One way in a process of its own."""
    command = [sys.executable, __file__, "--one", way, "--file", str(file), "--limit", str(limit)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=5 * limit + 60, check=True)  # noqa: S603
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def one(way: str, file: Path, limit: float) -> None:
    """Solve one way and print what it took as JSON."""
    if way == "ours":
        from solver.engine.solve import Request, solve
        from solver.inputs.workload import load_workload

        workload = file.with_suffix(".yaml")
        command = ["workload", "from-melange", str(file), "-o", str(workload)]
        subprocess.run([sys.executable, "-m", "solver.cli.app", *command], check=True, capture_output=True)  # noqa: S603
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        plan = solve(load_workload(workload), request=Request(time_limit_s=limit, compare=False))
        found = {"cost": plan.objective_usd, "proven": plan.outcome == "optimal", "verified": plan.verified}
        found["solve"] = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    else:
        cost, proven = sliced_cost(read_melange(file), limit, way)
        found = {"cost": cost, "proven": proven}
    usage = [resource.getrusage(resource.RUSAGE_SELF)]
    if way == "cbc":
        usage.append(resource.getrusage(resource.RUSAGE_CHILDREN))
    print(json.dumps(found | {"cpu": sum(u.ru_utime + u.ru_stime for u in usage)}))


def table(seeds: list[int], ways: list[str], limit: float) -> None:
    """A row for each problem and way."""
    print("| seed | way | CPU s | USD/h | |\n|---:|---|---:|---:|---|")
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "m.json"
            file.write_text(json.dumps(generated(seed, types=12, side=10, slices=8)))
            for way in ways:
                found = run(way, file, limit)
                ended = "optimal" if found["proven"] else "not finished"
                print(f"| {seed} | {way} | {found['cpu']:.1f} | {found['cost']:.2f} | {ended} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="100,101")
    parser.add_argument("--ways", default="ours,cbc,highs")
    parser.add_argument("--limit", type=float, default=240.0)
    parser.add_argument("--one", choices=("ours", "cbc", "highs"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.file, given.limit)
    else:
        table([int(s) for s in given.seeds.split(",")], given.ways.split(","), given.limit)
