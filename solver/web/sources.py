"""Where the numbers of a page lead to: catalog values, statements of the workload, methods with inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from solver.domain.catalog import Catalog
from solver.domain.told import Number, Origin, Told
from solver.domain.workload import LoadedWorkload
from solver.plan.findings import Assumption
from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.fleet import Names
from solver.reports.values import amount, quantity_words, value_words
from solver.web.methods import GROUPS, METHODS
from solver.web.statements import stated_at, statements


@dataclass(frozen=True)
class Source:
    """An entry: its anchor, its group among the inputs of methods, what it says and where that is from."""

    id: str
    group: str
    what: str
    origin: str


def anchor(*words: str) -> str:
    """The id of a piece of evidence."""
    return "".join(c if c.isalnum() else "-" for c in "-".join(words).lower())


class Sources:
    """The sources of a page about some states, each with its plan (None: there is none)."""

    def __init__(self, states: Iterable[tuple[LoadedWorkload, Plan | None]], catalog: Catalog) -> None:
        found: dict[str, list[Source]] = {}
        for loaded, plan in states:
            for source in [*(_evidence(plan, loaded, catalog) if plan else ()), *_stated(loaded)]:
                known = found.setdefault(source.id, [])
                if source not in known:
                    known.append(source)
        self.entries = found
        self.methods = METHODS

    def group(self, name: str) -> dict[str, list[Source]]:
        """The entries of a group of inputs by their anchors."""
        return {key: many for key, many in self.entries.items() if many[0].group == name}

    @property
    def groups(self) -> dict[str, str]:
        """The groups that have entries, with their titles."""
        return {name: title for name, title in GROUPS.items() if self.group(name)}

    def inputs(self, method: str) -> dict[str, str]:
        """The groups of inputs of a method, with their titles."""
        return {name: title for name, title in self.groups.items() if name in METHODS[method].inputs}

    def anchor(self, origin: Origin, otherwise: str = "systems") -> str:
        """The id that an origin leads to; a value that is not listed leads to a method."""
        kind, *rest = origin
        if kind == "asked":
            return f"q-{rest[0]}"
        if kind in METHODS:
            return f"method-{kind}"
        found = anchor("evidence" if kind == "catalog" else kind, *rest)
        return found if found in self.entries else f"method-{otherwise}"

    def link(self, origin: Origin) -> str:
        """The address within the page that an origin leads to."""
        return f"#{self.anchor(origin)}"

    def whole(self, text: str, *origin: str, number: bool = False) -> Markup:
        """A text as a link if it bears a number, or is one that is said in words."""
        bears = text and (number or any(map(str.isdigit, text)))
        return self.told(Told((Number(text, origin),)) if bears else text)

    def told(self, words: Told | str) -> Markup:
        """A sentence with its numbers as links."""
        parts = words.parts if isinstance(words, Told) else (words,)
        return Markup().join(self._part(part) for part in parts)

    def _part(self, part: str | Number) -> Markup:
        if isinstance(part, str):
            return escape(plain(part))
        href = self.link(part.origin)
        return Markup('<a class="source" href="{}">{}</a>').format(href, plain(part.text))


def _evidence(plan: Plan, loaded: LoadedWorkload, catalog: Catalog) -> list[Source]:
    """Catalog values that a plan rests on, and the prices of what nearly entered it."""
    names, found = Names(plan), []
    for a in plan.assumptions:
        what = f"{names.system(a.subject)}, {quantity_words(a.quantity)}: {value_words(a)}"
        origin = f"{a.evidence}. {a.source}{f' ({a.date})' if a.date else ''}"
        origin = _changed(loaded, catalog, a.subject, a.quantity) or origin
        found.append(Source(anchor("evidence", a.subject, a.quantity), _group(a), what, origin))
    for entry in plan.break_even:
        system = catalog.systems.get(entry.system)
        listed = system.values.get("price_usd") if system else None
        what = f"{names.system(entry.system)}, purchase price: {amount(entry.price_now_usd, 'USD')}"
        origin = f"{listed.evidence}. {listed.source} ({listed.date})" if listed else "own offer"
        origin = _changed(loaded, catalog, entry.system, "buy price") or origin
        found.append(Source(anchor("evidence", entry.system, "buy price"), "prices", what, origin))
    return found


def _changed(loaded: LoadedWorkload, catalog: Catalog, system: str, quantity: str) -> str:
    """Where a workload changes a value of the catalog, and what the catalog says; empty if it does not."""
    name = {"buy price": "price_usd", "rent price": "cloud_usd_hr"}.get(quantity, quantity)
    if name not in loaded.workload.hardware.overrides.get(system, {}):
        return ""
    place = stated_at(loaded, f"hardware.overrides.{system}.{name}")
    listed = catalog.systems[system].values.get(name) if system in catalog.systems else None
    if listed is None:
        return place
    value = f"{listed.value:,.6g} {listed.unit}, {listed.evidence}"
    return f"{place}; catalog: {value}. {listed.source} ({listed.date})"


def _group(assumption: Assumption) -> str:
    """Prices, throughput, or what decides energy."""
    if "price" in assumption.quantity:
        return "prices"
    return "energy" if assumption.quantity.startswith("power") else "throughput"


def _stated(loaded: LoadedWorkload) -> list[Source]:
    return [Source(anchor("stated", s.path), s.group, s.words, s.place) for s in statements(loaded)]
