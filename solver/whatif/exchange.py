"""A session as one file that reopens elsewhere, and the proof that its plans come out the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from solver.domain.workload import LoadedWorkload
from solver.errors import InputError, SolverError
from solver.inputs.workload import workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml
from solver.whatif.journal import Event, replayed
from solver.whatif.planner import holds
from solver.whatif.session import Session
from solver.whatif.store import FORMAT, Store

MAX_BYTES = 500_000_000
_EVENTS = TypeAdapter(list[Event])


def exported(session: Session) -> str:
    """The whole session as JSON text: workload, journal and plans."""
    store = session.store
    document = {
        "format": FORMAT,
        "name": session.base.workload.name,
        "catalog": session.catalog.version,
        "base": session.base.model_dump(mode="json"),
        "events": [asdict(event) for event in store.events()],
        "plans": {key: store.plan(key) for key in store.plan_keys()},
    }
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def is_export(path: Path) -> bool:
    """Whether a file looks like an exported session."""
    try:
        with path.open("rb") as file:
            return b'"format": "fleet-session/' in file.read(200)
    except OSError:
        return False


def imported(path: Path, target: Path | None) -> Store:
    """A new store (``target``; None: in memory) with the session of an exported file.

    Plans are taken over only if they pass the exact check again; what is left out is solved when asked for.
    """
    document = _read(path)
    try:
        base = LoadedWorkload.model_validate_json(json.dumps(document["base"]))
        _as_a_file(base)
        events = _EVENTS.validate_python(document["events"])
        replayed(events)
        kept = dict(document.get("plans", {}))
    except (KeyError, TypeError, ValueError, SolverError) as error:
        words = str(error).splitlines()[0]
        raise InputError.at(str(path), 0, f"not an exported session ({words})", "export it again") from None
    plans = {str(k): v for k, v in kept.items() if isinstance(v, str) and holds(v)}
    store = Store(target)
    facts = {"format": FORMAT, "base": base.model_dump_json(), "name": base.workload.name}
    store.restore(facts, events, plans)
    return store


def _as_a_file(base: LoadedWorkload) -> None:
    """Hold the workload to all that is asked of a workload file."""
    text = workload_to_yaml(base.workload)
    if workload_from(load_yaml(Path(base.file), text=text), Path()).workload != base.workload:
        raise ValueError("its workload is not one that a file can state")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError.at(str(path), 0, f"larger than {MAX_BYTES // 10**6} MB")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError.at(str(path), 0, f"cannot be read as JSON ({error})", "export it again") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError.at(str(path), 0, "not an exported session", f"it states 'format': '{FORMAT}'")
    return document


@dataclass(frozen=True)
class Replay:
    """What solving every state afresh showed."""

    states: int
    same: int
    different: tuple[int, ...]
    new: int  # states that had no plan yet


def replay(session: Session) -> Replay:
    """Solve every state of the journal afresh and compare with the plans kept, byte for byte."""
    planner, different, same, new = session.planner, [], 0, 0
    numbers = [0, *session.journal.nodes]
    for number in numbers:
        loaded = session.loaded(f"@{number}")
        for compare in (False, True):
            kept = session.store.plan(planner.key(loaded, compare))
            if kept is None:
                new += not compare
            elif planner.compute(loaded, compare).body == kept:
                same += 1
            else:
                different.append(number)
    return Replay(len(numbers), same, tuple(different), new)
