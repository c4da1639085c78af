"""The trace that a replay is given."""

from __future__ import annotations

from dataclasses import dataclass

from solver.errors import InputError
from solver.inputs.trace_statistics import busiest_window
from solver.inputs.traces import Trace
from solver.simulate.types import Floats, Ints

#: Traces up to so long are replayed whole; of others the busiest hour is taken.
_WHOLE_S, HOUR_S = 7200.0, 3600.0
#: Shorter ones are refused: what is laid end to end would turn thousands of times.
SHORTEST_S = 1.0


@dataclass(frozen=True)
class TraceLengths:
    """A real trace: seconds since its first request, prompt and output tokens."""

    arrival_s: Floats
    prompt_tokens: Ints
    output_tokens: Ints
    source: str = ""
    arrivals_only: bool = False  # lengths are drawn from the workload's histogram
    from_s: float | None = None  # where the busiest hour begins, if that alone is taken
    line: Ints | None = None  # of the file, one for each request

    def line_of(self, prompt: int, output: int) -> int:
        """The first line of the file with a request of these tokens; 0 where it is not known."""
        if self.line is None:
            return 0
        mine = self.line[(self.prompt_tokens == prompt) & (self.output_tokens == output)]
        return int(mine.min()) if len(mine) else 0

    @classmethod
    def of(cls, trace: Trace, source: str, arrivals_only: bool = False) -> TraceLengths:
        """A trace as it is replayed: whole, or its busiest hour if it lasts for more than two.

        The rate of a plan's hour stands for that hour alone: a whole day, nights included, that is scaled to
        it would have busier hours than any that was stated. InputError for a trace of less than a second.
        """
        if trace.duration_s <= _WHOLE_S:
            _check_span(trace.arrival_s, trace.source, "the requests")
            lengths = trace.prompt_tokens, trace.output_tokens
            return cls(trace.arrival_s, *lengths, source, arrivals_only, line=trace.line)
        mine = busiest_window(trace, HOUR_S)
        _check_span(trace.arrival_s[mine], trace.source, "the requests of the busiest hour")
        first = float(trace.arrival_s[mine][0])
        arrival_s = trace.arrival_s[mine] - first
        lengths = trace.prompt_tokens[mine], trace.output_tokens[mine]
        line = None if trace.line is None else trace.line[mine]
        return cls(arrival_s, *lengths, source, arrivals_only, first - float(trace.arrival_s[0]), line)


def _check_span(arrival_s: Floats, file: str, which: str) -> None:
    if (span_s := float(arrival_s[-1] - arrival_s[0])) < SHORTEST_S:
        problem = f"{which} span {span_s:.3g} s; a replay needs {SHORTEST_S:g} s or more"
        remedy = "give a longer trace, its times in seconds (CSV) or milliseconds (JSONL)"
        raise InputError.at(file, 1, problem, remedy)
