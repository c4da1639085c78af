"""What a whole source of measurements says when it is left out, and how little of it mends that.

    python benchmarks/left_out_source.py MEASUREMENTS.csv [--source ANL] [--model llama-2-7b]

fits without the rows whose source begins with SOURCE (and those that `solver validate --cv` leaves out with
them), and prints their errors: as predicted, by engine generation, after one factor per engine generation and
family, which a few runs of a user's own would give, and with the rows of one model of that source in the fit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from solver.inputs.catalogs import load_catalog
from solver.performance import crossval
from solver.performance.fit import fit
from solver.performance.mapping import hardware_names
from solver.performance.measured import read_measurements


def tell(title: str, errors: np.ndarray) -> None:
    """Median, share within 50 %, and by what factor predictions are too large."""
    ape = np.abs(np.expm1(errors))
    figures = f"{np.median(ape):7.1%} {(ape <= 0.5).mean():9.1%} {np.exp(np.median(errors)):8.2f}"
    print(f"{title:44} {len(errors):6,} {figures}")


def main() -> None:
    """Fit twice and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--source", default="ANL")
    parser.add_argument("--model", default="llama-2-7b")
    options = parser.parse_args()
    rows, _ = read_measurements(options.file, load_catalog(), hardware_names())
    rows = rows.take(~rows.pipeline)
    names = rows.labels
    theirs = np.array([s.startswith(options.source) for s in names.source])
    parts = crossval.parts(rows, "source", crossval.FOLDS)
    out = np.isin(parts, np.unique(parts[theirs]))
    errors = crossval.log_errors(rows.take(theirs), fit(rows.take(~out), rounds=10))
    print(f"{'left out: ' + options.source:44} {'rows':>6} {'median':>7} {'in 50 %':>9} {'factor':>8}")
    tell("all", errors)
    kinds = np.array(
        [f"{g} {f}" for g, f in zip(names.generation[theirs], names.family[theirs], strict=True)]
    )
    for generation in np.unique(names.generation[theirs].astype(str)):
        tell(f"  {generation}", errors[names.generation[theirs] == generation])
    mended = errors.copy()
    for kind in np.unique(kinds):
        mended[kinds == kind] -= np.median(errors[kinds == kind])
    tell("one factor per generation and family", mended)
    alone = crossval.log_errors(rows.take(theirs), fit(rows.take(~theirs), rounds=10))
    tell("all, other sources of its part in the fit", alone)
    rest = theirs & (names.model != options.model)
    known = fit(rows.take(~out | (theirs & ~rest)), rounds=10)
    tell(f"all but {options.model}", errors[rest[theirs]])
    tell(f"the same, {options.model} in the fit", crossval.log_errors(rows.take(rest), known))


if __name__ == "__main__":
    main()
