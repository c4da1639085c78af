"""Quantities with a unit, as people write them: ``80 GB``, ``$280k``, ``30 ms``, ``15 %``, ``100k tokens/s``.

Each field has one canonical unit; arithmetic is rational, so ``8 %`` is exactly the 0.08 that one would type.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_NUMBER_LENGTH = 30

_NUMBER = re.compile(r"(\$?)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?)\s*(.*)", re.DOTALL)
_PLAIN_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
MAX_TEXT_LENGTH = 1000
_COMMAS = re.compile(r"[0-9]+(?:,[0-9]{3})+(?![0-9])")
_MULTIPLIERS = {"k": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "bn": 10**9, "T": 10**12}


def _spellings(factors: dict[str, int | str]) -> dict[str, Fraction]:
    return {name: Fraction(factor) for words, factor in factors.items() for name in words.split("|")}


_PREFIXED_BYTES: dict[str, int | str] = {
    "B": "1/1000000000", "kB|KB": "1/1000000", "MB": "1/1000", "GB": 1, "TB": 10**3, "PB": 10**6,
    "MiB": "1048576/1000000000", "GiB": "1073741824/1000000000", "TiB": "1099511627776/1000000000",
}  # fmt: skip
_SECONDS: dict[str, int | str] = {
    "us|µs|μs": "1/1000000", "ms": "1/1000", "s|sec|second|seconds": 1, "min|minute|minutes": 60,
    "h|hour|hours": 3600, "d|day|days": 86400, "week|weeks": 604800,
}  # fmt: skip
_FLOPS: dict[str, int | str] = {"GFLOP/s": "1/1000", "TFLOP/s|TFLOPS": 1, "PFLOP/s|PFLOPS": 10**3}
_WATTS: dict[str, int | str] = {"W": "1/1000", "kW": 1, "MW": 10**3, "GW": 10**6}
_DOLLARS: dict[str, int | str] = {"USD|$": 1}


def _rates(noun: str) -> dict[str, Fraction]:
    """Spellings of ``noun`` per second, minute, hour, day and month (30.4375 days)."""
    times = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86400, "d": 86400}
    spellings = {f"{word}/{time}": Fraction(1, s) for word in noun.split("|") for time, s in times.items()}
    return spellings | {f"{word}/month": Fraction(1, 2629800) for word in noun.split("|")}


#: canonical unit -> accepted spelling -> factor
UNITS: dict[str, dict[str, Fraction]] = {
    "ms": {name: factor * 1000 for name, factor in _spellings(_SECONDS).items()},
    "s": _spellings(_SECONDS),
    "h": {name: factor / 3600 for name, factor in _spellings(_SECONDS).items()},
    "years": _spellings({"year|years|y|a": 1, "month|months": "1/12"}),
    "kW": _spellings(_WATTS),
    "U": _spellings({"U|RU|rack units": 1}),
    "USD": _spellings(_DOLLARS),
    "USD/Mtok": _spellings({"USD/Mtok|$/Mtok|USD/M|$/M|USD per M|$ per M": 1, "ct/Mtok|cent/Mtok": "1/100"}),
    "USD/kWh": _spellings({"USD/kWh|$/kWh": 1, "USD/MWh|$/MWh": "1/1000", "ct/kWh|cent/kWh": "1/100"}),
    "USD/U/month": _spellings({"USD/U/month|$/U/month": 1}),
    "kg/kWh": _spellings({"kg/kWh": 1, "g/kWh": "1/1000"}),
    "share": _spellings({"%|percent": "1/100"}),
    "percentile": _spellings({"%|percent": 1}),
    "requests/s": _rates("requests|request|req") | {"rps": Fraction(1)},
    "tokens/s": _rates("tokens|token|tok") | {"t/s": Fraction(1)},
    "tokens": _spellings({"tokens|token|tok": 1}),
    "count": {},
    "per day": _spellings(
        {
            "per day|/day": 1,
            "per hour|/hour|/h": 24,
            "per week|/week": "1/7",
            "per month|/month": "16/487",
            "per year|/year": "4/1461",
        }
    ),
    "TFLOP/s": _spellings(_FLOPS),
    "TOP/s": _spellings({"TOP/s|TOPS": 1, "POP/s|POPS": 10**3}),
    "GB": _spellings(_PREFIXED_BYTES),
    "GB/s": {f"{name}/s": factor for name, factor in _spellings(_PREFIXED_BYTES).items()},
    "TB/s": {f"{name}/s": factor / 1000 for name, factor in _spellings(_PREFIXED_BYTES).items()},
    "mm2": _spellings({"mm2|mm²": 1, "cm2|cm²": 100}),
    "chips": _spellings({"chips|chip": 1}),
    "weeks": _spellings({"weeks|week": 1, "days|day": "1/7"}),
    "USD/h": _spellings({"USD/h|$/h|USD/hour|$/hour": 1}),
    "USD/chip/h": _spellings({"USD/chip/h|$/chip/h": 1}),
    "systems/year": _spellings({"systems/year|/year|per year": 1}),
}

#: No number of a workload or catalog, in any unit, is larger: saved plans with larger ones are refused.
MOST = 10**30

#: Units whose numbers may carry k, M, B: ``$280k``, ``100k tokens/s``.
_COUNTED = frozenset(
    ("USD", "requests/s", "tokens/s", "tokens", "count", "systems/year", "USD/h", "GB", "U", "chips")
)
#: Units that only name a number, so a bare number says the same.
_PLAIN = frozenset(("share", "percentile", "count", "tokens", "requests/s", "tokens/s", "per day", "years"))


def parse_quantity(value: object, unit: str, *, bare: bool | None = None) -> float:
    """``value`` in the canonical ``unit``; ValueError says what to write instead.

    ``bare`` tells whether a number without unit is accepted; by default only where the unit is evident.
    """
    text = "" if value is None else str(value).strip()
    if bare is None:
        bare = unit in _PLAIN
    if bare and _PLAIN_NUMBER.fullmatch(text) and abs(float(text)) <= MOST:
        return float(text)
    if isinstance(value, dict | list) or not text:
        raise ValueError(f"is not a number; write for example {example(unit)}")
    if len(text) > MAX_TEXT_LENGTH:
        raise ValueError(f"{len(text)} characters are no number; write for example {example(unit)}")
    dollar, number, suffix = _split(text, unit)
    factor = _factor(text, suffix, unit, bare, dollar)
    exact = Fraction(number) * factor
    if abs(exact) > MOST:
        raise ValueError(f"'{text[:40]}' is larger than anything here; write another unit or exponent")
    result = float(exact)
    if result == 0 and exact != 0:
        raise ValueError(f"'{text[:40]}' is beyond double precision; write another unit or exponent")
    return result


def _split(text: str, unit: str) -> tuple[bool, str, str]:
    if _COMMAS.search(text):
        plain = text.replace(",", "")
        raise ValueError(f"'{text[:40]}' has a comma; write {plain[:40]}")
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text[:40]}' is not a number; write for example {example(unit)}")
    dollar, number, suffix = found.groups()
    if len(number) > MAX_NUMBER_LENGTH:
        raise ValueError(f"a number of {len(number)} characters; write at most {MAX_NUMBER_LENGTH}")
    suffix = suffix.strip()
    return bool(dollar), number, f"${suffix}" if dollar and suffix.startswith("/") else suffix


def _factor(text: str, suffix: str, unit: str, bare: bool, dollar: bool) -> Fraction:
    spellings = UNITS[unit]
    if dollar and not unit.startswith("USD"):
        raise ValueError(f"'{text[:40]}' is money; write for example {example(unit)}")
    if suffix in spellings:
        return spellings[suffix]
    multiplier = next((m for m in ("bn", "k", "M", "G", "B", "T") if suffix.startswith(m)), "")
    rest = suffix[len(multiplier) :].strip()
    if multiplier and unit in _COUNTED and (rest in spellings or not rest):
        if not rest and not (bare or dollar or unit == "USD"):
            raise ValueError(f"'{text[:40]}' has no unit; write for example {example(unit)}")
        return _MULTIPLIERS[multiplier] * spellings.get(rest, Fraction(1))
    if not suffix:
        if bare or (dollar and unit == "USD"):
            return Fraction(1)
        raise ValueError(f"'{text[:40]}' has no unit; write {text[:40]} {_first(unit)} or another unit of it")
    known = ", ".join(list(spellings)[:8]) or "a number without unit"
    raise ValueError(f"'{text[:40]}' has the unknown unit '{suffix[:20]}'; write one of {known}")


def _first(unit: str) -> str:
    return "%" if unit == "share" else unit


def example(unit: str) -> str:
    """A value in ``unit`` as one would write it."""
    examples = {
        "USD": "$280k",
        "share": "8 %",
        "percentile": "95",
        "count": "3",
        "years": "3",
        "tokens": "512",
    }
    return examples.get(unit, f"30 {unit}")
