"""Close the loop between the waiting model and the replay: tighten where a promise is missed, loosen where
the fleet has more than its replays need.

What is moved is what the waiting model is told of a service, never the promise: a burstiness in place of
the stated one (for times to first token and end to end), or a factor on the safe loads (for what does not
hang on waiting: the pace of tokens, deadlines). Traffic of the replays stays as stated. Each service has
pools of its own, so each searches its own smallest burstiness that holds. The plan so found is put to replays
that the search has not seen; if it fails, it is tightened and put to others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from solver.domain.bursts import Bursts, largest_of
from solver.domain.workload import Demand, Workload
from solver.errors import InfeasibleError, LimitReached
from solver.plan.plan import Plan
from solver.simulate.from_plan import PlanReplay, services_of, workload_of

REPLAYS, MAY_FAIL = 40, 2  # of a confirmation: 95 % hold
#: Of each fleet that is tried, so that others hold too: replays so far, and how many of them may fail.
_SEARCHED = ((40, 1), (120, 2))
_TUNING, _CONFIRMING = 1_000_000, 2_000_000  # first seeds: apart from each other and from those of users
_RAISE, _LOWER = 1.5, 0.9  # factors on the burstiness and on the safe loads of a service that missed
_CLOSE = 1.1  # ratio of burstinesses at which the search ends
ROUNDS, _CONFIRMATIONS = 16, 4
_WAITING = {"ttft", "end_to_end"}  # promises that more room for bursts can keep


@dataclass(frozen=True)
class Told:
    """What the waiting model is told of a service: burstiness (None: as stated; where each time scale has
    its own, the largest), factor on safe loads."""

    burstiness: float | None = None
    factor: float = 1.0


def planned(workload: Workload, told: Mapping[str, Told]) -> Workload:
    """The workload with what the waiting model is told; traffic and promises stay."""
    services = (
        s.model_copy(update={"demand": _planned(s.demand, told[s.name].burstiness)}) if s.name in told else s
        for s in workload.services
    )
    return workload.model_copy(update={"services": tuple(services)})


def _planned(demand: Demand, burstiness: float | None) -> Demand:
    """Another number; where each time scale has its own, all excesses over 1 by one factor."""
    if burstiness is None:
        return demand
    if not isinstance(demand.bursts, Bursts):
        return demand.model_copy(update={"planned_cv2": burstiness})
    raised = demand.bursts.raised(burstiness)
    by_time = dict(zip(raised.times_s, raised.values, strict=True))
    return demand.model_copy(update={"planned_cv2_by_s": by_time})


@dataclass(frozen=True)
class Closed:
    """The plan of a closed loop and the confirmation it went through, with seeds the search never saw."""

    plan: Plan
    holds: bool
    kept: int  # replays of the confirmation in which every promise of every service held
    told: Mapping[str, Told]


@dataclass(frozen=True)
class _Judged:
    """Per service: replays that missed something, and what."""

    failed: Mapping[str, int]
    missed: Mapping[str, frozenset[str]]
    kept: int
    bad: frozenset[str]  # services that missed more often than they may


def judge(
    plan: Plan,
    replay: Callable[[Plan, int], PlanReplay],
    first: int,
    stages: Sequence[tuple[int, int]] = ((REPLAYS, MAY_FAIL),),
) -> _Judged:
    """How often each service missed a promise over the replays from seed ``first`` on.

    ``stages``: replays so far, and how many of them may fail; the first stage that is failed is the last.
    """
    failed: dict[str, int] = {}
    missed: dict[str, set[str]] = {}
    kept, limits = 0, dict(stages)
    bad: frozenset[str] = frozenset()
    for n in range(stages[-1][0]):
        late: dict[str, set[str]] = {}
        replayed = replay(plan, first + n)
        for period in replayed.periods:
            for service in period.result.services:
                names = {p.name for p in service.promises if not p.holds}
                if not service.holds:
                    late.setdefault(service.name, set()).update(names)
        kept += replayed.holds
        for name, names in late.items():
            failed[name] = failed.get(name, 0) + 1
            missed.setdefault(name, set()).update(names)
        may_fail = limits.get(n + 1)
        bad = bad if may_fail is None else frozenset(x for x, count in failed.items() if count > may_fail)
        if bad:
            break
    return _Judged(failed, {name: frozenset(names) for name, names in missed.items()}, kept, bad)


@dataclass(frozen=True)
class _Dial:
    """One service's search over the burstiness that the waiting model is told."""

    now: float
    stated: float
    loosens: bool
    holds: float | None = None  # smallest that held
    fails: float | None = None  # largest that failed
    factor: float = 1.0

    @property
    def settled(self) -> bool:
        """Nothing smaller that is worth a try."""
        if self.holds is None:
            return False
        closed = self.fails is not None and self.holds <= _CLOSE * self.fails
        return closed or self.holds <= 1 or not self.loosens

    def after(self, held: bool, missed: frozenset[str]) -> _Dial:
        """The next value to try."""
        if not held and not missed <= _WAITING:
            return replace(self, factor=self.factor * _LOWER)
        if not held:
            higher = self.holds is None or self.holds <= self.now
            return replace(
                self,
                now=self.now * _RAISE if higher else (self.now * (self.holds or 0.0)) ** 0.5,
                holds=None if higher else self.holds,
                fails=self.now,
            )
        found = replace(self, holds=self.now)
        if found.settled:
            return found
        return replace(found, now=1.0 if self.fails is None else (self.now * self.fails) ** 0.5)

    def told(self) -> Told:
        """As the solve takes it."""
        return Told(None if self.now == self.stated else self.now, self.factor)


@dataclass
class _Loop:
    """Solves and judgements so far; equal fleets are judged once."""

    solve: Callable[[Mapping[str, Told]], Plan]
    replay: Callable[[Plan, int], PlanReplay]
    judged: dict[str, _Judged] = field(default_factory=dict)

    def attempt(self, dials: Mapping[str, _Dial]) -> tuple[Plan, _Judged]:
        plan = self.solve({name: dial.told() for name, dial in dials.items() if dial.told() != Told()})
        if _fleet(plan) not in self.judged:
            self.judged[_fleet(plan)] = judge(plan, self.replay, _TUNING, _SEARCHED)
        return plan, self.judged[_fleet(plan)]


def _fleet(plan: Plan) -> str:
    """Plans that a replay cannot tell apart."""
    return repr((plan.pools, plan.routes))


def close_loop(
    solve: Callable[[Mapping[str, Told]], Plan],
    replay: Callable[[Plan, int], PlanReplay],
    rounds: int = ROUNDS,
) -> Closed:
    """The cheapest plan found that holds every promise in 95 % of replays that the search has not seen.

    ``solve`` takes what the waiting model is told of the services that differ from the workload; ``replay``
    a plan and a seed. If ``rounds`` solves and 4 confirmations do not end with a plan that holds, the last
    one is returned, and its notes say what is missed.
    """
    loop = _Loop(solve, replay)
    dials: dict[str, _Dial] = {}
    best: tuple[Plan, dict[str, _Dial]] | None = None
    tried = confirmations = 0
    last: tuple[Plan, dict[str, _Dial]] | None = None
    while True:
        try:
            plan, found = loop.attempt(dials)
        except (InfeasibleError, LimitReached):
            if last is None:
                raise
            return _confirmed(loop, best or last, confirmations)[0]
        dials = dials or _dials(plan)
        last = plan, dials
        tried += 1
        bad = found.bad
        if not bad and (best is None or plan.objective_usd < best[0].objective_usd):
            best = plan, dials
        dials = {
            name: dial.after(name not in bad, found.missed.get(name, frozenset()))
            for name, dial in dials.items()
        }
        if tried < rounds and not (best and all(dial.settled for dial in dials.values())):
            continue
        if best is None:
            return _confirmed(loop, last, confirmations)[0]
        closed, failing = _confirmed(loop, best, confirmations)
        confirmations += 1
        if closed.holds or confirmations >= _CONFIRMATIONS:
            return closed
        dials, best, rounds = _raised(best[1], failing), None, rounds + ROUNDS // 4


def _raised(dials: Mapping[str, _Dial], failing: Mapping[str, frozenset[str]]) -> dict[str, _Dial]:
    """Services that failed the confirmation are tightened, and nothing is loosened any more."""
    fixed = {name: replace(dial, loosens=False) for name, dial in dials.items()}
    return {
        name: dial.after(False, failing[name]) if name in failing else replace(dial, holds=dial.now)
        for name, dial in fixed.items()
    }


def _dials(plan: Plan) -> dict[str, _Dial]:
    """One for each service; only the cheapest plan is sought by loosening."""
    workload = workload_of(plan)
    loosens = workload.objective == "cost"
    return {
        spec.name: _Dial(
            largest_of(service.demand.bursts), largest_of(service.demand.bursts), loosens and waits
        )
        for spec, service in zip(services_of(workload), workload.services, strict=True)
        for waits in [spec.ttft_s is not None or spec.end_to_end_s is not None]
    }


def _confirmed(
    loop: _Loop, best: tuple[Plan, dict[str, _Dial]], block: int
) -> tuple[Closed, dict[str, frozenset[str]]]:
    """The plan after replays with seeds of its own, and the services that failed in them."""
    plan, dials = best
    first = _CONFIRMING + block * REPLAYS
    found = judge(plan, loop.replay, first)
    holds = found.kept >= REPLAYS - MAY_FAIL
    failing = found.bad or (frozenset() if holds else frozenset(found.failed))
    loop.judged[_fleet(plan)] = replace(found, bad=failing)  # no fleet is confirmed twice, by other seeds
    return _closed(plan, found, dials, holds), {name: found.missed[name] for name in failing}


def _closed(plan: Plan, found: _Judged, dials: Mapping[str, _Dial], holds: bool) -> Closed:
    told = {name: dial.told() for name, dial in dials.items() if dial.told() != Told()}
    notes = (*plan.notes, _words(found, dials, holds))
    return Closed(plan.model_copy(update={"notes": notes}), holds, found.kept, told)


def _words(found: _Judged, dials: Mapping[str, _Dial], holds: bool) -> str:
    """What the replays showed, and what the waiting model had to be told."""
    words = f"every promise of time holds in {found.kept} of {REPLAYS} replays that were not used to size it"
    if not holds:
        lost = "; ".join(f"{name}: {', '.join(sorted(m))}" for name, m in sorted(found.missed.items()))
        words = f"every promise of time holds in only {found.kept} of {REPLAYS} replays (missed {lost})"
    for name, dial in sorted(dials.items()):
        if dial.now != dial.stated:
            words += f"; {name} is planned with burstiness {dial.now:.3g} in place of {dial.stated:.3g}"
        if dial.factor != 1:
            words += f"; safe loads of {name} are lowered to {dial.factor:.0%}"
    return words
