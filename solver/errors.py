"""The ways a run can end, and the exit code of each (a promise to scripts)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    VERIFIED = 0
    OUR_FAULT = 1
    BAD_INPUT = 2
    INFEASIBLE = 3
    NUMERICALLY_REFUSED = 4
    LIMIT_WITHOUT_PLAN = 5
    VERIFICATION_FAILED = 6
    LIMIT_WITH_PLAN = 7
    INTERRUPTED = 130


@dataclass(frozen=True)
class Place:
    """Where a statement stands in a file of the user (line and column count from 1)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong in an input: where, what, and what to write instead."""

    place: Place
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        words = self.problem + (f"; {self.remedy}" if self.remedy else "")
        return f"{self.place}: {' '.join(words.split())}"  # one line, whatever the user's text holds


class SolverError(Exception):
    """An ending that the user can act on; printed as one line, never as a traceback."""

    exit_code: ExitCode = ExitCode.OUR_FAULT


class InputError(SolverError):
    """Bad input: one or more complaints, each with file, line and remedy."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, *complaints: Complaint) -> None:
        self.complaints = complaints
        super().__init__("\n".join(str(c) for c in complaints))

    @classmethod
    def at(cls, file: str, line: int, problem: str, remedy: str = "", column: int = 0) -> InputError:
        """An input error with a single complaint."""
        return cls(Complaint(Place(file, line, column), problem, remedy))


class UsageError(SolverError):
    """A command or function was called with words it does not know."""

    exit_code = ExitCode.BAD_INPUT


class InfeasibleError(SolverError):
    """The statements of the user cannot hold together; ``reasons`` is a minimal set of them."""

    exit_code = ExitCode.INFEASIBLE

    def __init__(self, message: str, reasons: tuple[str, ...] = ()) -> None:
        self.reasons = reasons
        super().__init__(message)


class NumericalRefusal(SolverError):
    """The numbers of the problem span a range in which a solver's word is worth nothing."""

    exit_code = ExitCode.NUMERICALLY_REFUSED

    def __init__(self, message: str, row: int | None = None, column: int = -1, size: float = 0.0) -> None:
        self.row, self.column, self.size = row, column, size  # of the program, where one number is at fault
        super().__init__(message)


class LimitReached(SolverError):
    """A time or memory limit was reached before any plan was found."""

    exit_code = ExitCode.LIMIT_WITHOUT_PLAN


class Interrupted(SolverError):
    """Ctrl-C before any plan was found."""

    exit_code = ExitCode.INTERRUPTED


class VerificationFailed(SolverError):
    """A plan did not pass the exact check; nothing is shown or written."""

    exit_code = ExitCode.VERIFICATION_FAILED

    def __init__(self, message: str, failures: tuple[str, ...] = ()) -> None:
        self.failures = failures
        super().__init__(message)
