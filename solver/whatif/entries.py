"""What a plan pays for, entry by entry, and the values behind it that may be changed.

An entry is a payment of the cash flow (solver.finance.payments) written as a sum of products: a number that
the fleet and the traffic fix, times values that may be changed. Each is checked against the payment; one that
does not come out the same is kept as a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from solver.domain.catalog import TokenApi
from solver.domain.workload import Service, Workload
from solver.finance.payments import Payment, payments
from solver.operating_points.apis import with_token_prices
from solver.plan.findings import Assumption
from solver.plan.periods import mean_rps, region_weight
from solver.plan.plan import Plan, Route, SystemPurchase

Key = tuple[str, str]
Term = tuple[float, tuple[Key, ...]]  # a number times given values
ROUNDING = 1e-9


@dataclass(frozen=True)
class Given:
    """A value that may be changed: its name, unit and source."""

    name: str
    value: float
    unit: str
    source: str = ""


@dataclass(frozen=True)
class Entry:
    """A payment as the sum of ``terms``; ``payment.usd`` is what they come to now."""

    payment: Payment
    terms: tuple[Term, ...]
    site: str = ""
    way: str = ""


class Ledger:
    """Entries of a plan and the values they rest on; ``apis`` tell the prices of tokens."""

    def __init__(self, plan: Plan, apis: Mapping[str, TokenApi]) -> None:
        self.plan, self.apis = plan, apis
        self.workload = Workload.model_validate(plan.inputs["workload"])
        self._sources = {(a.subject, a.quantity): _source(a) for a in plan.assumptions}
        self.given: dict[Key, Given] = {}
        money = self.workload.money
        self._give(("money", "discount"), "Discount rate", money.discount_rate, "per year")
        if money.tax_rate:
            self._give(("money", "tax"), "Tax rate", money.tax_rate, "share")
        # what is written off is paid by nobody; only taxes see it
        self.entries = _joined(e for e in self._entries() if money.tax_rate or e.payment.kind != "off")

    def _give(self, key: Key, name: str, value: float, unit: str, source: str = "workload") -> Key:
        self.given.setdefault(key, Given(name, value, unit, source))
        return key

    def _entries(self) -> Iterator[Entry]:
        plan, money = self.plan, self.workload.money
        bare = plan.model_copy(update={"systems": (), "routes": (), "people": (), "moves": (), "loads": ()})
        for line in plan.systems:
            for payment in payments(bare.model_copy(update={"systems": (line,)})):
                if payment.term != "opening":
                    yield self._of_system(line, payment)
        for payment in payments(bare.model_copy(update={"systems": plan.systems})):
            if payment.term == "opening":  # once a site, whatever opens it
                site = next(s for s in self.workload.sites if s.name == payment.item)
                key = self._give(("opening", site.name), f"Opening, {site.name}", site.opening_usd, "USD")
                yield self._product(payment, site.name, "opening", (key,))
        for load in plan.loads:
            for payment in payments(bare.model_copy(update={"loads": (load,)})):
                yield self._product(payment, load.site, "use", self._energy(load.site))
        for payment in payments(bare.model_copy(update={"people": plan.people})):
            salary = money.staff.usd_per_year if money.staff else 0.0
            key = self._give(("money", "salary"), "Salary", salary, "USD/year")
            yield self._product(payment, payment.item, "staff", (key,))
        for payment in payments(bare.model_copy(update={"moves": plan.moves})):
            usd = money.migration_usd_per_system
            key = self._give(("money", "migration"), "Move of a system", usd, "USD")
            yield self._product(payment, "", "move", (key,))
        for target in sorted({r.target for r in plan.routes if r.mode == "api"}):
            mine = tuple(r for r in plan.routes if r.mode == "api" and r.target == target)
            for payment in payments(bare.model_copy(update={"routes": mine})):
                yield self._tokens(target, mine, payment)

    def _of_system(self, line: SystemPurchase, payment: Payment) -> Entry:
        way, offer = self.plan.way(line), self.plan.inputs["offers"][line.offer]
        price, number = self._price(line, offer["kind"] == "buy"), line.count * (payment.end - payment.start)
        keys: tuple[Key, ...] = (price,)
        if payment.term == "energy":
            keys = self._energy(line.site)
        elif payment.term == "space":
            rent = next(s for s in self.workload.sites if s.name == line.site).space_usd_per_rack_unit_month
            keys = (self._give(("space", line.site), f"Space, {line.site}", rent, "USD/U/month"),)
        elif payment.item.endswith(" support"):
            share, name = offer["support_share_per_year"], f"Support a year, {line.name}"
            keys = (price, self._give(("support", line.offer), name, share, "share of price"))
            return self._checked(payment, line.site, way, ((number, keys),))
        elif payment.kind == "resale" and not offer.get("resale_by_age"):
            share, name = offer["residual_share"], f"Residual value, {line.name}"
            keys = (price, self._give(("residual", line.offer), name, share, "share of price"))
            return self._checked(payment, line.site, way, ((-float(line.count), keys),))
        return self._product(payment, line.site, way, keys)

    def _price(self, line: SystemPurchase, buys: bool) -> Key:
        """The unit price of a line."""
        kind, unit = ("buy price", "USD") if buys else ("rent price", "USD/h")
        name = f"{'Purchase price' if buys else 'Price per hour'}, {line.name}"
        if not line.offer.endswith(("/buy", "/rent")):
            name += f" ({line.offer})"
        source = self._sources.get((line.system, kind), "workload")
        return self._give(("price", line.offer), name, line.unit_price_usd, unit, source)

    def _energy(self, site: str) -> tuple[Key, ...]:
        """Power usage and the price of energy; where it depends on the hour, its mean."""
        entry = next(s for s in self.workload.sites if s.name == site)
        word = "Mean price of energy" if entry.tariff_usd_kwh else "Price of energy"
        return (
            self._give(("pue", site), f"PUE, {site}", entry.pue, ""),
            self._give(("energy", site), f"{word}, {site}", entry.mean_energy_usd_kwh, "USD/kWh"),
        )

    def _tokens(self, target: str, routes: tuple[Route, ...], payment: Payment) -> Entry:
        """Tokens of an API in one epoch, at its prices of prompt, cached prompt and output tokens."""
        api = self.apis.get(self.plan.inputs["apis"][target]["api"])
        requests = [(self._requests(r), r) for r in routes if self._begin(r) == payment.start]
        if api is not None:
            service = next(s for s in self.workload.services if s.name == routes[0].service)
            name = f"{api.id} for {service.name}" if api.id in service.token_prices else api.id
            api = self._priced(api, service)
            terms = tuple(self._token_terms(api, name, service, requests))
            if self._same(payment, terms):
                return Entry(payment, terms, "", "tokens")
        key, name = ("request", f"{target} {payment.start:g}"), f"Request, {target}"
        each = payment.usd / sum(n for n, _ in requests)
        return self._product(
            payment, "", "tokens", (self._give(key, name, each, "USD/request", "price list"),)
        )

    def _priced(self, api: TokenApi, service: Service) -> TokenApi:
        """The API at the service's own prices."""
        own = service.token_prices.get(api.id)
        return api if own is None else with_token_prices({api.id: api}, {api.id: own})[api.id]

    def _token_terms(
        self, api: TokenApi, called: str, service: Service, requests: list[tuple[float, Route]]
    ) -> Iterator[Term]:
        prompt = sum(n * service.lengths[r.bucket].prompt_tokens for n, r in requests) / 1e6
        output = sum(n * service.lengths[r.bucket].output_tokens for n, r in requests) / 1e6
        hit = service.prefix_hit if api.cached_input_usd_per_m is not None else 0.0
        for word, millions, quantity in (
            ("prompt", prompt * (1 - hit), api.input_usd_per_m),
            ("cached prompt", prompt * hit, api.cached_input_usd_per_m),
            ("output", output, api.output_usd_per_m),
        ):
            if quantity is not None and millions:
                source = f"{quantity.evidence}: {quantity.source} ({quantity.date})"
                name = f"Million {word} tokens, {called}"
                yield millions, (self._give((word, called), name, quantity.value, "USD", source),)

    def _begin(self, route: Route) -> float:
        return float(self.plan.epochs[self.plan.periods[route.period]["epoch"]][0])

    def _requests(self, route: Route) -> float:
        period, names = self.plan.periods[route.period], [s.name for s in self.workload.services]
        n = names.index(route.service)
        service = self.workload.services[n]
        bucket = service.lengths[route.bucket]
        share = bucket.share * float(Fraction(route.share))
        share *= region_weight(period, n, bucket.region, service.demand.regions, mean=True)
        return float(mean_rps(period)[n] * share * 3600 * period["hours"])

    def _product(self, payment: Payment, site: str, way: str, keys: tuple[Key, ...]) -> Entry:
        """The payment as a number times given values."""
        value = prod(self.given[key].value for key in keys)
        return self._checked(payment, site, way, ((payment.usd / value if value else 0.0, keys),))

    def _checked(self, payment: Payment, site: str, way: str, terms: tuple[Term, ...]) -> Entry:
        same = self._same(payment, terms)
        return Entry(payment, terms if same else ((payment.usd, ()),), site, way)

    def _same(self, payment: Payment, terms: tuple[Term, ...]) -> bool:
        value: float = sum(number * prod(self.given[key].value for key in keys) for number, keys in terms)
        return abs(value - payment.usd) <= ROUNDING * max(1.0, abs(payment.usd))


def _joined(entries: Iterable[Entry]) -> list[Entry]:
    """Entries of the same kind, time and values together; without those that are always nothing."""
    found: dict[tuple[object, ...], Entry] = {}
    for entry in entries:
        if not any(number for number, _ in entry.terms):
            continue
        same = tuple(keys for _, keys in entry.terms)
        key = (replace(entry.payment, usd=0.0), entry.site, entry.way, same)
        if key in found:
            old = found[key]
            terms = tuple((a + b, keys) for (a, keys), (b, _) in zip(old.terms, entry.terms, strict=True))
            usd = old.payment.usd + entry.payment.usd
            entry = Entry(replace(entry.payment, usd=usd), terms, entry.site, entry.way)
        found[key] = entry
    return list(found.values())


def _source(assumption: Assumption) -> str:
    return f"{assumption.evidence}: {assumption.source} ({assumption.date})"
