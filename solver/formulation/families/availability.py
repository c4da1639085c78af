"""The family about systems that fail and are repaired: spares, so that enough are up.

h[s,K,i,e,n]  whether the n-th number of spares is kept for system s at site i in epoch e, for the ways K to
get it that some service permits; g[s,K,i,n,t] the same in period t where hourly pools count.
"""

from __future__ import annotations

from solver.formulation.families.acquisition import installed_terms, permitted_sets, within
from solver.formulation.limits import lines_of, system_limits
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.formulation.spares import spare_steps

Terms = dict[int, float]


@family(
    "availability",
    "N = sum_p n_p (R[p,i,e] + Q[p,i,t]) <= sum_n N_n h[n];  N + sum_n v_n h[n] <= systems there;  one h[n]",
)
def availability(problem: Problem, program: Program) -> None:
    """The systems that replicas need are up with probability q, for each system s, site i, epoch e.

    N = sum_p n_p sum_l R[p,i,e,l] <= sum_n N_n h[n];   N + sum_n v_n h[n] <= systems there;   sum_n h[n] <= 1
    N_n is the largest N with P(Binomial(N + v_n, a) >= N) >= q, a = MTBF / (MTBF + repair time). Spares v_n
    of 0, 1, ..., 32, then in steps of an eighth. Systems stand in for any other of their kind at the site;
    spot systems do not count. The rows hold for each set of ways to get the system that a service permits.
    With ``resilience.hourly_pools`` they hold in each period t, with Q[p,i,t] in N and rent[o,i,t] there.
    """
    promised = problem.workload.resilience.availability
    if promised is None:
        return
    limits = system_limits(problem)
    for s, system in enumerate(sorted({p.system for p in problem.points})):
        steps = spare_steps(problem.up_share(system), promised, limits[system])
        for n_set, kinds in enumerate(permitted_sets(problem, system)):
            for i in range(len(problem.sites)):
                for e, t in _moments(problem):
                    need = _need(problem, program, system, i, e, kinds)
                    there = _there(problem, program, system, i, e, kinds)
                    if t is not None:
                        need |= _hourly_need(problem, program, system, i, t, kinds)
                        there |= _rented(problem, program, system, i, t, kinds)
                    if need:
                        key = ("h", s, n_set, i, e) if t is None else ("g", s, n_set, i, t)
                        _rows(problem, program, key, system, need, there, steps)


def _moments(problem: Problem) -> list[tuple[int, int | None]]:
    """(epoch, None), or (epoch, period) where hourly pools count."""
    if problem.workload.resilience.hourly_pools:
        return [(period.epoch, t) for t, period in enumerate(problem.periods)]
    return [(e, None) for e in range(len(problem.epochs))]


def _rows(
    problem: Problem,
    program: Program,
    key: tuple[str, int, int, int, int],
    system: str,
    need: Terms,
    there: Terms,
    steps: tuple[tuple[int, int], ...],
) -> None:
    site = problem.sites[key[3]].name
    resilience = problem.workload.resilience
    chosen = {
        program.add((*key[:4], n, key[4]) if key[0] == "g" else (*key, n), 0, 1, integer=True): step
        for n, step in enumerate(steps)
    }
    words = f"{system} at {site}: enough are up {100 * (resilience.availability or 0):.6g} % of the time"
    for what, terms, rhs in (
        ("needed", need | {h: -float(most) for h, (_, most) in chosen.items()}, 0.0),
        (
            "spare",
            need | {h: float(v) for h, (v, _) in chosen.items()} | {c: -a for c, a in there.items()},
            0.0,
        ),
        ("one", dict.fromkeys(chosen, 1.0), 1.0),
    ):
        program.row(
            f"availability[{system},{key[2]},{site},{key[0]}{key[4]},{what}]",
            "availability",
            terms,
            "<=",
            rhs,
            unit="systems",
            statement="resilience.availability" if what != "one" else "",
            sentence=words,
        )


def _need(problem: Problem, program: Program, system: str, i: int, e: int, kinds: frozenset[str]) -> Terms:
    """Systems that the standing replicas take, spare replicas left out."""
    return {
        column: float(point.systems_per_replica)
        for p, point in enumerate(problem.points)
        if point.system == system and within(problem, point, kinds)
        for n in range(len(lines_of(problem, point)))
        if (column := program.find("R", p, i, e, n)) is not None
    }


def _hourly_need(
    problem: Problem, program: Program, system: str, i: int, t: int, kinds: frozenset[str]
) -> Terms:
    """Systems that the hourly replicas take, spare replicas left out."""
    return {
        column: float(point.systems_per_replica)
        for p, point in enumerate(problem.points)
        if point.system == system and within(problem, point, kinds)
        if (column := program.find("Q", p, i, t)) is not None
    }


def _rented(problem: Problem, program: Program, system: str, i: int, t: int, kinds: frozenset[str]) -> Terms:
    """Systems rented for a period, spot left out."""
    return {
        column: 1.0
        for o, offer in enumerate(problem.offers)
        if offer.system == system and offer.kind in kinds and offer.interruption_share == 0
        if (column := program.find("rent", o, i, t)) is not None
    }


def _there(problem: Problem, program: Program, system: str, i: int, e: int, kinds: frozenset[str]) -> Terms:
    """Systems there, those that can be taken away left out."""
    spot = {("hold", o) for o, offer in enumerate(problem.offers) if offer.interruption_share > 0}
    terms = installed_terms(problem, program, system, i, e, kinds)
    taken = {c for key, c in program.family("hold") if (key[0], key[1]) in spot}
    return {c: a for c, a in terms.items() if c not in taken}
