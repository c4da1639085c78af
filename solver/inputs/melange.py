"""Mélange's input file: GPU types with hourly cost and a throughput per length bucket.

Format of Griggs et al., "Mélange: Cost Efficient Large Language Model Serving by Exploiting GPU
Heterogeneity" (arXiv 2404.14527): ``gpu_info{name: {cost, tputs[[...]]}}``, ``workload_distribution[[...]]``,
``total_request_rate``, ``slice_factor``. A throughput of 0 means that the type cannot serve the bucket. The
distribution is multiplied by the total rate as it is, as Mélange does; it need not add up to 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solver.errors import Complaint, InputError, Place
from solver.inputs.tables import plain_number
from solver.inputs.validation import shorten, unknown_key
from solver.inputs.yaml_text import Document, decode, load_yaml, read_bytes

#: ``overall_rate`` is what releases before 2024-05 call the total request rate.
_KEYS = ("gpu_info", "workload_distribution", "total_request_rate", "overall_rate", "slice_factor")
_REMEDY = "write {gpu_info: {NAME: {cost: 1.0, tputs: [[...]]}}, workload_distribution: [[...]], ...}"

#: Costs, rates and throughputs above this are slips of the pen.
MOST = 1e12

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class MelangeGpu:
    """A GPU type: USD per hour, and requests per second that one instance serves of each bucket alone."""

    name: str
    cost_usd_h: float
    throughput_rps: Matrix


@dataclass(frozen=True)
class MelangeInstance:
    """One problem: buckets (rows by input length, columns by output length) and what can serve them."""

    gpus: tuple[MelangeGpu, ...]
    shares: Matrix
    total_rps: float
    slice_factor: int
    cells: Mapping[tuple[int, int], Place] = field(default_factory=dict)  # where each share is written

    def rates(self) -> dict[tuple[int, int], float]:
        """Requests per second of each bucket that has any."""
        return {
            (row, column): share * self.total_rps
            for row, shares in enumerate(self.shares)
            for column, share in enumerate(shares)
            if share * self.total_rps > 0
        }

    def unserved(self) -> tuple[tuple[int, int], ...]:
        """Buckets with requests that no GPU type can serve."""
        return tuple(
            (row, column)
            for row, column in self.rates()
            if not any(gpu.throughput_rps[row][column] > 0 for gpu in self.gpus)
        )


def read_melange(path: Path) -> MelangeInstance:
    """The Mélange problem at ``path``, or one InputError with everything that is wrong with it."""
    text = decode(read_bytes(path), str(path), tabs=True).replace("\t", " ")
    return _Reader(load_yaml(path, text=text)).instance()


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.complaints: list[Complaint] = []

    def instance(self) -> MelangeInstance:
        """The problem of the file. Raises InputError with all complaints."""
        data = self.document.data
        if not isinstance(data, dict):
            raise InputError(Complaint(self.document.place(""), "a list where keys belong", _REMEDY))
        for key in data:
            if key not in _KEYS:
                self.complain(key, *unknown_key(key, _KEYS))
        shares = self.matrix(data.get("workload_distribution"), "workload_distribution")
        gpus = tuple(self.gpus(data.get("gpu_info"), [len(row) for row in shares]))
        rate = "overall_rate" if "total_request_rate" not in data and "overall_rate" in data else _KEYS[2]
        total = self.number(data.get(rate), rate)
        slices = self.number(data.get("slice_factor", "1"), "slice_factor")
        if slices < 1 or slices != int(slices):
            self.complain("slice_factor", "slice_factor is not a count", "write a whole number of 1 or more")
        if self.complaints:
            raise InputError(*self.complaints)
        cells = {
            (i, j): self.document.place(f"workload_distribution.{i}.{j}")
            for i, row in enumerate(shares)
            for j in range(len(row))
        }
        return MelangeInstance(gpus, shares, total, int(slices), cells)

    def gpus(self, data: Any, shape: list[int]) -> Iterator[MelangeGpu]:
        """GPU types of ``data``, whose throughputs must have the rows of ``shape``."""
        if not isinstance(data, dict) or not data:
            self.complain("gpu_info", "gpu_info names no GPU type", _REMEDY)
            return
        for name, entry in data.items():
            path = f"gpu_info.{name}"
            if not isinstance(entry, dict):
                self.complain(
                    path, f"'{shorten(name)}' is not a mapping", "write {cost: 1.0, tputs: [[...]]}"
                )
                continue
            rates = self.matrix(entry.get("tputs"), f"{path}.tputs")
            if rates and shape and [len(row) for row in rates] != shape:
                words = f"tputs of '{shorten(name)}' and workload_distribution have different shapes"
                self.complain(f"{path}.tputs", words, "write one number per bucket")
            yield MelangeGpu(name, self.number(entry.get("cost"), f"{path}.cost"), rates)

    def matrix(self, data: Any, path: str) -> Matrix:
        """Rows of numbers of 0 or more; empty, with a complaint, where ``data`` is none."""
        if data is None:
            self.complain(path, f"there is no {path}", "write [[0.5, 0.5], [0, 0]]")
            return ()
        if not isinstance(data, list) or not data or not all(isinstance(row, list) for row in data):
            self.complain(path, f"{path} is not a list of lists", "write [[0.5, 0.5], [0, 0]]")
            return ()
        return tuple(
            tuple(self.number(cell, f"{path}.{i}.{j}") for j, cell in enumerate(row))
            for i, row in enumerate(data)
        )

    def number(self, value: Any, path: str) -> float:
        """A number of 0 or more; 0, with a complaint, where ``value`` is none."""
        if value is None and path not in self.document.marks:
            self.complain(path, f"there is no {path}", "write a number of 0 or more")
            return 0.0
        number = plain_number(value) if isinstance(value, str) else None
        if number is None or not 0 <= number <= MOST:
            self.complain(path, f"{path} is '{shorten(value)}'", f"write a number from 0 to {MOST:g}")
            return 0.0
        return number

    def complain(self, path: str, problem: str, remedy: str) -> None:
        """Keep a complaint about a path of the file."""
        self.complaints.append(Complaint(self.document.place(path), problem, remedy))
