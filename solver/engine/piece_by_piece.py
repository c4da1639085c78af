"""A plan made better piece by piece: whole numbers of one site, service or epoch searched, the others held.

Branch and bound over all of them finds such changes late, if at all; with all but one site held, most of the
program is settled and the rest is solved in a moment. What no piece makes better may still not be the best:
only a bound tells.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import replace
from itertools import combinations
from typing import Any

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.apart import Floats, search
from solver.formulation.model import Program
from solver.formulation.problem import Problem

#: Where the key of a whole-number column holds its site, and its epoch; "period" where it holds a period.
SITE = {"R": 2, "z": 2, "Q": 2, "w": 2, "swap": 2, "buy": 2, "lot": 2, "hold": 2, "rent": 2, "renew": 2,
        "sell": 2, "h": 3, "g": 3, "site": 1, "open": 1}  # fmt: skip
EPOCH = {"R": 3, "z": 3, "swap": 3, "h": 4, "open": 2}
PERIOD = {"Q": 3, "w": 3, "rent": 3, "g": 5}
#: Whose key holds the point next to the prefix: they belong to a service.
OF_SERVICE = ("R", "z", "Q", "w", "swap")
#: Most of the time left that one piece gets, and the seconds that it gets in any case.
SHARE, SECONDS = 0.1, 1.0
#: Part of the time after which, without a better plan, no more pieces are searched.
PATIENCE = 0.4
#: What counts as better (relative).
WORTH = 1e-6

Piece = frozenset[int]
Key = tuple[Any, ...]


def pieces_of(problem: Problem, program: Program) -> list[Piece]:
    """Columns that are searched together: those of a site, of a service, of an epoch, of two sites.

    What belongs to all services (purchases, spares) is in the piece of each, and so for epochs.
    """
    keys = {c: key for key, c in program.index.items() if program.columns[c].integer}
    owner = {p: problem.service_index(point.service) for p, point in enumerate(problem.points)}

    def site(key: Key) -> int | None:
        return key[SITE[key[0]]] if key[0] in SITE else None

    def service(key: Key) -> int | None:
        return owner[key[1]] if key[0] in OF_SERVICE else None

    def epoch(key: Key) -> int | None:
        if key[0] in PERIOD:
            return problem.periods[key[PERIOD[key[0]]]].epoch
        return key[EPOCH[key[0]]] if key[0] in EPOCH else None

    found: list[set[int]] = []
    for of, count in (
        (site, len(problem.sites)),
        (service, len(problem.services)),
        (epoch, len(problem.epochs)),
    ):
        if count > 1:
            found += [{c for c, key in keys.items() if of(key) in (n, None)} for n in range(count)]
    pairs = combinations(range(len(problem.sites)), 2) if len(problem.sites) > 2 else ()
    found += [{c for c, key in keys.items() if site(key) in (*pair, None)} for pair in pairs]
    return [frozenset(piece) for piece in found if 0 < len(piece) < len(keys)]


def improved(
    model: HighsModel, pieces: list[Piece], values: Floats, gap: float, seconds: float | None
) -> Outcome:
    """The plan ``values`` after every piece has been searched, again and again until none makes it better.

    Each is solved within ``gap``; one that was not solved in its time is left out from then on.
    """
    last = time.perf_counter()
    seconds = math.inf if seconds is None else seconds
    end, patience = last + seconds, PATIENCE * seconds
    columns = model.program.columns
    whole = [c for c, column in enumerate(columns) if column.integer and column.high > column.low]
    best = Outcome(Ending.FEASIBLE, "kKnown", values, model.cost(values), float("-inf"), 0.0)
    queue, idle = deque(pieces), 0
    while idle < len(queue):
        now = min(end, last + patience) - time.perf_counter()
        if now <= 0:
            break
        now = min(now, max(SECONDS, SHARE * now))
        piece = queue.popleft()
        held = {c: (float(round(values[c])),) * 2 for c in whole if c not in piece}
        found = search(model, held, gap, None if math.isinf(now) else now, values)
        if found.values is not None and found.objective < best.objective * (1 - WORTH):
            values = found.values
            best, idle = replace(best, values=values, objective=found.objective), 0
            last = time.perf_counter()
            queue.append(piece)
        elif found.ending is Ending.OPTIMAL:
            idle += 1
            queue.append(piece)
        if found.interrupted:
            return replace(best, interrupted=True)
    return best
