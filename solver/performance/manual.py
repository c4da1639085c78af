"""The page docs/reference/performance-model.md, made from the program's own constants: it cannot drift.

``python -m solver.performance.manual > docs/reference/performance-model.md`` writes it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver.domain.catalog import Catalog
from solver.performance.architecture import parameters
from solver.performance.calibration import Calibration, load_calibration
from solver.performance.constants import CONSTANTS, NAMES
from solver.performance.crossval import GROUP_NAMES
from solver.performance.manual_measured import LEFT_OUT, OWN
from solver.performance.manual_text import FORMULAS, STREAMS
from solver.performance.own_check import CASES, OwnCheck, errors, own_check, prefills, shares, steps
from solver.performance.published import published_points

_NOVELTY = {
    "known": "nothing but the load",
    "model": "the model",
    "relative": "the system; its family ran this engine",
    "system": "the system and its family with this engine",
    "generation": "the engine generation",
}


def page(c: Calibration, catalog: Catalog) -> str:
    """The whole page."""
    parts = [FORMULAS, "## Constants and their priors\n", _priors(), "## Fitted constants for plans\n"]
    parts += [_fitted(c), "## Layers that own their memory: constants\n", _latencies(c)]
    parts += [
        "## Published single streams\n",
        _published(c, catalog),
        "## Errors on rows left out\n",
        _errors(c),
        "## Checked on a GPU of our own\n",
        _own(own_check(c, catalog), catalog),
    ]
    return "\n".join(parts)


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = ["| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *lines)]
    return "\n".join(rows) + "\n"


def _priors() -> str:
    heads = ("constant", "unit", "meaning", "prior median", "factor (1 sd)", "bounds")
    lines = [
        (
            f"`{name}`",
            c.unit,
            c.meaning,
            f"{c.median:g}",
            f"{np.exp(c.width):.2f}",
            f"{c.low:g} to {c.high:g}",
        )
        for name, c in CONSTANTS.items()
    ]
    note = (
        "Prior medians come from kernel tables (NVIDIA aiconfigurator performance database of 2026-11, "
        "Vidur, LLMCompass) and data sheets.\n"
    )
    return note + "\n" + _table(heads, lines)


def _fitted(c: Calibration) -> str:
    """One row per family: the constants of a system that has only its family and generation in common."""
    heads = ("family", "generation", "rows", *(f"`{n}`" for n in NAMES))
    lines = []
    for family, generation in c.current.items():
        values = np.exp(c.logs(family, generation, "", ""))
        rows = c.rows.get("family", {}).get(c.relatives.get(family, family), 0)
        origin = f"{rows:,}" if family not in c.relatives else f"as {c.relatives[family]}"
        lines.append((family, generation, origin if rows else "none", *(f"{v:.3g}" for v in values)))
    total = c.rows["all"][""]
    text = f"{total:,} rows of {c.source}, newest {c.date}. Systems with rows of their own differ further.\n"
    return text + "\n" + _table(heads, lines)


def _latencies(c: Calibration) -> str:
    heads = (
        "family",
        "us per layer",
        "ns per unit of width",
        "us per routed layer",
        "lanes",
        "80 %",
        "source",
    )
    lines = [
        (
            family,
            *(f"{v:g}" for v in (x.layer_us, x.layer_ns_per_hidden, x.moe_layer_us, x.lanes)),
            f"factor {c.latency_spreads[family]:g}",
            c.latency_sources[family],
        )
        for family, x in c.latencies.items()
    ]
    return _table(heads, lines)


def _published(c: Calibration, catalog: Catalog) -> str:
    """Single streams of the catalog, and why one set of constants cannot hold for all of a system."""
    heads = ("profile", "published, tok/s", "predicted", "us per layer and token", "reason")
    points = [p for p in published_points(catalog, c) if "single-stream" in p["profile"]]
    lines = [
        (p["profile"], f"{p['published']:g}", f"{p['predicted']:g}", f"{p['layer_us']:g}", p["reason"])
        for p in points
    ]
    by_name = {p["profile"].removeprefix("cerebras-cs3/"): p for p in points}
    plain, drafted, wide = (
        by_name[f"llama-3.1-{m}"]
        for m in ("70b/single-stream-plain", "70b/single-stream", "405b/single-stream")
    )
    gain = drafted["published"] / plain["predicted"]
    text = STREAMS.format(
        wide=wide["layer_us"],
        narrow=plain["layer_us"],
        predicted=1e6 / (wide["predicted"] * catalog.models["llama-3.1-405b"].layers),
        reading=1e6 / wide["bound"],  # each layer from its own share of the memory
        gain=gain,
        reached=gain * wide["predicted"],
        below=1 - gain * wide["predicted"] / wide["published"],
        published=wide["published"],
        ratios=", ".join(
            f"{by_name[f'{m}/single-stream']['ratio']:.1f} ({catalog.models[m].name})"
            for m in ("gpt-oss-120b", "kimi-k2", "glm-4.5", "llama-4-maverick")
        ),
    )
    return text + "\n" + _table(heads, lines)


def _errors(c: Calibration) -> str:
    heads = ("left out", "metric", "rows", "median", "mean", "p90", "within 50 %")
    lines = []
    for kind, groups in c.errors.items():
        for group, e in groups.items():
            if e["rows"]:
                shares = (f"{e[k]:.1%}" for k in ("median_ape", "mean_ape", "p90_ape", "within_half"))
                lines.append((kind, group, f"{e['rows']:,}", *shares))
    text = (
        "Whole series, models, systems or sources are left out together, in parts; each row is predicted by\n"
        "a fit that saw nothing of its group.\n"
    )
    stated = "Intervals that predictions state: 80 % of left-out rows lie within this factor.\n"
    new = [(_NOVELTY[k], *(f"{s[g]:.2f}" for g in GROUP_NAMES)) for k, s in c.spreads.items()]
    intervals = _table(("new to the fit", *GROUP_NAMES), new)
    return "\n".join([text, _table(heads, lines), stated, intervals, LEFT_OUT])


def _own(o: OwnCheck, catalog: Catalog) -> str:
    """Steps and prefills that this project measured, beside predictions."""
    case = ("model", "precision")
    tables = (
        (
            *case,
            "what",
            "rows",
            "median",
            "largest",
            "no host: median",
            "largest",
            "bound / measured, at most",
        ),
        (*case, "part alone", "ms", "share reached", "share fitted"),
        (*case, "sequences", "512 tokens", "2,048 tokens", "8,192 tokens"),
        ("tokens", *("{} {}".format(*pair) for pair in CASES)),
    )
    lines = (errors(o), shares(o, catalog), steps(o), prefills(o))
    made = [_table(heads, [*rows]) for heads, rows in zip(tables, lines, strict=True)]
    names = ("llama-3.1-8b", "qwen3-30b-a3b", "gpt-oss-20b")
    models = [catalog.models[name] for name in names]
    heads = ", ".join(f"{m.vocab * m.hidden / parameters(m).active:.0%} for {m.name}" for m in models)
    card, software = o.parts["card"].split(",")[0], o.parts["software"]
    text = OWN.format(card=card, software=software, heads=heads, **o.rates())
    parts = text.split("TABLE\n")
    return "".join(a + b for a, b in zip(parts, [*made, ""], strict=True))


if __name__ == "__main__":
    from solver.inputs.catalogs import load_catalog

    print(page(load_calibration(), load_catalog()), end="")
