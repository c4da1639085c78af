"""A plan built by hand for the tests of the reports: two services, two sites, 24 hours, four kinds of supply.

``chat`` runs on bought DGX B200, on L40S nodes rented in the busy hours, and its longest requests go to a
token API; ``coder`` runs on bought CS-3. Traffic, shares, loads and money agree with each other; the
figures themselves are made up.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from solver.plan.findings import Alternative, Assumption, Binding, BreakEven, CostLine, ServiceLevel
from solver.plan.plan import Plan, Pool, Route, SystemPurchase

YEARS = 3.0
HOURS = 8766.0 * YEARS / 24  # each hour of the day, over the horizon
DISCOUNT = 0.887  # factor on yearly payments (8 % a year, monthly, over three years)
CHAT = tuple(round(70 - 50 * math.cos(math.pi * (h - 3) / 12), 1) for h in range(24))
CODER = tuple(round(max(0.2, 3.1 * math.exp(-(((h - 14) / 4.5) ** 2))), 2) for h in range(24))
CHAT_LENGTHS = ((400, 150, 0.6), (1500, 400, 0.35), (12000, 800, 0.05))
CODER_LENGTHS = ((3000, 300, 0.7), (9000, 700, 0.3))
DGX, CS3, L40S = "dgx-b200", "cerebras-cs3", "l40s-8"
DGX_POINT = "chat/dgx-b200/TP8/fp8/30ms/b256"
CS3_POINT = "coder/cerebras-cs3/PP20/fp16/0.9ms/b97"
L40S_POINT = "chat/l40s-8/TP8/fp8/45ms/b48"
API_POINT = "chat/deepinfra/llama-3.1-70b"
DGX_USE, L40S_USE = (0.05, 0.11), (0.16, 0.36)
DGX_COUNT, SAFE = 6, 0.9


def split(hour: int) -> tuple[Fraction, int]:
    """Share of the first two buckets on the DGX nodes in an hour, and L40S nodes rented for the rest."""
    load = CHAT[hour] * sum(c[2] * u for c, u in zip(CHAT_LENGTHS[:2], DGX_USE, strict=True))
    share = Fraction(min(1.0, math.floor(DGX_COUNT * SAFE / load * 100) / 100)).limit_denominator(100)
    rest = float(1 - share) * CHAT[hour]
    need = rest * sum(c[2] * u for c, u in zip(CHAT_LENGTHS[:2], L40S_USE, strict=True))
    return share, math.ceil(need / SAFE)


def routes() -> tuple[Route, ...]:
    """Who serves which bucket in which hour."""
    found = []

    def add(service: str, bucket: int, hour: int, target: str, site: str, mode: str, share: Fraction) -> None:
        if share > 0:
            found.append(
                Route(
                    service=service,
                    bucket=bucket,
                    period=hour,
                    target=target,
                    site=site,
                    mode=mode,
                    share=str(share),
                )
            )

    for hour in range(24):
        share, _ = split(hour)
        for bucket in (0, 1):
            add("chat", bucket, hour, DGX_POINT, "Frankfurt", "standing", share)
            add("chat", bucket, hour, L40S_POINT, "Frankfurt", "elastic", 1 - share)
            add("coder", bucket, hour, CS3_POINT, "Reykjavik", "standing", Fraction(1))
        add("chat", 2, hour, API_POINT, "", "api", Fraction(1))
    return tuple(found)


def purchases() -> tuple[SystemPurchase, ...]:
    """Systems bought, and L40S nodes rented hour by hour."""

    def bought(system: str, name: str, site: str, count: int, price: float, kw: float) -> SystemPurchase:
        energy = kw * 1.3 * 0.09 * 8766 * YEARS * DISCOUNT
        return SystemPurchase(
            system=system,
            name=name,
            site=site,
            acquisition="buy",
            offer=f"{system}/buy",
            epoch=0,
            count=count,
            unit_price_usd=price,
            cost_usd=count * (price * 1.1 + energy),
        )

    found = [
        bought(DGX, "DGX B200 (8 GPU)", "Frankfurt", DGX_COUNT, 500_000.0, 10.2),
        bought(CS3, "Cerebras CS-3", "Reykjavik", 20, 2_500_000.0, 16.4),
    ]
    for hour in range(24):
        nodes = split(hour)[1]
        if nodes:
            found.append(
                SystemPurchase(
                    system=L40S,
                    name="L40S node (8 GPU)",
                    site="Frankfurt",
                    acquisition="rent-hourly",
                    offer=f"{L40S}/rent",
                    epoch=0,
                    count=nodes,
                    unit_price_usd=10.4,
                    cost_usd=nodes * 10.4 * HOURS * DISCOUNT,
                    hours=HOURS,
                    period=hour,
                )
            )
    return tuple(found)


def pools() -> tuple[Pool, ...]:
    """Standing pools of the bought systems and one elastic pool per busy hour."""
    facts: dict[str, Any] = {"service": "chat", "model": "llama-3.1-70b", "site": "Frankfurt"}
    standing: dict[str, Any] = {"mode": "standing", "epoch": 0, "period": None, "line": 0}
    found = [
        Pool(
            point=DGX_POINT,
            system=DGX,
            replicas=DGX_COUNT,
            spare_replicas=0,
            systems_per_replica="1",
            layout="TP8",
            weight_precision="fp8",
            batch=256,
            tpot_ms=30.0,
            evidence="roofline, calibrated on 41 rows of MLPerf inference 5.1",
            **facts,
            **standing,
        ),
        Pool(
            point=CS3_POINT,
            system=CS3,
            replicas=1,
            spare_replicas=0,
            systems_per_replica="20",
            layout="PP20",
            weight_precision="fp16",
            batch=97,
            tpot_ms=0.9,
            evidence="profile cerebras-maverick-2500",
            service="coder",
            model="llama-4-maverick",
            site="Reykjavik",
            **standing,
        ),
    ]
    for hour in range(24):
        nodes = split(hour)[1]
        if nodes:
            found.append(
                Pool(
                    point=L40S_POINT,
                    system=L40S,
                    mode="elastic",
                    epoch=0,
                    period=hour,
                    replicas=nodes,
                    spare_replicas=0,
                    systems_per_replica="1",
                    layout="TP8",
                    weight_precision="fp8",
                    batch=48,
                    tpot_ms=45.0,
                    line=0,
                    evidence="roofline",
                    **facts,
                )
            )
    return tuple(found)


def point(
    identity: str, service: str, system: str, use: tuple[tuple[float, ...], ...], **more: Any
) -> dict[str, Any]:
    """The numbers of an operating point that the reports read."""
    return {
        "id": identity,
        "service": service,
        "system": system,
        "resources": ["time", "kv"],
        "use": [list(row) for row in use],
        "lines": [{"low": 1, "high": 1000, "slope": SAFE, "intercept": 0.0}],
        "spread": 1.25,
        **more,
    }


def workload() -> dict[str, Any]:
    """The workload as solved, in the JSON form of the domain type."""

    def lengths(cells: tuple[tuple[int, int, float], ...]) -> list[dict[str, float]]:
        return [{"prompt_tokens": p, "output_tokens": o, "share": s} for p, o, s in cells]

    return {
        "name": "two-services",
        "description": "A chat assistant and a fast coding service",
        "services": [
            {
                "name": "chat",
                "model": "llama-3.1-70b",
                "demand": {"rate_rps": list(CHAT)},
                "lengths": lengths(CHAT_LENGTHS),
                "levels": {"ttft_ms": 1000, "tpot_ms": 50},
            },
            {
                "name": "coder",
                "model": "llama-4-maverick",
                "demand": {"rate_rps": list(CODER)},
                "lengths": lengths(CODER_LENGTHS),
                "levels": {"ttft_ms": 400, "tpot_ms": 1},
            },
        ],
        "horizon": {"years": YEARS},
        "sites": [
            {"name": "Frankfurt", "power_kw": 100, "energy_usd_kwh": 0.09},
            {"name": "Reykjavik", "power_kw": 480, "energy_usd_kwh": 0.09},
        ],
    }


def inputs() -> dict[str, Any]:
    """What a plan carries of its inputs."""

    def facts(identity: str, name: str, kind: str, kw: float) -> dict[str, Any]:
        return {"id": identity, "name": name, "kind": kind, "power_max_kw": kw * 1.4, "power_typ_kw": kw}

    return {
        "file": "workloads/two-services.yaml",
        "workload": workload(),
        "offers": {},
        "systems": {
            DGX: facts(DGX, "DGX B200 (8 GPU)", "hbm-gpu", 10.2),
            CS3: facts(CS3, "Cerebras CS-3", "sram-wafer", 16.4),
            L40S: facts(L40S, "L40S node (8 GPU)", "hbm-gpu", 4.0),
            "dgx-h100": facts("dgx-h100", "DGX H100 (8 GPU)", "hbm-gpu", 8.0),
        },
        "apis": {API_POINT: {"id": API_POINT, "service": "chat", "provider": "DeepInfra"}},
    }


def assumptions() -> tuple[Assumption, ...]:
    """Prices and physics with their evidence."""
    rows: list[tuple[str, str, float, str, float | None, float | None, str, str, str, float]] = [
        (CS3, "buy price", 2.5e6, "USD", 1.5e6, 3.13e6, "assumed", "press reports", "2025-04", 0.93),
        (
            DGX,
            "buy price",
            5e5,
            "USD",
            3.8e5,
            5.5e5,
            "vendor claim",
            "https://example.org/list",
            "2025-03",
            0.05,
        ),
        (
            L40S,
            "rent price",
            10.4,
            "USD/h",
            6.3,
            18.0,
            "datasheet",
            "https://example.org/l40s",
            "2026-02",
            0.01,
        ),
        (DGX, "power_typ_kw", 10.2, "kW", 8.0, 14.3, "assumed", "0.7 of the maximum", "2025-03", 0.0),
        (DGX, "throughput of llama-3.1-70b", 1.0, "x prediction", 0.8, 1.25, "derived", "roofline", "", 0.0),
        ("DeepInfra", "output price", 0.4, "USD/Mtok", None, None, "datasheet", "models.dev", "2026-07", 0.0),
    ]
    keys = ("subject", "quantity", "value", "unit", "low", "high", "evidence", "source", "date", "cost_share")
    return tuple(Assumption(**dict(zip(keys, row, strict=True))) for row in rows)


def costs() -> tuple[CostLine, ...]:
    """Cost terms that add up to the lines of the systems and the API."""
    lines = purchases()
    bought = [s for s in lines if s.acquisition == "buy"]
    purchase = sum(s.count * s.unit_price_usd * 1.1 for s in bought)
    energy = sum(s.cost_usd for s in bought) - purchase
    rental = sum(s.cost_usd for s in lines if s.acquisition == "rent-hourly")
    requests = sum(CHAT) * 3600 * HOURS * CHAT_LENGTHS[2][2]
    api = requests * (12000 * 0.23 + 800 * 0.4) / 1e6 * DISCOUNT
    amounts = {"purchase": purchase, "rental": rental, "energy": energy, "api": api}
    return tuple(CostLine(term=term, usd=usd) for term, usd in amounts.items())


def tokens() -> tuple[float, float]:
    """All tokens and output tokens of the horizon, discounted like the money."""
    total = output = 0.0
    for rates, cells in ((CHAT, CHAT_LENGTHS), (CODER, CODER_LENGTHS)):
        requests = sum(rates) * 3600 * HOURS * DISCOUNT
        total += requests * sum((p + o) * s for p, o, s in cells)
        output += requests * sum(o * s for _, o, s in cells)
    return total, output


def level(
    service: str, promise: str, unit: str, promised: float, reached: float, in_time: float
) -> ServiceLevel:
    """A promise at the 95th percentile."""
    return ServiceLevel(
        service=service,
        promise=promise,
        unit=unit,
        promised=promised,
        reached=reached,
        percentile=0.95,
        share_in_time=in_time,
    )


def make_plan(**changes: Any) -> Plan:
    """The plan, with some fields replaced."""
    lines, terms, (every, output) = purchases(), costs(), tokens()
    total = sum(term.usd for term in terms)

    def alternative(name: str, extra: float, fleet: str) -> Alternative:
        return Alternative(
            name=name,
            feasible=True,
            objective_usd=total * (1 + extra),
            extra_usd=total * extra,
            extra_share=extra,
            fleet=fleet,
        )

    fields: dict[str, Any] = {
        "outcome": "optimal",
        "workload": "two-services",
        "objective": "cost",
        "objective_usd": total,
        "bound_usd": total,
        "gap": 0.0,
        "verified": True,
        "verified_residual": "0",
        "horizon_years": YEARS,
        "epochs": ((0.0, YEARS),),
        "periods": tuple(
            {"index": h, "epoch": 0, "hours": HOURS, "rate_rps": [CHAT[h], CODER[h]], "label": f"hour {h}"}
            for h in range(24)
        ),
        "systems": lines,
        "pools": pools(),
        "routes": routes(),
        "service_levels": (
            level("chat", "TTFT", "ms", 1000.0, 812.0, 0.984),
            level("chat", "TPOT", "ms", 50.0, 45.0, 1.0),
            level("chat", "speed per user", "tok/s", 20.0, 22.2, 1.0),
            level("coder", "TTFT", "ms", 400.0, 371.0, 0.97),
            level("coder", "TPOT", "ms", 1.0, 0.9, 1.0),
            level("coder", "speed per user", "tok/s", 1000.0, 1111.1, 1.0),
        ),
        "costs": terms,
        "usd_per_m_output_tokens": total / output * 1e6,
        "usd_per_m_tokens": total / every * 1e6,
        "power_kw": {"Frankfurt": 6 * 14.3, "Reykjavik": 20 * 23.0},
        "binding": (
            Binding(
                sentence="systems at Reykjavik need at most 480 kW",
                family="power",
                statement="sites.1.power_kw",
                place="workloads/two-services.yaml:21:5",
                slack=20.0,
                unit="kW",
                shadow_price_usd=None,
            ),
            Binding(
                sentence="chat: at most 5 % of the requests may be late (TTFT)",
                family="late",
                statement="services.0.levels.ttft_ms",
                place="workloads/two-services.yaml:9:7",
                slack=0.0,
                unit="requests",
                shadow_price_usd=1520.0,
            ),
        ),
        "alternatives": (
            alternative("only cerebras-cs3", 0.62, "33 x cerebras-cs3 (buy)"),
            Alternative(
                name="only dgx-b200",
                feasible=False,
                objective_usd=None,
                extra_usd=None,
                extra_share=None,
                fleet="",
                reason="cannot serve coder",
            ),
        ),
        "break_even": (
            BreakEven(system="dgx-h100", price_now_usd=270_000.0, price_enters_usd=214_000.0),
            BreakEven(
                system="groqrack",
                price_now_usd=1_640_000.0,
                price_enters_usd=None,
                note="not even for free: energy, space or service levels keep it out",
            ),
        ),
        "assumptions": assumptions(),
        "notes": ("hyp-mask-rom has no price in the catalog and is left out",),
        "provenance": {"solver": "0.1.0", "catalog": "2026-07-30", "workload_sha256": "ab" * 32},
        "points": {
            DGX_POINT: point(DGX_POINT, "chat", DGX, ((*DGX_USE, 0.4), (0.03, 0.1, 0.5))),
            CS3_POINT: point(CS3_POINT, "coder", CS3, ((0.2, 0.4), (0.1, 0.3))),
            L40S_POINT: point(L40S_POINT, "chat", L40S, ((*L40S_USE, 3.0), (0.1, 0.3, 4.0))),
        },
        "inputs": inputs(),
    }
    return Plan(**(fields | changes))
