"""Which pool of a plan takes which request of a replay, and where a request served apart is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from solver.domain.workload import Service
from solver.operating_points.point import OperatingPoint
from solver.operating_points.profiles import STATED
from solver.plan.plan import Plan, Pool
from solver.plan.serialise import point_from_dict
from solver.simulate.arrivals import Stream, choose_pools
from solver.simulate.plan_pools import pools_in, stated_step_s
from solver.simulate.types import Floats, Ints


@dataclass(frozen=True)
class Routing:
    """Routes of one service in one period; indices of pools are those of :func:`pools_in`."""

    pools: tuple[Pool, ...]
    points: tuple[OperatingPoint, ...]  # of each pool
    shares: Floats  # pool x bucket

    @classmethod
    def of(cls, plan: Plan, period: int, service: Service) -> Routing:
        """As the plan says."""
        pools = pools_in(plan, period)
        places = {(p.point, p.site, p.mode): n for n, p in enumerate(pools)}
        shares = np.zeros((len(pools), len(service.lengths)))
        for route in plan.routes:
            place = places.get((route.target, route.site, route.mode))
            if route.service == service.name and route.period == period and place is not None:
                shares[place, route.bucket] += float(Fraction(route.share))
        points = tuple(point_from_dict(plan.points[p.point], f"points.{p.point}") for p in pools)
        return cls(pools, points, shares)

    def first(self, rng: np.random.Generator, stream: Stream) -> Ints:
        """The pool that each request comes to; -1: a token API."""
        chosen = [n for n, point in enumerate(self.points) if point.phase != "decode"]
        return choose_pools(rng, stream, self.shares[chosen].tolist(), chosen)

    def then(self, rng: np.random.Generator, stream: Stream, first: Ints) -> tuple[Ints, Floats]:
        """The pool that decodes what another one prefilled (-1: none), and the seconds of the KV's way.

        Decode pools of the same site and KV precision take each length bucket by their shares.
        """
        decodes = np.full(len(first), -1, dtype=np.int64)
        seconds = np.zeros(len(first))
        for n, point in enumerate(self.points):
            mine = np.flatnonzero(first == n)
            if point.phase != "prefill" or not len(mine):
                continue
            mates = [m for m in range(len(self.points)) if self._mates(n, m)]
            total = np.maximum(self.shares[mates].sum(axis=0), 1e-300)
            part = Stream(
                stream.arrival_s[mine], stream.prompt[mine], stream.output[mine], stream.bucket[mine]
            )
            decodes[mine] = choose_pools(rng, part, (self.shares[mates] / total).tolist(), mates)
            for m in mates:
                ways = np.maximum(point.transfer_s, self.points[m].transfer_s)
                to = mine[decodes[mine] == m]
                seconds[to] = ways[stream.bucket[to]]
        return decodes, seconds

    def steps(self) -> Ints:
        """Steps of a request of each bucket where the workload states its rate (0: as its tokens say); the
        last row is elsewhere.
        """
        found = np.zeros((len(self.points) + 1, self.shares.shape[1]), dtype=np.int64)
        for n, point in enumerate(self.points):
            if point.evidence == STATED and point.use and len(point.use[0]) == found.shape[1]:
                found[n] = np.maximum(np.rint(np.array(point.use[0]) / stated_step_s(point)), 1)
        return found

    def _mates(self, prefill: int, decode: int) -> bool:
        """Whether a pool decodes what another one prefills."""
        one, other = self.points[prefill], self.points[decode]
        return (
            other.phase == "decode"
            and self.pools[decode].site == self.pools[prefill].site
            and (other.service, other.kv_precision, other.first_token_s)
            == (one.service, one.kv_precision, one.first_token_s)
        )
