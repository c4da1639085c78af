"""A request trace as the text of a workload file: length histogram, rate, burstiness."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.domain.bursts import Bursts
from solver.domain.workload import LengthBucket
from solver.inputs.trace_statistics import (
    busiest_ratio,
    joint_histogram,
    rate_curve,
)
from solver.inputs.traces import Trace

SHORT_S = 1800.0  # traces shorter than that tell little of bursts of minutes
HISTOGRAM_COLUMNS = ("prompt_tokens", "output_tokens", "share", "prompt_max", "output_max")


@dataclass(frozen=True)
class TraceOptions:
    """What the trace does not tell."""

    name: str = "trace"
    model: str = "llama-3.1-8b"
    ttft: str = "1 s"
    tpot: str = "50 ms"
    percentile: float = 95.0
    scale: float = 1.0  # of the request rate
    cells: int = 12  # of the length histogram
    busiest_s: float = 0.0  # size for the busiest window of so many seconds instead of the mean (0: mean)
    histogram: str = ""  # file that holds the histogram, relative to the workload; empty: inline


def workload_text(trace: Trace, options: TraceOptions, bursts: Bursts | None = None) -> str:
    """The workload file; lengths are inline unless ``options.histogram`` names their file.

    ``bursts`` as measured on the trace (:mod:`solver.simulate.burstiness`).
    """
    stored = f" {{histogram: {_quoted(options.histogram)}}}"
    lengths = stored if options.histogram else _inline(trace, options)
    levels = f"{{ttft: {options.ttft}, tpot: {options.tpot}, percentile: {options.percentile:g}}}"
    lines = [
        *(f"# {line}" for line in describe(trace)),
        *_basis(trace, options),
        f"name: {_quoted(options.name)}",
        "services:",
        f"  - name: {_quoted(options.name)}",
        f"    model: {_quoted(options.model)}",
        f"    demand: {_demand(trace, options, bursts)}",
        f"    lengths:{lengths}",
        f"    levels: {levels}",
    ]
    return "\n".join(lines) + "\n"


def histogram_csv(trace: Trace, cells: int, comments: Sequence[str] = ()) -> str:
    """The joint length histogram as a table; ``comments`` (such as a citation) go on top."""
    out = io.StringIO()
    for line in (*describe(trace), *comments):
        out.write(f"# {' '.join(line.split())}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HISTOGRAM_COLUMNS)
    for bucket in _buckets(trace, cells):
        writer.writerow([repr(value) for value in _row(bucket)])
    return out.getvalue()


def describe(trace: Trace) -> list[str]:
    """Sentences that tell what the trace is."""
    start = f" from {trace.start:%Y-%m-%d %H:%M} UTC" if trace.start else ""
    dropped = f"; {trace.dropped:,} without output left out" if trace.dropped else ""
    name = trace.source.replace("\\", "/").rpartition("/")[2]
    hours = trace.duration_s / 3600
    return [
        f"From {_printable(name)}: {len(trace):,} requests in {hours:.2f} h{start}{dropped}.",
        f"Mean prompt {trace.prompt_tokens.mean():.1f} tokens, mean output {trace.output_tokens.mean():.1f} "
        f"tokens (99th percentiles {np.percentile(trace.prompt_tokens, 99):.0f} and "
        f"{np.percentile(trace.output_tokens, 99):.0f}).",
    ]


def _basis(trace: Trace, options: TraceOptions) -> list[str]:
    minute = busiest_ratio(trace, 60.0)
    lines = [
        f"# The busiest minute has {minute:.1f} times the mean rate. Planned burstiness: what queues of",
        "# each time scale need, so that this trace keeps the promise below (docs/explanation/queueing.md).",
    ]
    if (lasts_s := trace.duration_s) < SHORT_S:
        lines.append(f"# The trace lasts {lasts_s:.0f} s; it tells nothing of bursts longer than that.")
    if options.busiest_s:
        lines.append(f"# The demand is that of the busiest {options.busiest_s:g} s of each hour.")
    if options.scale != 1:
        lines.append(f"# The request rate of the trace is multiplied by {options.scale:g}.")
    return lines


def _demand(trace: Trace, options: TraceOptions, bursts: Bursts | None) -> str:
    rates = [_short(rate * options.scale) for rate in rate_curve(trace, options.busiest_s)]
    amount = f"requests_per_s: {rates[0]}"
    if len(rates) > 1:
        amount = f"{'day' if len(rates) == 24 else 'week'}: [{', '.join(rates)}]"
    if bursts is None:
        return f"{{{amount}}}"
    table = ", ".join(f"{t:.4g} s: {z:.3g}" for t, z in zip(bursts.times_s, bursts.values, strict=True))
    return f"{{{amount}, burstiness: {bursts.values[0]:.3g}, planned_burstiness_by_time: {{{table}}}}}"


def _inline(trace: Trace, options: TraceOptions) -> str:
    rows = [", ".join(repr(value) for value in _row(bucket)) for bucket in _buckets(trace, options.cells)]
    head = "\n      histogram:  # prompt, output (mean tokens), share, largest prompt, largest output\n"
    return head + "\n".join(f"        - [{row}]" for row in rows)


def _buckets(trace: Trace, cells: int) -> tuple[LengthBucket, ...]:
    return joint_histogram(trace.prompt_tokens, trace.output_tokens, cells)


def _row(bucket: LengthBucket) -> tuple[float | int, ...]:
    means = (round(bucket.prompt_tokens, 4), round(bucket.output_tokens, 4), round(bucket.share, 9))
    return (*means, int(bucket.prompt_max), int(bucket.output_max))


def _short(value: float) -> str:
    """Six significant digits."""
    return f"{value:.6g}"


def _quoted(text: str) -> str:
    """A YAML scalar in single quotes where it is not a plain word."""
    plain = text.replace("-", "").replace(".", "").replace("_", "").replace("/", "")
    if plain.isascii() and plain.isalnum() and not plain.isdigit() and text[0].isalpha():
        return text
    escaped = _printable(text).replace("'", "''")
    return f"'{escaped}'"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
