"""Words for values of the catalog: names of quantities, values with units, ranges."""

from __future__ import annotations

from solver.plan.findings import Assumption
from solver.reports.units import dollars, price, usd


def quantity_words(name: str) -> str:
    """A quantity's name for readers: dram_bw_tbs -> memory bandwidth."""
    known = {
        "dram_bw_tbs": "memory bandwidth",
        "dram_gb": "memory capacity",
        "sram_gb": "SRAM capacity",
        "sram_bw_tbs": "SRAM bandwidth",
        "fp16_tflops": "fp16 compute",
        "fp8_tflops": "fp8 compute",
        "fp4_tflops": "fp4 compute",
        "int8_tops": "int8 compute",
        "power_typ_kw": "typical power",
        "power_max_kw": "maximum power",
        "buy price": "purchase price",
    }
    return known.get(name, name)


def value_words(assumption: Assumption) -> str:
    """The value with its unit: $500k, $45.00 per hour, 10.2 kW. Throughput is as its evidence says."""
    if assumption.unit.startswith("x ") and assumption.value == 1 and assumption.evidence != "derived":
        return "as measured" if assumption.evidence == "measured" else "as stated"
    return amount(assumption.value, assumption.unit)


def amount(value: float, unit: str) -> str:
    """A value with its unit, money with the sign of dollars."""
    if unit == "USD":
        return usd(value)
    if unit.startswith("x "):
        return "as predicted" if value == 1 else f"{value:.3g} × {unit[2:]}"
    if unit.startswith("USD/"):
        per = {"h": "hour", "Mtok": "million tokens"}.get(unit[4:], unit[4:])
        return f"{dollars(value)} per {per}"
    return f"{price(value) if abs(value) >= 1000 else f'{value:.4g}'} {unit}"


def range_words(assumption: Assumption) -> str:
    """Low and high end: $380k to $550k."""
    ends = [end for end in (assumption.low, assumption.high) if end is not None]
    if all(end == assumption.value for end in ends):
        return ""
    words = " to ".join(usd(end) if assumption.unit.startswith("USD") else f"{end:.3g}" for end in ends)
    return f"{words} times" if assumption.unit.startswith("x ") else words
