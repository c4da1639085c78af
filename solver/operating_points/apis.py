"""Token APIs as a way to serve a service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from solver.domain.catalog import TokenApi
from solver.domain.quantity import Quantity
from solver.domain.workload import Service, TokenPrice, Workload
from solver.operating_points.candidates import pace_s, seconds_of
from solver.operating_points.point import ApiPoint, Screened
from solver.operating_points.requests import Floats, mix_of
from solver.operating_points.rows import late_flags

#: What is assumed of a provider that publishes no speed (evidence: assumed, 2026-11; typical hosted
#: endpoints answer in about a second and stream 50 tokens/s). Range 20..100 tok/s.
ASSUMED_TOK_S, ASSUMED_TTFT_S = 50.0, 1.0


#: Whether requests from a region ("": of a service without regions) may be sent to an API.
Permits = Callable[[str, TokenApi], bool]
#: Network round trip between a region and an API, s.
Trip = Callable[[str, TokenApi], float]


def api_points(
    service: Service,
    apis: Iterable[TokenApi],
    permits: Permits = lambda region, api: True,
    trip_s: Trip = lambda region, api: 0.0,
) -> tuple[list[ApiPoint], list[Screened]]:
    """All offers of the service's model; where snapshots differ the newest listed one counts."""
    points: list[ApiPoint] = []
    screened: list[Screened] = []
    for api in listed(service.model, apis):
        trips = np.array([trip_s(bucket.region, api) for bucket in service.lengths])
        made = _point(service, api, permits, trips)
        if isinstance(made, ApiPoint):
            points.append(made)
        else:
            screened.append(made)
    return undominated(points), screened


def undominated(points: list[ApiPoint]) -> list[ApiPoint]:
    """Offers that no other replaces: at most as dear for every bucket, as able, as timely, without limits."""
    kept: list[ApiPoint] = []
    for point in sorted(points, key=lambda p: (sum(p.usd_per_request), p.id)):
        if not any(_replaces(other, point) for other in kept):
            kept.append(point)
    return sorted(kept, key=lambda p: p.id)


def _replaces(a: ApiPoint, b: ApiPoint) -> bool:
    """Whether ``a`` can take all of ``b``'s traffic at no higher cost."""
    if a.requests_per_s_limit is not None or a.tokens_per_s_limit is not None:
        return False
    able = all(x or not y for x, y in zip(a.serves, b.serves, strict=True))
    timely = all(not x or y for name in a.late for x, y in zip(a.late[name], b.late[name], strict=True))
    cheap = all(x <= y for x, y in zip(a.usd_per_request, b.usd_per_request, strict=True))
    return able and timely and cheap


def listed(model: str, apis: Iterable[TokenApi]) -> list[TokenApi]:
    """The APIs of a model that may be called: the newest snapshot of each listing."""
    latest: dict[tuple[str, str], TokenApi] = {}
    for api in sorted(apis, key=lambda a: (a.snapshot, a.id)):
        if api.model == model and api.status == "list":
            latest[(api.provider, api.provider_model_id)] = api
    return sorted(latest.values(), key=lambda a: a.id)


def with_token_prices(apis: Mapping[str, TokenApi], prices: Mapping[str, TokenPrice]) -> dict[str, TokenApi]:
    """The APIs with the prices of the workload in place of the list's (evidence: assumed)."""
    changed = dict(apis)
    for name, price in prices.items():
        stated = {key: value for key, value in price.model_dump().items() if value is not None}
        changed[name] = changed[name].model_copy(
            update={
                key: Quantity(
                    value=value,
                    unit="USD/Mtok",
                    source="workload override",
                    date="workload",
                    evidence="assumed",
                )
                for key, value in stated.items()
            }
        )
    return changed


def as_stated(apis: Mapping[str, TokenApi], workload: Workload) -> dict[str, TokenApi]:
    """The APIs with the speed and time to first token that the workload states (evidence: assumed)."""
    changed = dict(apis)
    for name, api in apis.items() if workload.apis else ():
        stated = workload.stated_api(name, api.provider)
        facts = (
            ("ttft_ms", stated.ttft_ms, "ms"),
            ("output_tok_s_per_user", stated.tokens_per_s_per_user, "tok/s"),
        )
        update = {
            key: Quantity(value=value, unit=unit, source="workload", date="workload", evidence="assumed")
            for key, value, unit in facts
            if value is not None
        }
        changed[name] = api.model_copy(update=update)
    return changed


def _speed_words(api: TokenApi) -> str:
    """Where the speed of an API comes from."""
    if api.output_tok_s_per_user is None:
        return f"assumed {ASSUMED_TOK_S:g} tok/s"
    return "of the workload" if api.output_tok_s_per_user.source == "workload" else "published"


def _point(service: Service, api: TokenApi, permits: Permits, trips_s: Floats) -> ApiPoint | Screened:
    mix = mix_of(service)
    speed = api.output_tok_s_per_user.value if api.output_tok_s_per_user else ASSUMED_TOK_S
    first = api.ttft_ms.value / 1e3 if api.ttft_ms else ASSUMED_TTFT_S
    tau = pace_s(speed, service)
    slow, reached = _slow(service, speed, tau, first + float(trips_s.min()))
    if slow:
        return Screened(service.name, api.id, "API", slow, reached)
    context = api.context_tokens or float("inf")
    longest_output = api.max_output_tokens or float("inf")
    serves = tuple(
        bool(t <= context and o <= longest_output) for t, o in zip(mix.longest, mix.output_max, strict=True)
    )
    if not any(serves):
        return Screened(service.name, api.id, "API", f"its context of {context:g} tokens is too short")
    serves = tuple(ok and permits(b.region, api) for ok, b in zip(serves, service.lengths, strict=True))
    if not any(serves):
        return Screened(service.name, api.id, "API", "no statement on data residency permits it")
    fresh, cached = api.input_usd_per_m.value, api.input_usd_per_m.value
    if api.cached_input_usd_per_m is not None:
        cached = api.cached_input_usd_per_m.value
    price = fresh * (1 - service.prefix_hit) + cached * service.prefix_hit
    usd = (mix.prompt * price + mix.output * api.output_usd_per_m.value) / 1e6
    first_s = first + trips_s
    return ApiPoint(
        id=f"{service.name}/{api.id}",
        service=service.name,
        api=api.id,
        provider=api.provider,
        usd_per_request=tuple(float(v) for v in usd),
        tokens=tuple(float(v) for v in mix.prompt + mix.output),
        serves=serves,
        late=late_flags(service, first_s, first_s + mix.output_max * tau),
        ttft_s=first,
        tpot_s=tau,
        requests_per_s_limit=api.requests_per_minute.value / 60 if api.requests_per_minute else None,
        tokens_per_s_limit=api.tokens_per_minute.value / 60 if api.tokens_per_minute else None,
        evidence=(
            "price of the workload; speed "
            if "workload override" in (api.input_usd_per_m.source, api.output_usd_per_m.source)
            else f"list price, snapshot {api.snapshot}; speed "
        )
        + _speed_words(api),
    )


def _slow(service: Service, speed: float, tau_s: float, first_s: float) -> tuple[str, float | None]:
    """Which promise an API breaks, if any, and the speed that it reaches where that is the reason."""
    levels = service.levels
    if levels.tpot_ms is not None and tau_s > seconds_of(levels.tpot_ms):
        return f"streams {speed:g} tok/s of the {1e3 / levels.tpot_ms:g} promised", speed
    if levels.ttft_ms is not None and first_s > levels.ttft_ms / 1e3:
        return f"first token after {first_s:g} s of {levels.ttft_ms / 1e3:g} s promised", None
    return "", None
