"""Request traces: arrival times with prompt and output lengths, from the formats in which they are published.

Azure LLM inference traces (CSV ``TIMESTAMP,ContextTokens,GeneratedTokens``), Mooncake-like JSONL
(``timestamp`` in ms, ``input_length``, ``output_length``), BurstGPT (CSV ``Timestamp,Model,Request tokens,
Response tokens,...``, seconds), or any CSV or JSONL with the columns named.
"""

from __future__ import annotations

import csv
import json
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from solver.errors import Complaint, InputError, Place, UsageError
from solver.inputs.tables import plain_number
from solver.inputs.trace_clock import Clock
from solver.inputs.trace_columns import Wanted, check_roles, paths_of, value_at
from solver.inputs.validation import shorten

MAX_BYTES = 2_000_000_000
MOST_YEARS, YEAR_S = 20, 365.25 * 86400  # of a trace
MAX_TOKENS = 10**8
MAX_COMPLAINTS = 5


@dataclass(frozen=True)
class Trace:
    """Requests in order of arrival; ``start`` is the wall-clock time of the first one where known."""

    arrival_s: NDArray[np.float64]
    prompt_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    source: str
    dropped: int = 0  # requests without output (failures)
    start: datetime | None = None
    line: NDArray[np.int64] | None = None  # of the file, one for each request; None: not read from a file

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last arrival."""
        return float(self.arrival_s[-1] - self.arrival_s[0])


def read_trace(
    path: Path,
    columns: Mapping[str, str] | None = None,
    time_unit: str = "",
    only: Mapping[str, str] | None = None,
) -> Trace:
    """The trace at ``path``; ``columns`` names the columns of arrival, prompt and output.

    Numeric times are seconds in CSV and milliseconds in JSONL, or Unix times in any unit, unless
    ``time_unit`` says "s" or "ms". ``only`` (column: value) keeps the rows with these values. Requests
    without output count as failures and are dropped.
    """
    check_roles(columns or {})
    if time_unit not in ("", "s", "ms"):
        raise UsageError(f"unknown time unit '{time_unit}'; write s or ms")
    file = str(path)
    is_json = path.suffix.lower() in (".jsonl", ".json", ".ndjson")
    clock = Clock(time_unit, "ms" if is_json else "s")
    wanted = Wanted(file, columns or {}, only or {})
    try:
        if not path.is_file():
            raise InputError.at(file, 0, "there is no such file", "check the path")
        if path.stat().st_size > MAX_BYTES:
            raise InputError.at(file, 0, f"larger than {MAX_BYTES / 1e9:g} GB", "cut the trace")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _collect((_json_rows if is_json else _csv_rows)(lines, wanted), wanted, clock)
    except UnicodeDecodeError:
        raise InputError.at(file, _undecodable(path), "not UTF-8 text", "save the file as UTF-8") from None
    except OSError as error:
        raise InputError.at(file, 0, f"cannot be read ({error.strerror})", "check the path") from None


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8 text."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1


Row = tuple[int, Sequence[Any]]  # line, and the values of the columns that are wanted


def _csv_rows(lines: TextIO, wanted: Wanted) -> Iterator[Row]:
    reader, began = csv.reader(lines), 1  # a row ends lines later where a quote is not closed
    try:
        header = next(reader, [])
        places = wanted.places([(name,) for name in header])
        least = max(places) + 1
        began = reader.line_num + 1
        for row in reader:
            if len(row) >= least:
                yield began, [row[place] for place in places]
            elif row:
                problem = f"{len(row)} cells where the header has {len(header)}"
                open_quote = "" if began == reader.line_num else ", and close each quote"
                raise InputError.at(wanted.file, began, problem, "write one cell per column" + open_quote)
            began = reader.line_num + 1
    except csv.Error as error:
        raise InputError.at(wanted.file, began, f"not CSV: {error}", "check the quotes") from None


def _json_rows(lines: Iterable[str], wanted: Wanted) -> Iterator[Row]:
    paths: list[tuple[str, ...]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            raise InputError.at(wanted.file, number, "not a JSON object", "write one object per line")
        if not paths:
            there = paths_of(entry)
            paths = [there[place] for place in wanted.places(there)]
        yield number, [value_at(entry, path) for path in paths]


def _collect(rows: Iterator[Row], wanted: Wanted, clock: Clock) -> Trace:
    arrivals, prompts, outputs, places = array("d"), array("q"), array("q"), array("q")
    file = wanted.file
    complaints: list[Complaint] = []
    dropped, earliest, latest = 0, (math.inf, 1), (-math.inf, 1)
    for line, (arrival, prompt, output, *others) in rows:
        if others and not wanted.keeps(others):
            continue
        try:
            time, sent, received = clock.seconds(arrival), _tokens(prompt), _tokens(output)
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            complaints.append(Complaint(Place(file, line), problem, remedy))
            if len(complaints) >= MAX_COMPLAINTS:
                break
            continue
        if received == 0:
            dropped += 1
            continue
        earliest, latest = min(earliest, (time, line)), max(latest, (time, line))
        arrivals.append(time)
        prompts.append(sent)
        outputs.append(received)
        places.append(line)
    if complaints:
        raise InputError(*complaints)
    if not arrivals:
        problem = "no request with output" + (" and the values of --only" if wanted.only else "")
        raise InputError.at(file, 1, problem, "name a trace with at least one request")
    if latest[0] - earliest[0] > MOST_YEARS * YEAR_S:
        middle = float(np.median(np.frombuffer(arrivals, dtype=np.float64)))
        far, line = max((middle - earliest[0], earliest[1]), (latest[0] - middle, latest[1]))
        words = f"the requests span {(latest[0] - earliest[0]) / YEAR_S:,.4g} years, this one "
        words += f"{far / YEAR_S:,.4g} from the middle one"
        raise InputError.at(file, line, words, "correct the times, or give --time-unit")
    times = np.frombuffer(arrivals, dtype=np.float64)
    order = np.argsort(times, kind="stable")
    first = float(times[order[0]])
    start = datetime.fromtimestamp(first, UTC) if clock.absolute else None
    sent_all, received_all, line_of = (
        np.frombuffer(a, dtype=np.int64)[order] for a in (prompts, outputs, places)
    )
    return Trace(times[order] - first, sent_all, received_all, file, dropped, start, line_of)


def _tokens(value: Any) -> int:
    number = plain_number(str(value))
    if number is None or number < 0 or number != int(number) or number > MAX_TOKENS:
        raise ValueError(f"'{shorten(value)}' is not a count of tokens; write a whole number")
    return int(number)
