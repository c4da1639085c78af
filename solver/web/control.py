"""A field of the page with its slider, and groups of fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from solver.domain.workload import LoadedWorkload


@dataclass(frozen=True)
class Control:
    """A field: ``name`` and ``unit`` make the change ``name=value unit``; ``source`` says where it stands."""

    name: str
    label: str
    value: float | None
    unit: str
    source: str
    low: float = 0.0
    high: float = 0.0
    kind: str = "number"  # number | choice
    choices: tuple[str, ...] = ()
    chosen: str = ""

    @property
    def key(self) -> str:
        """An id for the page."""
        return "".join(c if c.isalnum() else "-" for c in self.name)

    @property
    def text(self) -> str:
        """The value as it stands in the field."""
        return "" if self.value is None else f"{self.value:.10g}"

    @property
    def step(self) -> str:
        """Steps of the slider: a 200th of its span."""
        return f"{(self.high - self.low) / 200:.6g}"

    @property
    def has_slider(self) -> bool:
        """Whether there is a slider."""
        return self.high > self.low


@dataclass(frozen=True)
class Group:
    """Fields that belong together."""

    title: str
    controls: tuple[Control, ...]


def place_words(loaded: LoadedWorkload, path: str) -> str:
    """Where a statement stands: file name, line and column."""
    place = loaded.place(path)
    return str(replace(place, file=Path(place.file).name))


def around(value: float | None, factor: float) -> tuple[float, float]:
    """Ends of a slider: a factor below and above; nothing where there is no value."""
    return (round(value / factor, 6), round(value * factor, 6)) if value else (0.0, 0.0)
