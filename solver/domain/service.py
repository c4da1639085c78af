"""A service: requests to one model, with lengths, promises and prices."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from solver.domain.calendar import INSTANT, Month, factor_in_force, years_until
from solver.domain.demand import Demand
from solver.domain.places import Residency
from solver.domain.quantity import Frozen
from solver.domain.serving import KvPrecision, Precision, PrefixCache, Serving, Speculation

Acquisition = Literal["buy", "lease", "reserve", "rent", "spot", "api"]


#: Tokens of a request at most: a hundred times the 10 million of Llama 4 Scout (Meta, April 2025), the
#: longest context of the catalog. More is a slip of the pen.
MOST_TOKENS = 1e9


class LengthBucket(Frozen):
    """A cell of the joint length histogram: mean tokens of its requests and their share of all requests."""

    prompt_tokens: float = Field(ge=0, le=MOST_TOKENS)
    output_tokens: float = Field(gt=0, le=MOST_TOKENS)
    share: float = Field(gt=0, le=1)
    prompt_max: float = 0.0  # largest prompt in the cell (0: the mean)
    output_max: float = 0.0
    region: str = ""  # where its requests come from, where the service's demand states regions

    @model_validator(mode="after")
    def _bounds(self) -> LengthBucket:
        object.__setattr__(self, "prompt_max", max(self.prompt_max, self.prompt_tokens))
        object.__setattr__(self, "output_max", max(self.output_max, self.output_tokens))
        return self


class ServiceLevels(Frozen):
    """Promises. Each latency holds for at least the stated share of requests (0.95 = 95th percentile)."""

    ttft_ms: float | None = Field(default=None, gt=0)
    ttft_percentile: float = Field(default=0.95, gt=0, lt=1)
    tpot_ms: float | None = Field(default=None, gt=0)
    tpot_percentile: float = Field(default=0.95, gt=0, lt=1)
    end_to_end_s: float | None = Field(default=None, gt=0)
    end_to_end_percentile: float = Field(default=0.95, gt=0, lt=1)
    deadline_hours: float | None = Field(default=None, gt=0)  # batch work: done within so many hours


class TokenPrice(Frozen):
    """Prices per million tokens put in place of an API's list prices (None: the list price stays)."""

    input_usd_per_m: float | None = Field(default=None, ge=0)
    output_usd_per_m: float | None = Field(default=None, ge=0)
    cached_input_usd_per_m: float | None = Field(default=None, ge=0)  # prompt tokens found in the cache


class Service(Frozen):
    """One stream of requests to one model."""

    name: str
    model: str
    precisions: tuple[Precision, ...] = ("fp16", "fp8")
    kv_precisions: tuple[KvPrecision, ...] = ("fp16", "fp8")  # not narrower than the weights
    demand: Demand
    lengths: tuple[LengthBucket, ...]
    lengths_are: Literal["tokens", "numbers"] = "tokens"  # numbers only tell buckets apart
    levels: ServiceLevels = ServiceLevels()
    serving: tuple[Serving, ...] = ("aggregated",)  # one pool for both phases, or prefill and decode apart
    prefix_hit: float = Field(default=0.0, ge=0, lt=1)  # share of prompt tokens found in the prefix cache
    prefix_cache: PrefixCache | None = None  # None: what is found is shared by all and takes no memory
    speculative_tokens: float = Field(default=1.0, ge=1)  # accepted tokens per step (1: no speculation)
    speculation: Speculation | None = None  # draft lengths that the program may choose
    kv_offload: tuple[float, ...] = ()  # shares of running KV that may lie behind a link; none always may
    model_updates_per_day: float = Field(default=0.0, ge=0)  # weight images written per day
    acquisitions: tuple[Acquisition, ...] = ("buy", "rent", "api")
    residency: Residency | None = None  # where its data may be served (None: anywhere)
    starts: Month | None = None  # first month with requests; None: from the start of the horizon
    ends: Month | None = None  # first month without; None: never
    token_prices: dict[
        str, TokenPrice
    ] = {}  # id of a token API -> prices for this service, before all others

    def factor_at(self, years: float, start: str, region: str = "") -> float:
        """What the rates of the first year are multiplied by at ``years`` from the month ``start``.

        Growth (at each full year) x the step in force; 0 before the service starts and after it ends.
        ``region``: one with a curve of its own, which may have its own growth.
        """
        if self.starts and years < years_until(self.starts, start) - INSTANT:
            return 0.0
        if self.ends and years >= years_until(self.ends, start) - INSTANT:
            return 0.0
        growth = (1 + self.demand.growth_of(region)) ** math.floor(years + INSTANT)
        return growth * factor_in_force(self.demand.steps, years, start)

    def changes(self, start: str) -> tuple[float, ...]:
        """Years from ``start`` at which a step, the start or the end of the service changes the demand."""
        months = (*self.demand.steps, *(m for m in (self.starts, self.ends) if m))
        return tuple(sorted({years_until(month, start) for month in months} - {0.0}))

    site_loss_share: float | None = Field(default=None, ge=0, le=1)  # carried after the loss of any one site

    @model_validator(mode="after")
    def _shares(self) -> Service:
        total = sum(bucket.share for bucket in self.lengths)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the length histogram add up to {total:g}; make them add up to 1")
        return self
