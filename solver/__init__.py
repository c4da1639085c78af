"""Fleet solver: the cheapest inference hardware that keeps the promises made to LLM traffic."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solver.api import load, solve, sweep

__version__ = "0.1.0"
__all__ = ["__version__", "load", "solve", "sweep"]


def __getattr__(name: str) -> Any:
    """``load``, ``solve`` and ``sweep`` are imported when they are first used: `solver --help` stays fast."""
    if name in ("load", "solve", "sweep"):
        from solver import api

        return getattr(api, name)
    raise AttributeError(f"module 'solver' has no attribute {name!r}")
