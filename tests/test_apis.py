"""Tokens from an API: cached input has its own price, contexts and rate limits hold."""

from __future__ import annotations

import pytest

from solver.domain.catalog import TokenApi
from solver.domain.quantity import Quantity
from solver.domain.workload import Demand, LengthBucket, Service
from solver.operating_points.apis import api_points
from solver.operating_points.point import ApiPoint, Screened


def quantity(value: float, unit: str) -> Quantity:
    return Quantity(value=value, unit=unit, source="test", date="2026", evidence="assumed")


def api(**changes: object) -> TokenApi:
    """$1 a million input tokens, $0.1 if cached, $4 output."""
    values: dict[str, object] = {
        "id": "p/m",
        "provider": "p",
        "model": "m",
        "provider_model_id": "m",
        "snapshot": "2026-01",
        "status": "list",
        "input_usd_per_m": quantity(1.0, "USD/Mtok"),
        "output_usd_per_m": quantity(4.0, "USD/Mtok"),
        "cached_input_usd_per_m": quantity(0.1, "USD/Mtok"),
    }
    return TokenApi.model_validate(values | changes)


def service(prefix_hit: float = 0.0) -> Service:
    """Requests of 1,000 + 500 and of 9,000 + 1,000 tokens."""
    return Service(
        name="chat",
        model="m",
        demand=Demand(rate_rps=(1.0,)),
        prefix_hit=prefix_hit,
        lengths=(
            LengthBucket(prompt_tokens=1000, output_tokens=500, share=0.5),
            LengthBucket(prompt_tokens=9000, output_tokens=1000, share=0.5),
        ),
    )


def point(found: tuple[list[ApiPoint], list[Screened]]) -> ApiPoint:
    [made], screened = found
    assert not screened
    return made


def test_cached_input_has_its_own_price() -> None:
    """Short request: 1000 x $1 + 500 x $4 = $3,000 a million; with 40 % in the cache 600 + 40 + 2000."""
    assert point(api_points(service(), [api()])).usd_per_request[0] == pytest.approx(3000e-6)
    assert point(api_points(service(0.4), [api()])).usd_per_request[0] == pytest.approx(2640e-6)
    dear = api(cached_input_usd_per_m=None)  # a provider without a price for cached input asks the full one
    assert point(api_points(service(0.4), [dear])).usd_per_request[0] == pytest.approx(3000e-6)


def test_a_context_limit_shuts_out_what_is_longer() -> None:
    assert point(api_points(service(), [api(context_tokens=10_000)])).serves == (True, True)
    assert point(api_points(service(), [api(context_tokens=9_999)])).serves == (True, False)
    assert point(api_points(service(), [api(max_output_tokens=999)])).serves == (True, False)
    made, [screened] = api_points(service(), [api(context_tokens=1_499)])
    assert not made
    assert "context" in screened.reason


def test_rate_limits_are_per_second_and_count_all_tokens() -> None:
    limited = api(requests_per_minute=quantity(120, "1/min"), tokens_per_minute=quantity(600_000, "1/min"))
    made = point(api_points(service(), [limited]))
    assert made.requests_per_s_limit == 2.0
    assert made.tokens_per_s_limit == 10_000.0
    assert made.tokens == (1500.0, 10_000.0)
