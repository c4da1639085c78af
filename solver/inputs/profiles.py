"""Measured operating points from the files of benchmarks: they take the place of physics where they exist.

Formats: :mod:`solver.inputs.benchmark_files`. Mélange instances: :mod:`solver.inputs.melange`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from solver.domain.catalog import MeasuredProfile
from solver.domain.quantity import Evidence, Quantity
from solver.errors import Complaint, InputError, Place
from solver.inputs.benchmark_files import read_runs
from solver.inputs.benchmark_rows import Run, Unusable

_MAX_TOLD = 20  # complaints about a file without a usable run
_DATE = re.compile(r"\d{4}(-\d\d){0,2}")


def _unknown(name: str) -> str:
    return ""


@dataclass(frozen=True)
class Setting:
    """What the runs belong to, in catalog ids; ``chips`` of the system turn GPUs into systems.

    ``gpus``, ``weight_precision`` and ``date`` stand in where the file does not tell. ``system_called`` and
    ``model_called`` give the id that a name in the file means, empty where it is not known.
    """

    model: str
    system: str
    chips: int
    weight_precision: str = ""
    date: str = ""
    gpus: int = 0
    system_called: Callable[[str], str] = _unknown
    model_called: Callable[[str], str] = _unknown


@dataclass(frozen=True)
class ProfileFile:
    """The profiles of a file, and a complaint for each run that gives none."""

    profiles: tuple[MeasuredProfile, ...]
    unusable: tuple[Complaint, ...]


def read_profiles(path: Path, setting: Setting, only: Mapping[str, str] | None = None) -> ProfileFile:
    """The operating points of ``path``; InputError where no run is usable.

    ``only``: column or key -> value that a row must have to count.
    """
    runs, unusable = read_runs(path, only)
    several = len({run.hardware for run in runs}) > 1
    profiles = []
    for run in runs:
        try:
            profiles.append(_profile(path, run, setting, several))
        except Unusable as reason:
            unusable.append(Complaint(Place(str(path), run.line), reason.problem, reason.remedy))
    if not profiles:
        remedy = "give a finished benchmark" if not only else "check the words after --only"
        none = Complaint(Place(str(path), 1), "holds no run that gives an operating point", remedy)
        raise InputError(*unusable[:_MAX_TOLD], none)
    return ProfileFile(tuple(profiles), tuple(unusable))


def _profile(path: Path, run: Run, setting: Setting, several: bool) -> MeasuredProfile:
    _same(run, setting, several)
    precision = _precision(run.precision) or setting.weight_precision
    if not precision:
        raise Unusable("the file tells no precision of the weights", "add --precision fp16, fp8 or fp4")
    when = run.date or setting.date
    if not _DATE.fullmatch(when):
        raise Unusable(f"no date ('{when}')" if when else "no date", "add --date, such as --date 2026-05-17")
    chips = run.chips or setting.gpus
    if not chips:
        raise Unusable("the file does not tell how many GPUs served", "add --gpus")
    copies = max(1, int(setting.chips // chips))  # replicas of the measured kind that a system holds
    word = f"{copies} of them side by side, {chips:g} of {setting.chips} chips each" if copies > 1 else ""
    note = "; ".join(part for part in (run.note, word) if part)

    def quantity(value: float, unit: str, evidence: Evidence = run.evidence, note: str = "") -> Quantity:
        """A value of the run, with its file and line as the source."""
        source = f"{path.name}:{run.line} {run.name}"
        return Quantity(value=value, unit=unit, source=source, date=when, evidence=evidence, note=note)

    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem)
    return MeasuredProfile(
        id=f"{setting.system}/{setting.model}/{stem}-{run.line}",
        model=setting.model,
        system=setting.system,
        systems_per_replica=max(1, math.ceil(chips / setting.chips)),
        weight_precision=precision,
        output_tok_s_per_user=quantity(1e3 / run.tpot_ms, "tok/s"),
        output_tok_s_total=quantity(copies * run.output_tok_s, "tok/s", note=note),
        sequences=quantity(copies * run.sequences, "sequences") if run.sequences else None,
        prompt_tokens=round(run.prompt_tokens) if run.prompt_tokens else None,
        output_tokens=round(run.output_tokens) if run.output_tokens else None,
        ttft_ms=quantity(run.ttft_ms, "ms") if run.ttft_ms else None,
    )


def _same(run: Run, setting: Setting, several: bool) -> None:
    """Refuse runs of another system or model; a name that is not known counts where it is the only one."""
    system, model = setting.system_called(run.hardware), setting.model_called(run.model)
    if run.hardware and system and system != setting.system:
        raise Unusable(f"measured on '{run.hardware}' ({system}), not {setting.system}")
    if run.hardware and not system and several:
        problem = f"measured on '{run.hardware}', which is in no catalog"
        raise Unusable(problem, "where it means the system, keep it with --only")
    if run.model and model and model != setting.model:
        raise Unusable(f"measured with '{run.model}' ({model}), not {setting.model}")


def _precision(text: str) -> str:
    """fp16, fp8 or fp4; empty where the file does not say."""
    from solver.performance.names import weight_precision

    found = weight_precision(text)
    return "fp4" if found == "mxfp4" else found
