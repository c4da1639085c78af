"""Statements put in place of those of a file: ``services.0.demand.requests_per_s=10``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solver.errors import Complaint, InputError, Place
from solver.inputs.keys import KEYS, PEAKS, RATES, SHAPES, section_of
from solver.inputs.validation import shorten
from solver.inputs.yaml_text import load_yaml

_EXAMPLE = "write PATH=VALUE such as services.0.levels.tpot=30 ms"
_TABLES = (
    *("supply", "minimum", "owned", "owned_until", "available_from", "vendor_share", "supplier_supply"),
    *("idle_power_share_by_system", "idle_power_by_system"),
)
_PERCENTILES = ("ttft_percentile", "tpot_percentile", "end_to_end_percentile")


@dataclass(frozen=True)
class Override:
    """One ``path=value`` with the value as parsed YAML."""

    text: str
    path: str
    value: Any

    @property
    def place(self) -> Place:
        """Where complaints about it point."""
        return _place(self.text)


def _place(text: str) -> Place:
    return Place(f"--set {shorten(text)}")


def parse_override(text: str) -> Override:
    """The override that ``text`` states."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip() or "\n" in text or "\r" in text:
        raise InputError(Complaint(_place(text), "not an override", _EXAMPLE))
    try:
        document = load_yaml(Path("--set"), text=f"- {value.strip()}\n")
    except InputError as error:
        complaints = [Complaint(_place(text), c.problem, c.remedy) for c in error.complaints]
        raise InputError(*complaints) from None
    return Override(text, path.strip(), document.data[0])


def set_value(data: dict[str, Any], override: Override, places: dict[str, Place]) -> str:
    """Put the value into ``data``; returns its path with services and sites by index."""
    node: Any = data
    parts = _parts(override.path)
    done: list[str] = []
    for part in parts[:-1]:
        before = node
        node = _step(node, part, done, override)
        if isinstance(before, dict) and node == {}:  # the statement made it
            places.setdefault(".".join(done), override.place)
    last = parts[-1]
    if isinstance(node, list):
        done.append(str(_index(node, last, done, override)))
        node[int(done[-1])] = override.value
        return ".".join(done)
    if not isinstance(node, dict):
        raise InputError(Complaint(override.place, f"nothing stands at '{shorten(override.path)}'", _EXAMPLE))
    _clear(node, ".".join(done), last, override.value, places)
    node[last] = override.value
    return ".".join([*done, last])


def _parts(path: str) -> list[str]:
    """Path elements; ids of systems and names of vendors may hold dots."""
    parts = path.split(".")
    if "token_prices" in parts[:3]:
        first = parts.index("token_prices") + 1
        return parts if len(parts) < first + 2 else [*parts[:first], ".".join(parts[first:-1]), parts[-1]]
    if parts[0] != "hardware" or len(parts) < 3:
        return parts
    if parts[1] in _TABLES:
        return [*parts[:2], ".".join(parts[2:])]
    return [*parts[:2], ".".join(parts[2:-1]), parts[-1]] if len(parts) > 4 else parts


def _step(node: Any, part: str, done: list[str], override: Override) -> Any:
    if isinstance(node, list):
        done.append(str(_index(node, part, done, override)))
        return node[int(done[-1])]
    if not isinstance(node, dict):
        raise InputError(Complaint(override.place, f"nothing stands at '{shorten(override.path)}'", _EXAMPLE))
    key = KEYS.get(section_of(".".join(done)), {}).get(part)
    if key is not None and key.target in node:  # a short spelling of what is stated
        part = key.target
    done.append(part)
    if part == "sites":
        return node.setdefault(part, [{}])
    if part == "lengths":
        node[part] = _single_lengths(node.get(part))
    return node.setdefault(part, {})


def _single_lengths(lengths: Any) -> Any:
    """A histogram of one bucket as ``{prompt: ..., output: ...}``, so that either can be set."""
    if isinstance(lengths, list) and len(lengths) == 1:
        return {"prompt": lengths[0]["prompt_tokens"], "output": lengths[0]["output_tokens"]}
    return lengths


def _index(items: list[Any], part: str, done: list[str], override: Override) -> int:
    """The number of the item that ``part`` means, by index or by name."""
    if part.isdecimal() and part.isascii() and int(part[:9]) < len(items):
        return int(part[:9])
    if done[-1:] == ["lengths"]:
        problem = "the lengths are a histogram"
        remedy = "replace them as a whole: lengths={prompt: 512, output: 128}"
        raise InputError(Complaint(override.place, problem, remedy))
    default = "site" if done[-1:] == ["sites"] else ""
    names = [
        str(item.get("name", item.get("id", default))) if isinstance(item, dict) else "" for item in items
    ]
    if part in names:
        return names.index(part)
    known = [*map(str, range(len(items))), *filter(None, names)][:20]
    remedy = f"write one of {', '.join(known)}"
    raise InputError(Complaint(override.place, f"there is no '{shorten(part)}' here", remedy))


def _clear(node: dict[str, Any], parent: str, key: str, value: Any, places: dict[str, Place]) -> None:
    """Remove what the new statement replaces, so that nothing is stated twice."""
    section = section_of(parent)
    keys = KEYS.get(section, {})
    target = keys[key].target if key in keys else key
    replaced = {name for name, entry in keys.items() if entry.target == target} | {key, target}
    if section == "levels" and key == "percentile":
        replaced.update(_PERCENTILES)
    if section == "levels" and key in ("tokens_per_s_per_user", "tpot", "tpot_ms"):
        replaced.update(("tpot", "tpot_ms", "tokens_per_s_per_user"))
    if section in ("demand", "regional") and key in (*RATES, *PEAKS, *SHAPES, "rate_rps"):
        replaced.update((*RATES, *PEAKS, *SHAPES))
        if isinstance(value, list | dict) or key in (*SHAPES, "rate_rps"):
            replaced.add("rate_rps")
        places.pop(f"{parent}.rate_rps", None)
    if section == "lengths" and key in ("histogram", "quantiles", "trace"):
        replaced.update(("prompt", "output", "prompt_max", "output_max", "histogram", "quantiles", "trace"))
    for name in replaced:
        node.pop(name, None)
        places.pop(f"{parent}.{name}" if parent else name, None)
