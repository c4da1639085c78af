"""Who serves what in which hour, and how much each pool could carry: read from the routes of a plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from solver.domain.workload import HOURS_PER_YEAR
from solver.plan.periods import region_weight
from solver.plan.plan import Plan, Pool
from solver.reports.hours import Hour, larger_period, rates_by_hour, stream_rates
from solver.reports.pool_facts import Target, safe_load, share_value, target_of, use_rows, workload_of
from solver.reports.units import ROUNDING


class Traffic:
    """Hours, shares and loads of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.workload = workload_of(plan)

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Names of the services in the order of the rates of a period."""
        if self.workload is not None:
            return tuple(s.name for s in self.workload.services)
        return tuple(dict.fromkeys(r.service for r in self.plan.routes))

    @cached_property
    def hours(self) -> tuple[Hour, ...]:
        """All representative hours of all epochs.

        A plan may hold only the hours that no other dominates (design, section 5); an hour left out
        follows the shares of an hour with at least its demand. Where work waits, the plan holds every hour
        with the rates at which it is served.
        """
        if self.plan.deferrals:
            return tuple(
                Hour(
                    p["epoch"],
                    p["covers"][0],
                    p["hours"],
                    tuple(map(float, p["rate_rps"])),
                    p["index"],
                    self._weights(p),
                )
                for p in self.plan.periods
            )
        periods = [
            (int(p["index"]), int(p["epoch"]), stream_rates(p), float(p["hours"])) for p in self.plan.periods
        ]
        if self.workload is None:
            return tuple(
                Hour(e, n, hours, rates, index) for n, (index, e, rates, hours) in enumerate(periods)
            )
        exact = {(epoch, rates): index for index, epoch, rates, _ in periods}
        covering = {
            (p["epoch"], hour): int(p["index"]) for p in self.plan.periods for hour in p.get("covers", ())
        }
        found = []
        for epoch, (start, end) in enumerate(self.plan.epochs):
            curves = rates_by_hour(self.workload, start)
            share = HOURS_PER_YEAR * (end - start) / len(curves)
            for hour, period in enumerate(curves):
                rates = stream_rates(period)
                index = covering.get((epoch, hour), exact.get((epoch, rates)))
                if index is None:
                    index = larger_period(periods, epoch, rates)
                if index is not None:
                    weights = self._weights(period)
                    found.append(Hour(epoch, hour, share, tuple(period["rate_rps"]), index, weights))
        return tuple(found)

    def _weights(self, period: Mapping[str, Any]) -> tuple[Mapping[str, float], ...]:
        if self.workload is None or "region_rps" not in period:
            return ()
        stated = [s.demand.regions if s.demand.by_region else {} for s in self.workload.services]
        return tuple(
            {region: region_weight(period, k, region, shares) for region in shares}
            for k, shares in enumerate(stated)
        )

    def parts_at(self, hour: Hour, k: int) -> dict[Target, dict[int, float]]:
        """Target -> bucket -> its share of the requests of service k in an hour."""
        parts = self.parts.get((self.services[k], hour.period), {})
        weights = hour.weights[k] if hour.weights else {}
        if not weights or self.workload is None:
            return parts
        of_bucket = [weights[b.region] for b in self.workload.services[k].lengths]
        return {
            target: {b: share * of_bucket[b] for b, share in buckets.items()}
            for target, buckets in parts.items()
        }

    @cached_property
    def mixes(self) -> dict[str, tuple[float, ...]]:
        """Share of each length bucket in the requests of a service."""
        if self.workload is not None:
            return {s.name: tuple(b.share for b in s.lengths) for s in self.workload.services}
        count: dict[str, int] = defaultdict(int)
        for route in self.plan.routes:
            count[route.service] = max(count[route.service], route.bucket + 1)
        return {service: (1 / n,) * n for service, n in count.items()}

    @cached_property
    def parts(self) -> dict[tuple[str, int], dict[Target, dict[int, float]]]:
        """(service, period) -> target -> bucket -> its share of the service's requests in that period.

        Of the requests of all hours, where regions have curves of their own: see `parts_at`.
        """
        found: dict[tuple[str, int], dict[Target, dict[int, float]]] = {}
        for route in self.plan.routes:
            target = Target(route.target, route.site, route.mode)
            share = share_value(route.share) * self.mixes[route.service][route.bucket]
            found.setdefault((route.service, route.period), {}).setdefault(target, {})[route.bucket] = share
        return found

    def served_rps(self, service: str) -> dict[Target, list[float]]:
        """Requests per second of a service that each target serves in each of `hours`: whoever decodes."""
        return self._served[service]

    def prefill_rps(self, service: str) -> dict[Target, list[float]]:
        """Requests per second whose prompt alone each target works on, in each of `hours`."""
        return self._prefilled[service]

    @cached_property
    def _served(self) -> dict[str, dict[Target, list[float]]]:
        return self._rates(False)

    @cached_property
    def _prefilled(self) -> dict[str, dict[Target, list[float]]]:
        return self._rates(True)

    def _rates(self, prefill: bool) -> dict[str, dict[Target, list[float]]]:
        totals = {
            key: {target: sum(buckets.values()) for target, buckets in targets.items()}
            for key, targets in self.parts.items()
        }
        served: dict[str, dict[Target, list[float]]] = {}
        for k, service in enumerate(self.services):
            found = served.setdefault(service, {})
            for n, hour in enumerate(self.hours):
                there = totals.get((service, hour.period), {})
                if hour.weights and hour.weights[k]:
                    there = {target: sum(parts.values()) for target, parts in self.parts_at(hour, k).items()}
                for target, share in there.items():
                    if (self.phase(target.point) == "prefill") != prefill:
                        continue
                    if target not in found:
                        found[target] = [0.0] * len(self.hours)
                    found[target][n] = share * hour.rate_rps[k]
        return served

    def phase(self, point: str) -> str:
        """The phase that an operating point serves: both, prefill or decode."""
        return str(self.plan.points.get(point, {}).get("phase", "both"))

    def demand_rps(self, service: str) -> list[float]:
        """Requests per second of a service in each of `hours`."""
        k = self.services.index(service)
        return [hour.rate_rps[k] for hour in self.hours]

    def shares(self, service: str) -> dict[Target, float]:
        """Share of a service's requests over the horizon that each target serves, largest first."""
        return self._of_horizon(service, self.served_rps(service))

    def prefill_shares(self, service: str) -> dict[Target, float]:
        """Share of a service's requests whose prompt alone each target works on, largest first."""
        return self._of_horizon(service, self.prefill_rps(service))

    def _of_horizon(self, service: str, served: dict[Target, list[float]]) -> dict[Target, float]:
        weights = [hour.hours for hour in self.hours]
        requests = {
            target: sum(r * w for r, w in zip(rates, weights, strict=True))
            for target, rates in served.items()
        }
        wanted = sum(r * w for r, w in zip(self.demand_rps(service), weights, strict=True))
        wanted *= sum(self.mixes[service])  # shares of a histogram are written with some digits
        total = max(wanted, sum(requests.values())) or 1.0
        ordered = sorted(requests.items(), key=lambda item: (-item[1], item[0]))
        shares = {target: amount / total for target, amount in ordered if amount > 0}
        return {target: 1.0 if share > 1 - ROUNDING else share for target, share in shares.items()}

    def capacity_rps(self, service: str) -> list[float]:
        """Requests per second that the pools of a service could carry in each of `hours`, at their own mix.

        Safe load of a pool (its capacity line) over the replicas that a request per second takes of its
        scarcest resource. Token APIs are not counted.
        """
        total = [0.0] * len(self.hours)
        for pool in self.plan.pools:
            mine = pool.service == service and pool.phase != "prefill"
            use = self._use_per_rps.get(target_of(pool), 0.0) if mine else 0.0
            if use > 0:
                carried = safe_load(self.plan, pool) / use
                for n in self._hours_of(pool):
                    total[n] += carried
        return total

    def peak_load(self, pool: Pool) -> float:
        """Largest use of a pool's safe load in any hour, as a share (of the scarcest resource)."""
        rows, safe = use_rows(self.plan, pool.point), safe_load(self.plan, pool)
        target, k, peak = target_of(pool), self.services.index(pool.service), 0.0
        for n in self._hours_of(pool):
            hour = self.hours[n]
            buckets = self.parts_at(hour, k).get(target, {})
            for row in rows:
                peak = max(peak, sum(row[b] * share for b, share in buckets.items()) * hour.rate_rps[k])
        return peak / safe if safe > 0 else 0.0

    def _hours_of(self, pool: Pool) -> list[int]:
        """Positions of the hours in which a pool runs."""
        if pool.mode == "elastic":
            return self._by_period.get(pool.period, [])
        return [n for n, hour in enumerate(self.hours) if pool.epoch in (None, hour.epoch)]

    @cached_property
    def _by_period(self) -> dict[int | None, list[int]]:
        found: dict[int | None, list[int]] = {}
        for n, hour in enumerate(self.hours):
            found.setdefault(hour.period, []).append(n)
        return found

    @cached_property
    def _use_per_rps(self) -> dict[Target, float]:
        """Replicas taken by one request per second of the mix that each target serves."""
        mixes: dict[Target, dict[int, float]] = {}
        for service in self.services:
            k = self.services.index(service)
            for hour in self.hours:
                for target, buckets in self.parts_at(hour, k).items():
                    mix = mixes.setdefault(target, defaultdict(float))
                    for b, share in buckets.items():
                        mix[b] += share * hour.rate_rps[k] * hour.hours
        found = {}
        for target, mix in mixes.items():
            whole, rows = sum(mix.values()), use_rows(self.plan, target.point)
            if whole > 0 and rows:
                found[target] = max(sum(row[b] * w for b, w in mix.items()) / whole for row in rows)
        return found
