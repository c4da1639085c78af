"""Published measurements as columns: every row that names a known system, model and layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import Catalog
from solver.errors import InputError
from solver.performance.quantities import Group, Machine, Shape
from solver.performance.records import Mapper
from solver.performance.table import read_table

Floats = NDArray[np.float64]
Strings = NDArray[np.object_]

#: Columns that must be there; the others of COLUMNS count as empty where they are missing.
NEEDED = ("hardware", "model", "mode", "metric", "value")
COLUMNS = (
    *("hardware", "n_devices", "model", "precision_weights", "precision_kv", "parallelism", "engine"),
    *("mode", "isl", "osl", "concurrency_or_batch", "metric", "value"),
    *("source", "date", "spec_decode", "flags"),
)


@dataclass(frozen=True)
class Labels:
    """What each row is called; arrays of equal length."""

    row: NDArray[np.int64]  # line of the file where the row begins, 0 for that below the heading
    hardware: Strings
    system: Strings
    model: Strings
    family: Strings
    generation: Strings
    source: Strings
    mode: Strings
    metric: Strings
    precision: Strings


@dataclass(frozen=True)
class Rows:
    """Mapped measurements: labels, the measured value and all that physics needs."""

    labels: Labels
    value: Floats
    shape: Shape
    machine: Machine
    prefill: Group
    decode: Group
    prefill_count: Floats  # workers of the run
    decode_count: Floats
    apart: NDArray[np.bool_]  # prefill and decode on separate pools
    prompt: Floats
    output: Floats
    sequences: Floats  # whole run; nan: as many as fit
    beams: Floats
    static: NDArray[np.bool_]  # static batch: latency includes prefill
    per_token_latency: NDArray[np.bool_]  # tpot = latency / output tokens
    kv_room: Floats  # bytes per decode worker
    poll: Floats  # steps between two looks of the scheduler for new requests
    timeout: Floats  # steps at most that it lets the first of them wait for others
    fp8: NDArray[np.bool_]
    fp4: NDArray[np.bool_]
    weight_only: NDArray[np.bool_]  # weights are narrower than the arithmetic
    excess: Floats  # see constants.fp4_excess
    speculation: Strings  # "", "yes", "unknown"
    pipeline: NDArray[np.bool_]  # layers in SRAM, latency-bound
    identical: NDArray[np.bool_]  # identical prompts: a static batch routes to few experts
    newest: str = ""  # largest date of the file

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: NDArray[Any]) -> Rows:
        """The rows selected by an index or mask."""
        return Rows(**{f.name: _take(getattr(self, f.name), rows) for f in fields(self)})


def runs_of(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each distinct run, and the run of each row: rows of a run differ in what they report."""
    apart = {"row", "metric", "source", "hardware"}
    columns = []
    for part in (rows, rows.labels, rows.shape, rows.machine, rows.prefill, rows.decode):
        for name in part.__dataclass_fields__:
            column = getattr(part, name)
            if isinstance(column, np.ndarray) and name not in apart and column is not rows.value:
                texts = column.astype(str) if column.dtype == object else column
                columns.append(np.unique(texts, return_inverse=True, equal_nan=True)[1])
    _, first, run = np.unique(np.array(columns), axis=1, return_index=True, return_inverse=True)
    return first, run.ravel()


def _take(value: Any, rows: NDArray[Any]) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        return value[rows]
    return type(value)(**{k: _take(getattr(value, k), rows) for k in value.__dataclass_fields__})


def row_marks(file: Path) -> frozenset[str]:
    """Hashes of the rows of a measurement file, to recognise rows that were fitted."""
    from hashlib import sha256

    keys = ("|".join(row.values()) for _, row in read_table(file, COLUMNS, NEEDED))
    return frozenset(f"r{sha256(key.encode()).hexdigest()[:12]}" for key in keys)


def duplicates(file: Path) -> int:
    """Rows of a measurement file that are equal to an earlier one in every column that counts."""
    rows = [tuple(row.values()) for _, row in read_table(file, COLUMNS, NEEDED)]
    return len(rows) - len(set(rows))


def read_measurements(
    file: Path, catalog: Catalog, hardware: Mapping[str, str]
) -> tuple[Rows, dict[int, str]]:
    """Rows of a measurement file and, for each unmapped line, the reason. ``hardware``: name -> system id."""
    mapper = Mapper(catalog, hardware)
    records = [(line - 2, record) for line, record in read_table(file, COLUMNS, NEEDED)]
    if not records:
        raise InputError.at(str(file), 1, "no row below the heading", "add a measured run")
    mapped: list[dict[str, Any]] = []
    unmapped: dict[int, str] = {}
    for number, record in records:
        found = mapper.row(number, record)
        if isinstance(found, str):
            unmapped[number] = found
        else:
            mapped.append(found)
    newest = max(r["date"] for _, r in records)
    return replace(_columns(mapped), newest=newest), unmapped


def _columns(mapped: list[dict[str, Any]]) -> Rows:
    """Arrays from mapped records."""

    def array(key: str, kind: Any = np.float64) -> NDArray[Any]:
        return np.array([m[key] for m in mapped], dtype=kind)

    def stack(cls: Any, key: str) -> Any:
        unique: dict[int, int] = {}
        values: list[Any] = []
        index = np.empty(len(mapped), dtype=np.int64)
        for i, m in enumerate(mapped):
            if id(m[key]) not in unique:
                unique[id(m[key])] = len(values)
                values.append(m[key])
            index[i] = unique[id(m[key])]
        names_ = cls.__dataclass_fields__
        return cls(**{k: np.array([getattr(v, k) for v in values], dtype=np.float64)[index] for k in names_})

    labels = Labels(
        row=array("row", np.int64),
        **{f.name: array(f.name, object) for f in fields(Labels) if f.name != "row"},
    )
    flags = ("apart", "static", "per_token_latency", "pipeline", "identical", "weight_only")
    numbers = (
        "value",
        "prefill_count",
        "decode_count",
        "prompt",
        "output",
        "sequences",
        "beams",
        "kv_room",
        "excess",
        "poll",
        "timeout",
    )
    plain: dict[str, Any] = {k: array(k) for k in numbers} | {k: array(k, bool) for k in flags}
    return Rows(
        labels=labels,
        shape=stack(Shape, "shape"),
        machine=stack(Machine, "machine"),
        prefill=stack(Group, "prefill"),
        decode=stack(Group, "decode"),
        fp8=labels.precision == "fp8",
        fp4=np.isin(labels.precision.astype(str), ("fp4", "mxfp4")),
        speculation=array("speculation", object),
        **plain,
    )
