"""The question and the plan side by side, with the plan's words turned into exact numbers once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from solver.domain.calendar import year_words
from solver.domain.workload import Site
from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.plan.plan import Plan, Pool, SystemPurchase
from solver.verify.exact import annuity, moment, share_of, written
from solver.verify.facts import OfferFacts
from solver.verify.hours import demand_factor
from solver.verify.question import Question
from solver.verify.schedule import Hours, Schedule, schedule
from solver.verify.streams import Curve, curves_of
from solver.verify.waiting import patience, served

if TYPE_CHECKING:
    from solver.verify.ledger import Ledger

Stream = dict[int, dict[int, Fraction]]  # period -> bucket -> share of the bucket's requests


class Target(NamedTuple):
    """Where routes lead: an operating point at a site, standing or elastic, or an API (site "")."""

    id: str
    site: str
    mode: str


class Span(NamedTuple):
    """An epoch in years, with the value today of one dollar a year paid during it."""

    start: Fraction
    end: Fraction
    running: Fraction

    @property
    def years(self) -> Fraction:
        """Its length in years."""
        return self.end - self.start


@dataclass(frozen=True)
class Case(Question):
    """Everything the checks read."""

    plan: Plan

    @cached_property
    def epochs(self) -> tuple[Span, ...]:
        """The plan's epochs."""
        spans = ((moment(start), moment(end)) for start, end in self.plan.epochs)
        return tuple(Span(start, end, annuity(self.rate, start, end)) for start, end in spans)

    def at(self, words: str, epoch: int) -> str:
        """``words``, and when in those of the reports: ", year 2", nothing where the fleet stays as it is."""
        return words if len(self.epochs) < 2 else f"{words}, {year_words(self.epochs[epoch].start)}"

    @cached_property
    def schedule(self) -> Schedule:
        """The plan's periods against the hours of the workload."""
        spans = tuple((span.start, span.end) for span in self.epochs)
        return schedule(
            self.services, spans, self.plan.periods, self.workload.horizon.start, self.cycle, self.served
        )

    @cached_property
    def served(self) -> dict[tuple[int, int, int], Fraction]:
        """Requests/s served of deferred work: (curve, epoch, hour of the curve) -> rate."""
        return served(self)

    def growth(self, curve: int, epoch: int) -> Fraction:
        """Factor on a curve's rates of the first year in an epoch."""
        start, own = self.workload.horizon.start, self.curves[curve]
        return demand_factor(own.service, self.epochs[epoch].start, start, own.region)

    @cached_property
    def curve_of(self) -> dict[tuple[str, str], int]:
        """Position of the curve of each service and region."""
        return {(c.service.name, c.region): n for n, c in enumerate(self.curves)}

    @cached_property
    def shares_systems(self) -> bool:
        """Whether hourly pools may run on standing systems: where some work can wait, without spares."""
        patient = any(patience(self.workload, s) > 0 for s in self.services)
        return patient and self.workload.redundancy == 0

    @property
    def periods(self) -> tuple[Hours, ...]:
        """The plan's periods with exact rates and hours."""
        return self.schedule.periods

    @cached_property
    def streams(self) -> dict[Target, Stream]:
        """Routes of positive share, by where they lead."""
        found: dict[Target, Stream] = defaultdict(dict)
        for route in self.plan.routes:
            share = share_of(route.share)
            if share > 0:
                stream = found[Target(route.target, route.site, route.mode)]
                buckets = stream.setdefault(route.period, {})
                buckets[route.bucket] = buckets.get(route.bucket, Fraction(0)) + share
        return dict(found)

    @cached_property
    def curves(self) -> list[Curve]:
        """Whose rates the hours hold."""
        return curves_of(self.services)

    @cached_property
    def flows(self) -> dict[Target, Stream]:
        """The routes, shares times what a bucket's region has in its period over what it has of all requests.

        So share x weight x rate are the requests/s of a bucket that a target serves.
        """
        return {target: self._weighted(target, stream, False) for target, stream in self.streams.items()}

    @cached_property
    def mean_flows(self) -> dict[Target, Stream]:
        """The same for the mean rates of periods, which are paid and written."""
        return {target: self._weighted(target, stream, True) for target, stream in self.streams.items()}

    def _weighted(self, target: Target, stream: Stream, mean: bool) -> Stream:
        k = self.order[self.server(target).service]
        return {t: self.weighted(k, t, shares, mean) for t, shares in stream.items()}

    def weighted(
        self, k: int, t: int, shares: dict[int, Fraction], mean: bool = False
    ) -> dict[int, Fraction]:
        """Shares of buckets of a service in a period times the weights of their regions there."""
        if not self.services[k].demand.by_region:
            return shares
        period = self.periods[t]
        rate, parts = (period.means[k], period.mean_parts) if mean else (period.rates[k], period.parts)
        own = {c.region: part for c, part in zip(self.curves, parts, strict=True) if c.k == k}
        found = {}
        for b, share in shares.items():
            region = self.buckets[k][b].region
            found[b] = share * own[region] / (rate * self._part(k, region)) if rate else Fraction(0)
        return found

    def _part(self, k: int, region: str) -> Fraction:
        """Weight of all buckets of a region."""
        weights = zip(self.weights[k], self.buckets[k], strict=True)
        return sum((w for w, bucket in weights if bucket.region == region), Fraction(0))

    def arrives(self, k: int, b: int, t: int) -> bool:
        """Whether there are requests of a bucket in a period."""
        parts = zip(self.curves, self.periods[t].parts, strict=True)
        return any(c.k == k and c.region in ("", self.buckets[k][b].region) and part > 0 for c, part in parts)

    @cached_property
    def unserved(self) -> dict[tuple[int, int], Fraction]:
        """(service, period) -> share of its requests that are not served."""
        found: dict[tuple[int, int], Fraction] = {}
        for entry in self.plan.unserved:
            key = (self.order[entry.service], entry.period)
            found[key] = found.get(key, Fraction(0)) + share_of(entry.share)
        return found

    @cached_property
    def lines_at(self) -> defaultdict[tuple[str, str], list[SystemPurchase]]:
        """Lines of systems by (system, site)."""
        found: defaultdict[tuple[str, str], list[SystemPurchase]] = defaultdict(list)
        for line in self.plan.systems:
            found[line.system, line.site].append(line)
        return found

    @cached_property
    def _running(self) -> defaultdict[tuple[str, int], list[Pool]]:
        found: defaultdict[tuple[str, int], list[Pool]] = defaultdict(list)
        for pool in self.plan.pools:
            when = pool.period if pool.mode == "elastic" else pool.epoch
            found[pool.mode, when or 0].append(pool)
        return found

    def standing(self, epoch: int) -> list[Pool]:
        """Pools that stand all through an epoch."""
        return self._running["standing", epoch]

    def running(self, period: int) -> list[Pool]:
        """Pools that serve in a period: standing ones of its epoch and its own."""
        return [*self.standing(self.periods[period].epoch), *self._running["elastic", period]]

    @cached_property
    def pools(self) -> dict[tuple[Target, int], Pool]:
        """Pools by target and by epoch (standing) or period (elastic); of several, the first."""
        found: dict[tuple[Target, int], Pool] = {}
        for pool in self.plan.pools:
            when = pool.period if pool.mode == "elastic" else pool.epoch
            found.setdefault((Target(pool.point, pool.site, pool.mode), when or 0), pool)
        return found

    def pool(self, target: Target, period: int) -> Pool | None:
        """The pool that serves a target in a period."""
        when = period if target.mode == "elastic" else self.periods[period].epoch
        return self.pools.get((target, when))

    def label(self, period: int) -> str:
        """The words for a period."""
        return self.periods[period].label or f"period {period}"

    def server(self, target: Target) -> OperatingPoint | ApiPoint:
        """The operating point or API behind a target."""
        return self.apis[target.id] if target.mode == "api" else self.points[target.id]

    def alive(self, offer: OfferFacts, bought: int, epoch: int) -> bool:
        """Whether a system bought at the start of one epoch serves through the whole of another."""
        return bought <= epoch and self.outlives(offer, self.epochs[bought].start, self.epochs[epoch].end)

    def tariff(self, site: Site, period: int) -> Fraction:
        """USD/kWh at a site in a listed period: the largest of the hours it covers."""
        prices = site.tariff_usd_kwh
        if not prices:
            return written(site.energy_usd_kwh)
        hours = self.plan.periods[period].get("covers") or range(len(prices))
        return max(written(prices[h % len(prices)]) for h in hours)

    def serves(self, line: SystemPurchase, epoch: int) -> bool:
        """Whether the committed systems of a line serve through a whole epoch: alive and not sold.

        Those in place of worn ones serve in their stead: the line of these counts.
        """
        if line.acquisition == "replace":
            return False
        alive = self.alive(self.offers[line.offer], line.epoch, epoch)
        return alive and (line.sold_epoch is None or epoch < line.sold_epoch)

    def outlives(self, offer: OfferFacts, start: Fraction, end: Fraction) -> bool:
        """Whether a system bought at ``start`` still works at ``end`` (years)."""
        return offer.life_years == float("inf") or start + moment(offer.life_years) >= end

    @cached_property
    def ledger(self) -> Ledger:
        """The plan's costs, recomputed."""
        from solver.verify.ledger import ledger

        return ledger(self)
