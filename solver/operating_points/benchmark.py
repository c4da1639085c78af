"""How long the operating points of one model on the whole catalog take: three precisions, all layouts.

``python -m solver.operating_points.benchmark [MODEL ...]`` prints CPU time of this process, which other work
on the machine changes little, and ratios between ways to get the same rows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from solver.domain.catalog import Catalog
from solver.domain.workload import Workload
from solver.inputs.workload import workload_from
from solver.inputs.yaml_text import load_yaml
from solver.operating_points.build import Points, Recent
from solver.operating_points.candidates import BATCHES
from solver.performance.calibration import Calibration
from solver.performance.steps import KEPT, StepTable, step_table

_CONTEXT_TOKENS = 4096.0
_PRECISIONS = ("fp16", "fp8", "fp4")
_REPEATS = 3
_ONE_BY_ONE = 300  # rows computed singly for the comparison


def tables(catalog: Catalog, calibration: Calibration, model: str, batches: tuple[int, ...]) -> StepTable:
    """The step table of ``model`` on every system."""
    table, _ = step_table(
        catalog.models[model],
        list(catalog.systems.values()),
        precisions=_PRECISIONS,
        batches=batches,
        mean_context_tokens=_CONTEXT_TOKENS,
        calibration=calibration,
        technologies=catalog.technologies,
    )
    return table


def cpu_s(work: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Least CPU time of some runs, seconds."""
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def report(catalog: Catalog, calibration: Calibration, model: str) -> str:
    """One paragraph of figures for a model."""

    def fresh() -> StepTable:
        KEPT.clear()
        return tables(catalog, calibration, model, BATCHES)

    table = fresh()
    workload = _workload(model)

    def points() -> Points:
        """Everything but the step table, which is remembered."""
        return Recent().points(workload, catalog, catalog.systems, calibration, prune=False)

    slow, again = cpu_s(fresh), cpu_s(lambda: tables(catalog, calibration, model, BATCHES))
    count, menu = len(points()[0]), cpu_s(points)
    single = cpu_s(lambda: _singly(catalog, calibration, model), 1)
    layouts = len(set(zip(table.system, table.layout, table.weight_precision, strict=True)))
    per_row, per_single = slow / len(table), single / _ONE_BY_ONE
    return (
        f"{model}: {len(table):,} rows ({layouts:,} ways to run it on {len(set(table.system))} systems)\n"
        f"  step table                 {slow * 1e3:8.1f} ms CPU\n"
        f"  {count:4,} operating points      {menu * 1e3:8.1f} ms CPU\n"
        f"  both                       {(slow + menu) * 1e3:8.1f} ms CPU\n"
        f"  table again, remembered    {again * 1e3:8.1f} ms CPU, 1/{slow / max(again, 1e-9):,.0f} of it\n"
        f"  rows one by one            {per_single * 1e3:8.2f} ms a row, {per_single / per_row:,.0f} times "
        f"those of the table\n"
    )


def _singly(catalog: Catalog, calibration: Calibration, model: str) -> None:
    """Some tables of one system, precision and batch each, not remembered."""
    done = 0
    while done < _ONE_BY_ONE:
        for system in catalog.systems.values():
            for batch in BATCHES[: _ONE_BY_ONE - done]:
                KEPT.clear()
                step_table(
                    catalog.models[model],
                    [system],
                    precisions=("fp8",),
                    batches=(batch,),
                    mean_context_tokens=_CONTEXT_TOKENS,
                    calibration=calibration,
                    technologies=catalog.technologies,
                )
                done += 1


def _workload(model: str) -> Workload:
    """A chat service of 100 requests/s in any of the three precisions."""
    text = (
        f"services:\n  - name: chat\n    model: {model}\n    demand: 100 requests/s\n"
        "    precisions: [fp16, fp8, fp4]\n    lengths: {prompt: 3840, output: 512}\n"
        "    levels: {ttft: 2 s, tpot: 100 ms}\nhardware: {profiles: none}\n"
    )
    return workload_from(load_yaml(Path("benchmark"), text=text), Path()).workload


def main(models: list[str]) -> None:
    """Print the figures of some models."""
    from solver.inputs.catalogs import load_catalog
    from solver.performance.calibration import load_calibration

    catalog, calibration = load_catalog(), load_calibration()
    for model in models or ["llama-3.1-70b", "deepseek-r1", "gpt-oss-120b"]:
        print(report(catalog, calibration, model))


if __name__ == "__main__":
    main(sys.argv[1:])
