"""What questions are asked about, and what an answer is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from pydantic import Field, computed_field

from solver.domain.catalog import Catalog
from solver.domain.quantity import Frozen
from solver.domain.told import Number, Told, number_of
from solver.domain.workload import LoadedWorkload
from solver.errors import ExitCode, InputError, LimitReached, UsageError
from solver.plan.plan import Plan
from solver.whatif.apply import apply_change
from solver.whatif.difference import WAY_WORDS, fleet_counts, serving
from solver.whatif.effort import Effort
from solver.whatif.names import find, subjects
from solver.whatif.parts import whole_name
from solver.whatif.planner import Planner, Result
from solver.whatif.values import mean_rps

Cell = str | float | None


class Answer(Frozen):
    """An answer: the sentence, and the table it rests on. A column's unit stands in its name."""

    asked: Told = Field(exclude=True)
    words: Told = Field(exclude=True)
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    complete: bool = True  # False: the time was over, or it was stopped, before all was found or proven

    @computed_field  # type: ignore[prop-decorator]
    @property
    def question(self) -> str:
        """The question as text."""
        return str(self.asked)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        return str(self.words)


def solved(text: str) -> Number:
    """A number that was solved for a question."""
    return number_of(text, "answers")


@dataclass(frozen=True)
class Case:
    """The state that is asked about."""

    loaded: LoadedWorkload
    catalog: Catalog
    planner: Planner
    effort: Effort = field(default_factory=Effort)

    def ask(self, what: str, loaded: LoadedWorkload, compare: bool = False, gap: float = 0.0) -> Result:
        """The result of a variant, which is ``what`` in words. Raises Over where the time is over."""
        self.effort.check()
        with self.effort.heard():
            request = self.effort.request(self.planner.request, gap)
            result = self.planner.answered(loaded, compare, request)
        self.effort.keep(what, result)
        return result

    def plan(
        self, what: str = "today's plan", loaded: LoadedWorkload | None = None, compare: bool = False
    ) -> Plan:
        """The plan of the state or a variant.

        Raises UsageError where there is none, LimitReached where none was found in time, Over.
        """
        result = self.ask(what, self.loaded if loaded is None else loaded, compare)
        if result.plan is not None:
            return result.plan
        if result.exit_code is ExitCode.LIMIT_WITHOUT_PLAN:
            raise LimitReached(f"{what}: {result.message}")
        raise UsageError(f"there is no plan to start from ({result.outcome}): {result.message}")

    def changed(self, *lines: str, base: LoadedWorkload | None = None) -> LoadedWorkload:
        """The workload after changes in canonical form."""
        loaded = self.loaded if base is None else base
        for line in lines:
            loaded = apply_change(loaded, line, self.catalog)
        return loaded

    def by_cost(self) -> Case:
        """The same state with the cheapest plan as its answer, for questions about money."""
        if self.loaded.workload.objective == "cost":
            return self
        return replace(self, loaded=self.changed("objective=cost"))

    def scaled(self, factor: float) -> LoadedWorkload:
        """The workload with all demand times a factor."""
        return self.changed(f"demand.*=x{factor:.12f}")

    def system(self, word: str) -> str:
        """The id of the system that a word means."""
        return find(word, subjects("system", self.loaded.workload, self.catalog), "system")

    @property
    def rps(self) -> float:
        """Mean requests per second of all services, in the first year; parts of a service count once."""
        services = self.loaded.workload.services
        names = {s.name for s in services}
        later = [s.name for s in services if whole_name(s.name) != s.name and whole_name(s.name) in names]
        return math.fsum(mean_rps(s) for s in services if s.name not in later)


def fleet_words(plan: Plan) -> str:
    """``3 × 8x H200 server (buy), DeepInfra API 12 %``."""
    names = {s.system: s.name for s in plan.systems}
    counts = sorted(fleet_counts(plan).items())
    several = len({site for (_, site, _), _ in counts}) > 1
    parts = [
        f"{count:,} × {names[s]}{f' for {site}' if several else ''} ({WAY_WORDS.get(way, way)})"
        for (s, site, way), count in counts
    ]
    apis: dict[str, list[float]] = {}
    for (_, server), share in serving(plan).items():
        if server.endswith(" API"):
            apis.setdefault(server, []).append(share)
    parts += [f"{api} ({share_words(max(shares))} of a service)" for api, shares in sorted(apis.items())]
    return ", ".join(parts) or "nothing"


def figure(value: float, digits: int = 4) -> str:
    """A number with so many significant digits and thousands separators, large ones in full: 2,000,000."""
    text = f"{value:,.{digits}g}"
    return f"{value:,.0f}" if "e+" in text else text


def percent(share: float, form: str = ".0f") -> str:
    """A share in per cent, in a format of numbers: 12 %."""
    return f"{100 * share:{form}} %"


def share_words(share: float) -> str:
    """A share as whole per cent; a small one is not nothing."""
    return percent(share) if share >= 0.005 else "under 1 %"


def kinds(plan: Plan) -> frozenset[str]:
    """The decision without its numbers: which systems got in which way, and whether tokens are bought."""
    found = {f"{system} ({way})" for (system, _, way), count in fleet_counts(plan).items() if count}
    if any(route.mode == "api" for route in plan.routes):
        found.add("API")
    return frozenset(found)


def factor(text: str, above: float, most: float) -> float:
    """A factor from ``2``, ``x2`` or ``0.5``."""
    try:
        value = float(text.strip(" x×"))
    except ValueError:
        raise InputError.at(text[:20], 0, "is not a factor", "write a number such as 0.5") from None
    if not above < value <= most:
        raise InputError.at(
            text[:20], 0, "is out of range", f"write more than {above:g} and at most {most:g}"
        )
    return value
