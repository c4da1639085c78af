"""The reference page of the performance model is made from the program and the shipped constants."""

from pathlib import Path

from solver.inputs.catalogs import load_catalog
from solver.performance.calibration import load_calibration
from solver.performance.constants import CONSTANTS
from solver.performance.manual import page
from solver.performance.measured import COLUMNS
from solver.performance.records import METRICS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance-model.md"


def test_the_page_is_that_of_the_program() -> None:
    remedy = "run python -m solver.performance.manual > docs/reference/performance-model.md"
    assert PAGE.read_text(encoding="utf-8") == page(load_calibration(), load_catalog()), remedy


def test_every_constant_and_family_is_on_it() -> None:
    calibration = load_calibration()
    text = page(calibration, load_catalog())
    assert all(f"`{name}`" in text for name in CONSTANTS)
    assert all(f"| {family} |" in text for family in (*calibration.current, *calibration.latencies))


def test_the_page_of_measurement_files_names_every_column_and_metric() -> None:
    text = PAGE.with_name("measurements.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in (*COLUMNS, *METRICS))
