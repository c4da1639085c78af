"""``solver simulate``: replay a plan request by request and hold its promises against the outcome."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solver.cli.options import AsJson
from solver.errors import ExitCode, InputError, Place, UsageError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from solver.plan.plan import Plan
    from solver.simulate.from_plan import PlanReplay
    from solver.simulate.smallest import Smallest
    from solver.simulate.trace_lengths import TraceLengths


Trace = Annotated[
    list[str] | None,
    typer.Option("--trace", help="A request trace, scaled to the demand: FILE or SERVICE=FILE, repeatable."),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same replay.")]
Replays = Annotated[int, typer.Option(min=1, max=10_000, help="Replays, with seeds from --seed on.")]
Requests = Annotated[int, typer.Option(min=100, max=50_000_000, help="Requests of each replay.")]
Period = Annotated[
    int | None, typer.Option(min=0, help="The period to replay; default: each service's busiest.")
]
ArrivalsOnly = Annotated[
    bool, typer.Option("--arrivals-only", help="Take the traces' times; lengths stay the workload's.")
]
Failures = Annotated[
    bool, typer.Option("--failures", help="Systems fail and are repaired; spare replicas serve.")
]
Mtbf = Annotated[
    float | None, typer.Option(min=1e-3, help="Hours between failures of a system; default: the plan's.")
]
Repair = Annotated[float | None, typer.Option(min=1e-6, help="Hours to its repair; default: the plan's.")]
SmallestToo = Annotated[
    bool, typer.Option("--smallest", help="Also search the fewest replicas that pass 95 % of the replays.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write report.html with figures, tables and JSON here.")
]


def simulate(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A saved plan.json.")],
    trace: Trace = None,
    seed: Seed = 0,
    replays: Replays = 1,
    requests: Requests = 20_000,
    period: Period = None,
    arrivals_only: ArrivalsOnly = False,
    failures: Failures = False,
    mtbf: Mtbf = None,
    repair: Repair = None,
    smallest: SmallestToo = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Replay a plan by discrete events; exit code 6 if a promise of the plan does not hold."""
    from solver.simulate.failures import FailureRates
    from solver.simulate.from_plan import replay_plan, workload_of
    from solver.simulate.smallest import smallest_fleet

    plan = _checked(plan_file)
    if period is not None and period >= len(plan.periods):
        raise UsageError(f"the plan has periods 0 to {len(plan.periods) - 1}; there is no period {period}")
    traces = traces_of(trace or [], [s.name for s in workload_of(plan).services], arrivals_only)
    chosen = None if period is None else [period]
    rates = FailureRates(mtbf, repair) if failures or mtbf or repair else None

    def replay(of: Plan, n: int, tell: Callable[[float], None] | None = None) -> PlanReplay:
        """Replay number ``n`` of a plan; ``tell`` hears of its progress."""
        try:
            return replay_plan(
                of,
                seed=seed + n,
                periods=chosen,
                requests=requests,
                traces=traces,
                failures=rates,
                progress=tell,
            )
        except InputError as error:
            raise _in_file(error, plan_file) from None

    found = _replays(lambda n, tell: replay(plan, n, tell), replays, as_json)
    least = None
    if smallest:
        least = smallest_fleet(plan, lambda of, n: found[n] if of is plan else replay(of, n), replays)
    if out is not None:
        from solver.reports.findings_files import write_findings
        from solver.reports.replay import replay_findings

        write_findings(replay_findings(plan, found), out)
    _print(plan, found, least, smallest, as_json)
    raise typer.Exit(int(ExitCode.VERIFIED if all(r.holds for r in found) else ExitCode.VERIFICATION_FAILED))


def _replays(
    replay: Callable[[int, Callable[[float], None]], PlanReplay], count: int, quiet: bool
) -> list[PlanReplay]:
    """So many replays, with a progress bar."""
    found: list[PlanReplay] = []
    with _Progress(quiet, count) as tell:
        for n in range(count):
            tell.begin(n)
            found.append(replay(n, tell))
    return found


def _checked(plan_file: Path) -> Plan:
    """The plan of a file, if it passes the exact check."""
    from solver.verify.from_plan import verify_file

    plan, verdict = verify_file(plan_file)
    if not verdict.passed:
        broken = "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:5])
        raise VerificationFailed(f"the plan does not pass the exact check and is not replayed: {broken}")
    return plan


def _in_file(error: InputError, plan_file: Path) -> InputError:
    """Complaints about an operating point of the plan ("points.ID: ...") at its line of the file."""
    from solver.plan.json_place import line_of

    text, made = plan_file.read_text(encoding="utf-8-sig"), []
    for complaint in error.complaints:
        if complaint.place.file == "plan":
            path = tuple(complaint.problem.partition(": ")[0].split(".", 1))
            complaint = replace(complaint, place=Place(str(plan_file), line_of(text, path)))
        made.append(complaint)
    return InputError(*made)


def _print(
    plan: Plan, found: list[PlanReplay], least: Smallest | None, smallest: bool, as_json: bool
) -> None:
    """Replays and, where asked for, the smallest fleet that passes them: tables, or one JSON object."""
    if as_json:
        told: object = (
            [json.loads(r.to_json()) for r in found] if len(found) > 1 else json.loads(found[0].to_json())
        )
        if smallest:
            told = {"replays": told, "smallest": None if least is None else asdict(least)}
        typer.echo(json.dumps(told, indent=1))
    else:
        from rich.console import Console

        from solver.cli.simulate_text import show, show_smallest

        show(plan, found, Console())
        if smallest:
            show_smallest(least, Console())


def traces_of(
    options: list[str], services: list[str], arrivals_only: bool = False
) -> dict[str, TraceLengths]:
    """Service name ("" for all) -> trace."""
    from solver.inputs.traces import read_trace
    from solver.simulate.trace_lengths import TraceLengths

    found = {}
    for option in options:
        name, split, file = option.partition("=")
        if not split or name not in services:
            name, file = "", option
        taken = TraceLengths.of(read_trace(Path(file)), file, arrivals_only)
        if taken.from_s is not None:
            words = f"of {file} the busiest hour is replayed, from {taken.from_s / 3600:.2f} h on"
            typer.echo(words, err=True)
        found[name] = taken
    return found


class _Progress:
    """A progress bar on stderr, if that is a terminal."""

    def __init__(self, quiet: bool, replays: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self.bar = Progress(console=console, transient=True, disable=quiet or not console.is_terminal)
        self.replays, self.done = replays, 0

    def __enter__(self) -> _Progress:
        self.bar.start()
        self.task = self.bar.add_task("replay", total=1.0)
        return self

    def begin(self, replay: int) -> None:
        """The replay with that number starts."""
        self.done = replay
        self(0.0)

    def __call__(self, share: float) -> None:
        self.bar.update(self.task, completed=(self.done + share) / self.replays)

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
