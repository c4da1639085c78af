"""Sites that serve alike, taken together: a smaller relaxation of a program.

Columns of traffic that differ only in their site are one column, and their capacity rows one row, the sum
of them. What fits the sum fits site by site (each takes its share of the capacity), so for a fixed fleet
nothing is lost; in any case it is a relaxation. Columns are merged only where all their rows have the same
coefficients, and only together with all others of their rows by site: a row that were merged in part would
hold the traffic of several sites to the limit of one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from solver.formulation.collection import uncollected
from solver.formulation.model import Program, Row

#: Families with a row for each site; the rows of merged columns are added up.
BY_SITE = ("capacity", "endurance", "linking")
Shared = tuple[tuple[int, float], ...]


@uncollected
def merged(program: Program) -> Program:
    """Hourly rent at the first of like sites only, and traffic columns of like sites merged."""
    first = _representatives(program)
    return _merged(_rented(program, first), first)


@uncollected
def rented_at_one_site(program: Program) -> Program:
    """The program with hourly rent at the first of like sites only: rented systems stand at none of them."""
    return _rented(program, _representatives(program))


def _merged(program: Program, first: dict[int, int]) -> Program:
    if all(c == one for c, one in first.items()):
        return program
    site = {c: key[2] for key, c in program.index.items() if key[0] == "x"}
    moved = {c for c, one in first.items() if c != one}
    rows: list[Row] = []
    sums: dict[object, int] = {}
    seen: dict[object, int] = defaultdict(int)
    for row in program.rows:
        own = _site(row, site)
        if own is None and moved.isdisjoint(c for c, _ in row.terms):
            rows.append(row)
            continue
        terms = {first.get(c, c): a for c, a in row.terms}
        if own is not None:
            shared = tuple((c, a) for c, a in terms.items() if c in first)
            place = (row.family, shared, own)
            key = (row.family, shared, seen[place])  # two resources may have equal coefficients
            seen[place] += 1
            if key in sums:
                rows[sums[key]] = _added(rows[sums[key]], row, terms)
                continue
            sums[key] = len(rows)
        rows.append(row._replace(terms=tuple(terms.items())))
    columns = [c.shut() if first.get(n, n) != n else c for n, c in enumerate(program.columns)]
    return replace(program, columns=columns, rows=rows)


def _site(row: Row, site: dict[int, object]) -> object | None:
    """The one site whose traffic a row limits; None for other rows."""
    sites = {site[c] for c, _ in row.terms if c in site} if row.family in BY_SITE else set()
    return sites.pop() if len(sites) == 1 else None


def _rented(program: Program, first: dict[int, int]) -> Program:
    shut: set[int] = set()
    open_sites: set[tuple[object, object]] = set()
    for key, column in program.index.items():
        if key[0] == "x" and key[3] == "e":
            if first[column] == column:
                open_sites.add((key[2], key[5]))
            else:
                shut |= {column, program.index["Q", key[1], key[2], key[5]]}
    shut |= {c for key, c in program.index.items() if key[0] == "rent" and key[2:] not in open_sites}
    columns = [c.shut() if n in shut else c for n, c in enumerate(program.columns)]
    return replace(program, columns=columns)


def _representatives(program: Program) -> dict[int, int]:
    """For each traffic column the one that stands for it: the first of a like site."""
    traffic = program.family("x")
    after_loss = program.family(
        "u"
    )  # by the hour after the loss of a site: it needs the rent of its own site
    if len({key[2] for key, _ in traffic}) <= 1 or after_loss:
        return {column: column for _, column in traffic}
    site = {column: key[2] for key, column in traffic}
    profiles: dict[int, list[object]] = {column: [] for _, column in traffic}
    by_site = []
    for n, row in enumerate(program.rows):
        one = _site(row, site) is not None
        mark: object = row.family if one else n
        if one:
            by_site.append((row.family, tuple((c, a) for c, a in row.terms if c in site)))
        for c, a in row.terms:
            if c in profiles:
                profiles[c].append((mark, a))
    costs = program.objective()
    found: dict[int, int] = {}
    first: dict[object, int] = {}
    for key, column in traffic:
        like = (key[1], key[3:], tuple(profiles[column]), costs.get(column, 0.0))
        found[column] = first.setdefault(like, column)
    return _together(by_site, found)


def _together(by_site: list[tuple[str, Shared]], first: dict[int, int]) -> dict[int, int]:
    """``first`` without the columns whose rows by site do not become, all of them, rows of one like site."""
    apart = {0}
    while apart:
        apart = set()
        there = {(name, own) for name, own in by_site if all(first[c] == c for c, _ in own)}
        for name, own in by_site:
            if all(first[c] == c for c, _ in own):
                continue
            if (name, tuple((first[c], a) for c, a in own)) not in there:
                apart |= {c for c, _ in own if first[c] != c}
        first = first | {c: c for c in apart}
    return first


def _added(total: Row, row: Row, terms: dict[int, float]) -> Row:
    """The sum of rows of several sites; the merged traffic stands in it once."""
    mine = dict(total.terms)
    for c, a in terms.items():
        if c not in mine:
            mine[c] = a
    return total._replace(terms=tuple(mine.items()), rhs=total.rhs + row.rhs)
