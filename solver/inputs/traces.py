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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from solver.errors import Complaint, InputError, Place, UsageError
from solver.inputs.tables import plain_number
from solver.inputs.validation import shorten

MAX_BYTES = 2_000_000_000
MOST_YEARS, YEAR_S = 20, 365.25 * 86400  # of a trace
MAX_TOKENS = 10**8
MAX_COMPLAINTS = 20

#: What a role may be called in a header (compared in lower case).
NAMES = {
    "arrival": ("timestamp", "arrival", "arrival_time", "time"),
    "prompt": ("contexttokens", "request tokens", "input_length", "prompt_tokens", "input_tokens"),
    "output": ("generatedtokens", "response tokens", "output_length", "output_tokens"),
}


@dataclass(frozen=True)
class Trace:
    """Requests in order of arrival; ``start`` is the wall-clock time of the first one where known."""

    arrival_s: NDArray[np.float64]
    prompt_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    source: str
    dropped: int = 0  # requests without output (failures)
    start: datetime | None = None

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last arrival."""
        return float(self.arrival_s[-1] - self.arrival_s[0])


def read_trace(path: Path, columns: Mapping[str, str] | None = None, time_unit: str = "") -> Trace:
    """The trace at ``path``; ``columns`` names the columns of arrival, prompt and output.

    Numeric times are seconds in CSV and milliseconds in JSONL unless ``time_unit`` says "s" or "ms".
    Requests without output count as failures and are dropped.
    """
    _check_options(columns, time_unit)
    file = str(path)
    is_json = path.suffix.lower() in (".jsonl", ".json", ".ndjson")
    scale = {"s": 1.0, "ms": 1e-3, "": 1e-3 if is_json else 1.0}[time_unit]
    try:
        if not path.is_file():
            raise InputError.at(file, 0, "there is no such file", "check the path")
        if path.stat().st_size > MAX_BYTES:
            raise InputError.at(file, 0, f"larger than {MAX_BYTES / 1e9:g} GB", "cut the trace")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = (_json_rows if is_json else _csv_rows)(lines, file, dict(columns or {}))
            return _collect(rows, file, scale)
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


def _check_options(columns: Mapping[str, str] | None, time_unit: str) -> None:
    for role in columns or {}:
        if role not in NAMES:
            raise UsageError(f"unknown column role '{role}'; name arrival, prompt or output")
    if time_unit not in ("", "s", "ms"):
        raise UsageError(f"unknown time unit '{time_unit}'; write s or ms")


Row = tuple[int, Any, Any, Any]  # line, arrival, prompt, output


def _csv_rows(lines: TextIO, file: str, columns: dict[str, str]) -> Iterator[Row]:
    reader = csv.reader(lines)
    try:
        header = next(reader, [])
        places = _find(header, columns, file)
        least = max(places) + 1
        for row in reader:
            if len(row) >= least:
                yield reader.line_num, row[places[0]], row[places[1]], row[places[2]]
            elif row:
                problem = f"{len(row)} cells where the header has {len(header)}"
                raise InputError.at(file, reader.line_num, problem, "write one cell per column")
    except csv.Error as error:
        raise InputError.at(file, reader.line_num, f"not CSV: {error}", "check the quotes") from None


def _find(header: list[str], columns: dict[str, str], file: str) -> list[int]:
    names = [name.strip().lower() for name in header]
    places = []
    for role, known in NAMES.items():
        wanted = (columns[role].strip().lower(),) if role in columns else known
        found = next((names.index(name) for name in wanted if name in names), None)
        if found is None:
            problem = f"no column for {role} (found: {shorten(', '.join(header))})"
            remedy = f"name one of {', '.join(wanted)}, or give --column {role}=NAME"
            raise InputError.at(file, 1, problem, remedy)
        places.append(found)
    return places


def _json_rows(lines: Iterable[str], file: str, columns: dict[str, str]) -> Iterator[Row]:
    names: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise InputError.at(file, number, "not a JSON object", "write one object per line") from None
        if not isinstance(entry, dict):
            raise InputError.at(file, number, "not a JSON object", "write one object per line")
        if not names:
            keys = list(entry)
            names = [keys[place] for place in _find(keys, columns, file)]
        yield number, entry.get(names[0]), entry.get(names[1]), entry.get(names[2])


def _collect(rows: Iterator[Row], file: str, scale: float) -> Trace:
    arrivals, prompts, outputs = array("d"), array("q"), array("q")
    clock = _Clock(scale)
    complaints: list[Complaint] = []
    dropped, earliest, latest = 0, (math.inf, 1), (-math.inf, 1)
    for line, arrival, prompt, output in rows:
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
    if complaints:
        raise InputError(*complaints)
    if not arrivals:
        raise InputError.at(file, 1, "no request with output", "name a trace with at least one request")
    if latest[0] - earliest[0] > MOST_YEARS * YEAR_S:
        words = f"the requests span {(latest[0] - earliest[0]) / YEAR_S:,.4g} years, from this line on"
        raise InputError.at(file, earliest[1], words, "correct the times, or give --time-unit")
    times = np.frombuffer(arrivals, dtype=np.float64)
    order = np.argsort(times, kind="stable")
    first = float(times[order[0]])
    start = datetime.fromtimestamp(first, UTC) if clock.absolute else None
    sent_all, received_all = (np.frombuffer(a, dtype=np.int64)[order] for a in (prompts, outputs))
    return Trace(times[order] - first, sent_all, received_all, file, dropped, start)


def _tokens(value: Any) -> int:
    number = plain_number(str(value))
    if number is None or number < 0 or number != int(number) or number > MAX_TOKENS:
        raise ValueError(f"'{shorten(value)}' is not a count of tokens; write a whole number")
    return int(number)


class _Clock:
    """Seconds from a number or from a wall-clock time with any number of decimals."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.absolute = False
        self.second = ""
        self.value = 0.0

    def seconds(self, value: Any) -> float:
        """Seconds that a time stands for.

        Raises ValueError where it is none, or of another kind than those before.
        """
        text = str(value).strip()
        number = plain_number(text)
        if number is not None:
            if self.absolute:
                raise ValueError(f"'{shorten(text)}' is a number among times; write a time")
            return number * self.scale
        whole, _, rest = text.partition(".")
        if whole != self.second:
            self.value = self._parse(whole if rest else text)
            self.second = whole if rest else ""
            self.absolute = True
        digits = rest.rstrip("Z")
        if not rest:
            return self.value
        if not digits.isdecimal() or not digits.isascii() or len(digits) > 12:
            raise ValueError(f"'{shorten(text)}' is not a time; write 2023-11-16 18:15:46.680 or seconds")
        return self.value + float(f"0.{digits}")

    def _parse(self, text: str) -> float:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            words = f"'{shorten(text)}' is not a time; write 2023-11-16 18:15:46.680 or seconds"
            raise ValueError(words) from None
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
