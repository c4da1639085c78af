"""Where first tokens of models left out of the fit are off by more than half.

    python benchmarks/left_out_first_tokens.py MEASUREMENTS.csv

leaves out whole models in the parts of `solver validate` and counts their first tokens by what is peculiar to
a run; each row counts in the first group that fits it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from solver.inputs.catalogs import load_catalog
from solver.performance import crossval
from solver.performance.mapping import hardware_names
from solver.performance.measured import read_measurements

QUEUE = 64  # sequences of a worker above which first tokens mostly wait for others


def main() -> None:
    """Predict and count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    rows, _ = read_measurements(parser.parse_args().file, load_catalog(), hardware_names())
    rows = rows.take(~rows.pipeline)
    names, first = rows.labels, rows.labels.metric == "ttft_ms"
    pairs = {*zip(names.generation, names.model, strict=True)}
    models = Counter(generation for generation, _ in pairs)
    errors = crossval.left_out(rows, "model", crossval.FOLDS)
    far = np.abs(np.expm1(errors)) > 0.5
    groups = {
        "disaggregated": rows.apart,
        "speculation not stated, or stated without a rate": rows.speculation != "",
        "an engine generation with no other model": np.array([models[g] == 1 for g in names.generation]),
        "MLPerf": np.array([s.startswith("MLPerf") for s in names.source]),
        "Neuron": names.generation == "neuron-2024",
        "attention groups": rows.decode.data > 1,
        f"more than {QUEUE} sequences a worker": rows.sequences / rows.decode_count > QUEUE,
        "others": np.ones(len(rows), dtype=np.bool_),
    }
    left = first.copy()
    print("| runs | rows | off by more than half | share |\n| --- | --- | --- | --- |")
    for title, mine in groups.items():
        at = left & mine
        left &= ~at
        print(f"| {title} | {at.sum():,} | {far[at].sum():,} | {far[at].mean():.1%} |")
    print(f"| all | {first.sum():,} | {far[first].sum():,} | {far[first].mean():.1%} |")


if __name__ == "__main__":
    main()
