"""What the studies share: a workload of one model at one speed, its best fleet, a system's entry price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from solver.domain.catalog import Catalog
from solver.domain.serving import Precision
from solver.domain.workload import (
    Demand,
    HardwarePolicy,
    Horizon,
    LengthBucket,
    LoadedWorkload,
    Service,
    ServiceLevels,
    Workload,
)
from solver.errors import InfeasibleError, SolverError
from solver.inputs.catalogs import load_catalog
from solver.sensitivity.envelope import refine
from solver.sensitivity.findings import Column, Table, usd
from solver.sensitivity.priced import FoundPlan, Priced
from solver.sensitivity.session import Session

MODEL = "llama-4-maverick"
PROMPT, OUTPUT, TOKENS_PER_S = 500.0, 500.0, 100_000.0
YEARS = 3.0


def question(
    speed: float,
    include: tuple[str, ...],
    precisions: tuple[Precision, ...] = ("fp16", "fp8"),
    model: str = MODEL,
    updates_per_day: float = 0.0,
    start: str = "2027-01",
    overrides: dict[str, dict[str, float]] | None = None,
    profiles: Literal["measured", "all"] = "measured",
) -> LoadedWorkload:
    """One service of 100k output tokens/s, 500 + 500 tokens a request, at ``speed`` tok/s for each user."""
    service = Service(
        name="agent",
        model=model,
        precisions=precisions,
        demand=Demand(rate_rps=(TOKENS_PER_S / OUTPUT,)),
        lengths=(LengthBucket(prompt_tokens=PROMPT, output_tokens=OUTPUT, share=1.0),),
        levels=ServiceLevels(tpot_ms=1e3 / speed),
        model_updates_per_day=updates_per_day,
        acquisitions=("buy",),
    )
    policy = HardwarePolicy(include=include, hypothetical=True, overrides=overrides or {}, profiles=profiles)
    workload = Workload(
        name=f"{model} at {speed:g} tok/s", services=(service,), horizon=Horizon(years=YEARS, start=start),
        hardware=policy,
    )  # fmt: skip
    return LoadedWorkload(workload=workload, places={}, file="study", sha256="")


@dataclass(frozen=True)
class Best:
    """The best fleet of a question; ``plan`` is None where nothing can do it."""

    cost_usd: float | None
    plan: FoundPlan | None
    session: Session
    reason: str = ""

    @property
    def usd_per_m_output(self) -> float | None:
        """Dollars per million output tokens, both discounted over the horizon."""
        from solver.engine.assemble import discounted_tokens

        if self.cost_usd is None:
            return None
        return self.cost_usd / discounted_tokens(self.session.prepared)[1] * 1e6

    @property
    def words(self) -> str:
        """The fleet in words."""
        return self.session.words(self.plan.fleet) if self.plan else f"impossible: {self.reason}"


def best(loaded: LoadedWorkload, catalog: Catalog) -> Best:
    """The cheapest fleet, to the gap of price sensitivity."""
    session = Session.of(loaded, catalog)
    try:
        solved = Priced(session.prepared, ()).solve(())
    except InfeasibleError as error:
        return Best(None, None, session, str(error).splitlines()[0].rstrip(":"))
    assert isinstance(solved.line.plan, FoundPlan)
    return Best(solved.line.base * 1e3, solved.line.plan, session)


def entry_price(loaded: LoadedWorkload, catalog: Catalog, system: str, most: float) -> float | None:
    """Highest purchase price up to ``most`` at which a system is in the best fleet (None: never)."""
    session = Session.of(loaded, catalog)
    try:
        priced = Priced(session.prepared, (system,))
        pieces = refine(priced.solve, ((0.0, most),)).pieces()
    except SolverError:
        return None
    inside = [
        p.corners[-1][0]
        for p in pieces
        if isinstance(p.line.plan, FoundPlan) and p.line.plan.shares.get(system, 0.0) > 1e-6
    ]
    return max(inside, default=None)


def entry_words(entry: object, most: float) -> str:
    """An entry price in words, where prices up to ``most`` were tried."""
    if not isinstance(entry, float):
        return "not even for free"
    return f"at any price up to {usd(most)}" if entry >= most * (1 - 1e-9) else f"below {usd(entry)}"


def replica_sizes(session: Session, system: str) -> tuple[float, str] | None:
    """Fewest systems that hold one replica, and in which precision."""
    found = [
        (float(p.systems_per_replica), p.weight_precision)
        for p in session.prepared.problem.points
        if p.system == system
    ]
    return min(found, default=None)


def catalog() -> Catalog:
    """The shipped catalogs."""
    return load_catalog()


ASSUMED = (
    Column("quantity", "assumption"),
    Column("value", "value", "number"),
    Column("unit", "unit"),
    Column("source", "source"),
)


def assumed(rows: list[tuple[str, float, str, str]]) -> Table:
    """The assumptions of a study."""
    return Table("assumed", "What this rests on", "Values that are not measured.", ASSUMED, tuple(rows))


def question_words() -> str:
    """The common question in words."""
    return (
        f"{MODEL}, {TOKENS_PER_S:,.0f} output tokens/s, {PROMPT:g} + {OUTPUT:g} tokens a request, "
        f"{YEARS:g} years, purchases only."
    )
