"""Imports go down only (design, section 1): a module may import its own floor and those below it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "solver"

#: Floors from the ground up; a package or module of `solver` stands on exactly one.
FLOORS = [
    {"errors"},
    {"domain", "time_value", "paths"},
    {"inputs"},
    {"performance", "technology"},
    {"operating_points"},
    {"formulation"},
    {"backend"},
    {"plan"},
    {"finance"},
    {"verify", "simulate"},
    {"engine"},
    {"sensitivity", "whatif"},
    {"reports"},
    {"cli", "web", "api"},
]
LEVEL = {name: n for n, floor in enumerate(FLOORS) for name in floor}

#: Reasoned exceptions: (module, imported). Catalog checks derive parameter counts; the engine puts the
#: answer's words on the plan.
ALLOWED = {("inputs", "performance"), ("engine", "reports"), ("verify", "plan"), ("formulation", "plan")}


def floor_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("solver."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("solver.")}
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    own = floor_of(path)
    if own == "__init__":
        return
    for other in imported(path):
        assert other in LEVEL, f"{other} stands on no floor"
        if other != own and (own, other) not in ALLOWED:
            assert LEVEL[other] < LEVEL[own], f"{own} may not import {other}"


def test_verifier_never_sees_the_formulation() -> None:
    """Everything reachable by imports from solver.verify, module by module."""
    reached, queue = set(), sorted((ROOT / "verify").rglob("*.py"))
    while queue:
        path = queue.pop()
        if path in reached:
            continue
        reached.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("solver"):
                target = ROOT.parent / Path(*node.module.split("."))
                queue += [p for p in (target.with_suffix(".py"), target / "__init__.py") if p.exists()]
                queue += [p for a in node.names if (p := target / f"{a.name}.py").exists()]
    touched = {floor_of(p) for p in reached}
    assert not touched & {"formulation", "backend", "engine"}
