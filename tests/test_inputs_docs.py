"""The reference page of the workload file: every key is there, every example loads."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from solver.domain.serving import PrefixCache, Speculation
from solver.domain.workload import (
    Demand,
    HardwarePolicy,
    Horizon,
    LengthBucket,
    Money,
    Region,
    RegionalDemand,
    Residency,
    Resilience,
    Service,
    ServiceLevels,
    Site,
    Staff,
    StatedApi,
    TokenPrice,
    Workload,
    WorkloadOffer,
    WorkloadProfile,
)
from solver.inputs.catalogs import load_catalog
from solver.inputs.keys import KEYS, section_keys
from solver.inputs.references import resolve_references
from solver.inputs.workload import load_workload, workload_from
from solver.inputs.yaml_text import load_yaml

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "workload-file.md"


def test_every_key_is_explained() -> None:
    text = PAGE.read_text()
    words = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`[^`\n]+`", text))))
    sections: dict[str, type[BaseModel]] = {
        "workload": Workload, "service": Service, "demand": Demand, "regional": RegionalDemand,
        "lengths": LengthBucket,
        "levels": ServiceLevels, "site": Site, "money": Money, "staff": Staff, "hardware": HardwarePolicy,
        "horizon": Horizon, "offer": WorkloadOffer, "profile": WorkloadProfile,
        "token_price": TokenPrice, "region": Region, "residency": Residency, "resilience": Resilience,
        "speculation": Speculation, "prefix_cache": PrefixCache,
        "api": StatedApi,
    }  # fmt: skip
    keys = {key for name, model in sections.items() for key in (*model.model_fields, *section_keys(name))}
    times = re.compile(r"(peak_)?(requests|output_tokens)_per_(min|hour|day|month)")
    assert {key for key in keys - words if not times.fullmatch(key)} == set()
    assert set(KEYS) == {*sections} - {"lengths"}


def test_every_example_loads() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 2
    assert len(blocks[0].splitlines()) < 10
    for block in blocks:
        loaded = workload_from(load_yaml(PAGE, text=block), PAGE.parent)
        assert resolve_references(loaded, load_catalog()).workload.services


@pytest.mark.parametrize("path", sorted((ROOT / "workloads").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_workload_names_what_exists(path: Path) -> None:
    assert resolve_references(load_workload(path), load_catalog())
