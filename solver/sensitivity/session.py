"""A workload with its catalogs, prepared once and shared by the analyses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.errors import UsageError
from solver.formulation.prepare import Prepared, prepare
from solver.inputs.references import resolve_references
from solver.performance.calibration import Calibration, load_calibration
from solver.sensitivity.findings import ASSUMPTIONS, Table
from solver.technology.designs import DESIGN, KINDS, Design, with_design


@dataclass(frozen=True)
class Session:
    """A workload, the catalogs and the calibration."""

    loaded: LoadedWorkload
    catalog: Catalog
    calibration: Calibration
    design: Design | None = None  # a system derived from technology, already in the catalog

    @classmethod
    def of(cls, loaded: LoadedWorkload, catalog: Catalog | None = None) -> Session:
        """The session of a workload with the shipped catalogs, or with others."""
        if catalog is None:
            from solver.inputs.catalogs import load_catalog

            catalog = load_catalog()
        return cls(resolve_references(loaded, catalog), catalog, load_calibration())

    def with_design(self, design: Design) -> Session:
        """The session in which a system derived from technology may be bought."""
        policy = self.loaded.workload.hardware
        if policy.include and DESIGN not in policy.include:
            policy = policy.model_copy(update={"include": (*policy.include, DESIGN)})
        workload = self.loaded.workload.model_copy(update={"hardware": policy})
        catalog = with_design(self.catalog, design)
        loaded = self.loaded.model_copy(update={"workload": workload})
        return Session(resolve_references(loaded, catalog), catalog, self.calibration, design)

    def with_technology(self, name: str, number: float) -> Session:
        """The session with ``design.PARAMETER`` or ``technology.ENTRY.VALUE`` changed."""
        if self.design is None:
            raise UsageError(f"{name[:60]} needs a design; write --design KIND ({', '.join(KINDS)})")
        return self.with_design(self.design.with_value(name, number))

    def with_loaded(self, loaded: LoadedWorkload) -> Session:
        """The same catalogs under another workload."""
        return replace(self, loaded=resolve_references(loaded, self.catalog))

    @cached_property
    def prepared(self) -> Prepared:
        """The prepared problem."""
        from solver.engine.infeasible import explain_screening

        prepared = prepare(self.loaded.workload, self.catalog, self.calibration)
        if prepared.curves is not None:  # groups that `solver solve` would refine: every hour instead
            prepared = prepare(self.loaded.workload, self.catalog, self.calibration, reduce=False)
        explain_screening(self.loaded, prepared)
        return prepared

    def need_cost_objective(self) -> None:
        """Prices move nothing where the objective is not money."""
        if self.loaded.workload.objective != "cost":
            raise UsageError("the objective is not cost: prices do not decide; write objective: cost")

    def name_of(self, system: str) -> str:
        """Name of a system for readers."""
        entry = self.catalog.systems.get(system)
        return entry.name if entry else "API tokens" if system == "API" else system

    def words(self, fleet: tuple[tuple[str, str, int], ...], api: float = 0.0) -> str:
        """A fleet for readers: 3 × DGX B200, API tokens."""
        parts = [
            f"{count} × {self.name_of(system)}" + ("" if way == "buy" else f" ({way})")
            for system, way, count in fleet
        ]
        return ", ".join(parts + (["API tokens"] if api > 1e-9 else [])) or "nothing"

    def prices_table(self) -> Table:
        """Prices of every system on the menu with their sources."""
        used = {o.system for o in self.prepared.problem.offers}
        rows = []
        for offer in sorted(self.catalog.offers.values(), key=lambda o: o.id):
            if offer.system in used:
                p = offer.price
                rows.append(
                    (self.name_of(offer.system), f"{offer.kind} price", p.value, p.unit, p.low, p.high,
                     p.evidence, p.source, p.date)
                )  # fmt: skip
        caption = "Prices of all systems that can serve the workload; USD per system, or per system and hour."
        return Table("assumptions", "Prices and their sources", caption, ASSUMPTIONS, tuple(rows))

    def provenance(self) -> tuple[tuple[str, str], ...]:
        """What the numbers came from."""
        from solver import __version__

        return (
            ("workload", PurePath(self.loaded.file).name),
            ("workload, SHA-256", self.loaded.sha256),
            ("catalog", self.catalog.version),
            ("solver", __version__),
        )
