"""A Mélange problem as a workload: its throughputs as measured profiles, its hourly costs as rents.

One hour is asked for, so that ``objective_usd`` of the plan is the fleet's cost per hour. The file does not
tell token counts: bucket (i, j) stands as i + 1 prompt and j + 1 output tokens, which only name it.
``slice_factor`` has no counterpart: requests of a bucket may be split in any proportion, so the fleet never
costs more than the best assignment of slices.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from solver.domain.workload import (
    HOURS_PER_YEAR,
    Demand,
    HardwarePolicy,
    Horizon,
    LengthBucket,
    Money,
    Service,
    Workload,
    WorkloadProfile,
)
from solver.errors import Complaint, InfeasibleError, InputError, Place
from solver.inputs.melange import MelangeInstance


def workload_of(
    instance: MelangeInstance, file: Path, name: str, model: str, taken: Collection[str] = ()
) -> Workload:
    """The workload of a Mélange problem; GPU types called like a system in ``taken`` get a prefix."""
    rates = instance.rates()
    place = Place(str(file), 1)
    if not rates:
        raise InputError(Complaint(place, "no requests", "write a total_request_rate above 0"))
    if unserved := instance.unserved():
        row, column = unserved[0]
        problem = f"no GPU type serves workload_distribution[{row}][{column}]"
        where = instance.cells.get((row, column), place)
        complaint = str(Complaint(where, problem, "state a tputs value above 0 for one type"))
        raise InfeasibleError(complaint, (complaint,))
    total = sum(rates.values())
    lengths = tuple(
        LengthBucket(prompt_tokens=row + 1, output_tokens=column + 1, share=rate / total)
        for (row, column), rate in rates.items()
    )
    systems = {gpu.name: f"melange-{gpu.name}" if gpu.name in taken else gpu.name for gpu in instance.gpus}
    profiles = tuple(
        WorkloadProfile(
            id=gpu.name,
            system=systems[gpu.name],
            service=name,
            requests_per_s=tuple(gpu.throughput_rps[row][column] for row, column in rates),
            usd_per_hour=gpu.cost_usd_h,
        )
        for gpu in instance.gpus
    )
    return Workload(
        name=name,
        services=(
            Service(
                name=name,
                model=model,
                demand=Demand(rate_rps=(total,)),
                lengths=lengths,
                lengths_are="numbers",
                acquisitions=("rent",),
            ),
        ),
        horizon=Horizon(years=1 / HOURS_PER_YEAR),
        money=Money(discount_rate=0.0),
        hardware=HardwarePolicy(include=tuple(systems.values()), profiles="only"),
        profiles=profiles,
    )


def melange_text(workload: Workload, source: str) -> str:
    """The workload file, with what it is on top."""
    from solver.inputs.workload_text import workload_to_yaml

    name = "".join(c if c.isprintable() else " " for c in source)
    return (
        f"# From the Mélange problem {name}: one hour, so that the cost is the fleet's cost per hour.\n"
        "# Lengths only name the buckets: row and column of workload_distribution, counted from 1.\n"
        f"{workload_to_yaml(workload)}"
    )
