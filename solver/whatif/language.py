"""The language of changes: from what people say to a canonical line.

Canonical: ``FIELD[.SUBJECT]=VALUE`` with a short name (solver.whatif.fields), or any ``PATH=VALUE`` of a
workload file. Spoken forms are understood too: "CS-3 at $1.0M", "demand x2", "TPOT 10 ms for chat",
"no wafers before July", "drop site B", "Maverick goes fp8". A canonical line means the same for everyone
who reads the record: names are the catalog's, months have a year.
"""

from __future__ import annotations

import difflib
import re

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload, Workload
from solver.errors import InputError
from solver.whatif.apply import NONE
from solver.whatif.fields import FIELDS, Field, split
from solver.whatif.instead import instead
from solver.whatif.months import month_of
from solver.whatif.names import find, kind_of, letters, model_id, subjects

LONGEST = 20_000  # characters of a change

_NAME = r"[\w][\w .+/-]*?"
_MONTH = r"[\w][\w -]*"
_MOVE = r"(?:[x×*]\s*[\d.]+|[+-]\s*[\d.]+\s*%)"
_MONEY = r"\$?\s*[\d.]+\s*(?:[kMB]|bn)?\s*\$?"
_LATER = re.compile(r"(.+?)\s+(?:from|starting|beginning)\s+(?:in\s+)?(.+)", re.IGNORECASE)
_TIMES = {"doubles": "x2", "triples": "x3", "halves": "x0.5"}
_SPOKEN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), made)
    for pattern, made in (
        (rf"demand\s+(?:of\s+|for\s+)?(?P<s>\S+)\s+(?P<v>{_MOVE})", "demand.{s}={v}"),
        (rf"demand\s+(?P<v>{_MOVE})", "demand={v}"),
        (rf"demand\s+(?:of\s+|for\s+)?(?P<s>\S+)\s+(?P<v>{'|'.join(_TIMES)})", "demand.{s}={v}"),
        (rf"demand\s+(?P<v>{'|'.join(_TIMES)})", "demand={v}"),
        (rf"(?P<s>{_NAME})\s+(?P<f>starts|ends)\s+(?:in\s+)?(?P<v>{_MONTH})", "{f}.{s}={v}"),
        (rf"(?P<s>{_NAME})\s+(?P<v>\d+\s+months?)\s+late", "from.{s}=in {v} later"),
        (rf"(?:token|API)\s*prices?\s+(?:of\s+)?(?P<s>{_NAME})\s+(?P<v>{_MOVE})", "tokens.{s}={v}"),
        (rf"(?:token|API)\s*prices?\s+(?P<v>{_MOVE})", "tokens={v}"),
        (rf"(?:energy|power)\s+(?:price|cost)s?\s+(?:at\s+(?P<s>\S+)\s+)?(?P<v>{_MOVE})", "energy.{s}={v}"),
        (rf"rental\s+prices?(?:\s+of)?(?:\s+(?P<s>{_NAME}))?\s+(?P<v>{_MOVE})", "rental.{s}={v}"),
        (rf"price\s+of\s+(?P<s>{_NAME})\s+(?P<v>{_MOVE})", "price.{s}={v}"),
        (rf"(?P<s>{_NAME})\s+price\s+(?P<v>{_MOVE})", "price.{s}={v}"),
        (r"(?P<f>tpot|ttft)\s+(?P<v>[0-9.]+\s*(?:ms|s|us))(?:\s+(?:for|of)\s+(?P<s>\S+))?", "{f}.{s}={v}"),
        (rf"(?:no|without)\s+(?P<s>{_NAME})\s+before\s+(?P<v>{_MONTH})", "from.{s}={v}"),
        (rf"(?:no|without)\s+(?P<s>{_NAME})", "exclude={s}"),
        (rf"drop\s+site\s+(?P<s>{_NAME})", "drop.{s}=yes"),
        (rf"(?P<s>{_NAME})\s+goes\s+(?:to\s+)?(?P<v>fp16|fp8|fp4)", "precision.{s}={v}"),
        (rf"(?:capex\s+)?budget\s+(?P<v>{_MONEY})\s+(?:in|for)\s+(?P<s>\d+)", "budget.{s}={v}"),
        (rf"opex(?:\s+budget)?\s+(?P<v>{_MONEY})\s+(?:in|for)\s+(?P<s>\d+)", "opex.{s}={v}"),
        (rf"(?:capex\s+)?budget\s+(?P<v>{_MONEY})", "budget.capex={v}"),
        (rf"total\s+budget\s+(?P<v>{_MONEY})", "budget.total={v}"),
        (rf"(?P<s>{_NAME})\s+(?:at|for)\s+(?P<v>\$?\s*[0-9.]+)\s*(?:/h|per hour)", "rental.{s}={v}"),
        (rf"(?P<s>{_NAME})\s+(?:at|for)\s+(?P<v>{_MONEY})", "price.{s}={v}"),
        (rf"(?P<s>{_NAME})\s+(?:demand\s+)?(?P<v>{_MOVE})", "demand.{s}={v}"),
    )
)


def canonical(text: str, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """The canonical line of a change; InputError names what is not understood and what to write instead."""
    said = " ".join(text.split())
    if len(said) > LONGEST:
        raise InputError.at(said[:40], 0, f"longer than {LONGEST} characters", "write a shorter change")
    left, equals, value = said.partition("=")
    if not equals:
        return canonical(_spoken(said), loaded, catalog)
    left, value = left.strip(), value.strip()
    field, subject = split(left)
    if field is None:
        if "." not in left and left not in Workload.model_fields:
            raise _unknown(left)
        return f"{left}={value}"
    if not value:
        raise InputError.at(f"{left}=", 0, "has no value", f"write for example {field.example}")
    if field.subject:
        subject = _subject(field, subject, loaded, catalog)
    elif subject:
        raise InputError.at(left, 0, "takes no name", f"write for example {field.example}")
    value = _value(field, subject, value, loaded, catalog)
    return f"{field.name}{'.' if subject else ''}{subject}={value}"


def _value(field: Field, subject: str, value: str, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """The value with names and months in canonical form."""
    start, hardware = loaded.workload.horizon.start, loaded.workload.hardware
    if value.lower() in NONE:
        return value
    later = _LATER.fullmatch(value)
    if later:
        month = month_of(later[2], start)
        if not field.timed:
            remedy = instead(field, subject, later[1], month)
            said = f"{field.name}{'.' if subject else ''}{subject}={value}"[:60]
            raise InputError.at(said, 0, "holds for the whole horizon", remedy)
        return f"{later[1]} from {month}"
    if field.name == "from":
        late = value.endswith(" later") and subject in hardware.available_from
        return month_of(value, hardware.available_from[subject] if late else start)
    if field.name in ("starts", "ends", "opens", "start"):
        return month_of(value, start)
    if field.name in ("exclude", "allow", "only"):
        return ",".join(_system(word.strip(), loaded, catalog) for word in value.strip("[]").split(","))
    return value


def _subject(field: Field, subject: str, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """The canonical name of a subject."""
    if not subject:
        return _only_one(field, loaded, catalog)
    if subject == "*" and field.subject in ("service", "provider"):
        return subject
    if field.subject == "system":
        return _system(subject, loaded, catalog)
    known = subjects(field.subject, loaded.workload, catalog)
    if field.subject == "service" and subject not in known:
        model = _common_model(subject, loaded, catalog)
        if model:
            return model
    return find(subject, known, field.subject)


def _system(word: str, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """A system, or a kind of systems (``wafers``)."""
    if word not in catalog.systems:
        kind = kind_of(word, catalog)
        if kind:
            return kind
    return find(word, subjects("system", loaded.workload, catalog), "system")


def _common_model(word: str, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """The model that a word means, if several services share it and none is called so."""
    key = letters(word)
    if not key or any(key in letters(s.name) for s in loaded.workload.services):
        return ""
    meant = [m for s in loaded.workload.services if key in letters(m := model_id(s, catalog))]
    return meant[0] if len(meant) > 1 and len(set(meant)) == 1 else ""


def _only_one(field: Field, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """Left out, the subject is the only one there is, or (services, providers) all of them."""
    names = list(subjects(field.subject, loaded.workload, catalog))
    if len(names) == 1:
        return names[0]
    if field.subject in ("service", "provider"):
        return "*"
    example = f"{field.name}.{names[0]}={field.example.partition('=')[2]}" if names else field.example
    raise InputError.at(
        f"{field.name}=", 0, f"does not say which {field.subject}", f"write for example {example}"
    )


def _spoken(said: str) -> str:
    later = _LATER.fullmatch(said)
    if later:
        return f"{_spoken(later[1])} from {later[2]}"
    for pattern, made in _SPOKEN:
        match = pattern.fullmatch(said)
        if match:
            words = {k: (v or "").strip() for k, v in match.groupdict().items()}
            words["f"] = words.get("f", "").lower()
            words["v"] = _TIMES.get(words.get("v", "").lower(), words.get("v", ""))
            return made.format(**words).replace(".=", "=")
    raise _unknown(said)


def _unknown(said: str) -> InputError:
    word = said.partition(".")[0].split(" ")[0][:40]
    near = difflib.get_close_matches(word.lower(), FIELDS, 1)
    hint = FIELDS[near[0]].example if near else "price.cerebras-cs3=1.0M or demand.chat=x2"
    return InputError.at(said[:60], 0, "is not understood", f"write for example {hint}; `fields` lists all")
