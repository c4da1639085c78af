"""Quantities with units, and what is refused about them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.domain.catalog import SYSTEM_QUANTITIES
from solver.inputs.units import UNITS, example, parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("80 GB", "GB", 80.0),
        ("80 GiB", "GB", 85.89934592),
        ("3.35 TB/s", "TB/s", 3.35),
        ("3350 GB/s", "TB/s", 3.35),
        ("$280k", "USD", 280_000.0),
        ("1.2M", "USD", 1_200_000.0),
        ("1.2 bn USD", "USD", 1_200_000_000.0),
        ("30 ms", "ms", 30.0),
        ("2 s", "ms", 2000.0),
        ("30 ms", "s", 0.03),
        ("1 day", "h", 24.0),
        ("15 %", "share", 0.15),
        ("8 %", "share", 0.08),
        ("0.08", "share", 0.08),
        ("4 kW", "kW", 4.0),
        ("4 MW", "kW", 4000.0),
        ("750 W", "kW", 0.75),
        ("0.08 $/kWh", "USD/kWh", 0.08),
        ("$0.08/kWh", "USD/kWh", 0.08),
        ("80 $/MWh", "USD/kWh", 0.08),
        ("100k tokens/s", "tokens/s", 100_000.0),
        ("100k", "tokens/s", 100_000.0),
        ("360 requests/h", "requests/s", 0.1),
        ("86.4k requests/day", "requests/s", 1.0),
        ("400 g/kWh", "kg/kWh", 0.4),
        ("6 months", "years", 0.5),
        ("2k", "tokens", 2000.0),
        ("1e3", "count", 1000.0),
        ("2 per hour", "per day", 48.0),
    ],
)
def test_read(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("30,000", "tokens", "write 30000"),
        ("$1,200,000", "USD", "write \\$1200000"),
        ("5", "kW", "has no unit; write 5 kW"),
        ("500", "ms", "has no unit; write 500 ms"),
        ("5 mW", "kW", "unknown unit 'mW'"),
        ("80 Gb", "GB", "unknown unit 'Gb'"),
        ("$5", "ms", "is money"),
        ("3k", "kW", "unknown unit 'k'"),
        ("nan", "count", "not a number"),
        (".inf", "count", "not a number"),
        ("1e999", "count", "larger than anything here"),
        ("1e-999", "count", "double precision"),
        ("1:30", "ms", "unknown unit ':30'"),
        ("9" * 31, "count", "at most 30"),
        ("", "count", "not a number"),
        ("1e9999", "count", "unknown unit"),
    ],
)
def test_refused_with_remedy(text: str, unit: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_quantity(text, unit)
    assert "; " in str(caught.value)


def test_nothing_is_not_a_number() -> None:
    for value in (None, [], {}):
        with pytest.raises(ValueError, match="not a number"):
            parse_quantity(value, "count")


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_every_unit_reads_its_own_example(unit: str) -> None:
    assert parse_quantity(example(unit), unit, bare=True) > 0


def test_every_system_quantity_has_its_unit() -> None:
    assert {unit for unit, _ in SYSTEM_QUANTITIES.values()} <= set(UNITS)


@given(st.floats(min_value=1e-9, max_value=1e15))
def test_a_bare_number_is_itself(number: float) -> None:
    assert parse_quantity(repr(number), "count") == number


@given(st.text(max_size=40), st.sampled_from(sorted(UNITS)))
def test_any_text_is_a_number_or_a_value_error(text: str, unit: str) -> None:
    try:
        assert isinstance(parse_quantity(text, unit), float)
    except ValueError as error:
        assert "; " in str(error)


@pytest.mark.parametrize("text", ["1e31", "-2e300"])
def test_numbers_larger_than_anything_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is larger than anything here"):
        parse_quantity(text, "requests/s")
    assert parse_quantity("1e30", "requests/s") == 1e30
