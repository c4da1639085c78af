"""A start-up compares a chip of its own: what serves nothing is told with the reason, in its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from solver.cli.app import main

CHIP = """\
id: my-nvm
name: My NVM server
vendor: Me
kind: nvm-weight
chips: 8
dram_gb: 128
dram_bw_tbs: {bandwidth}
sram_gb: 4
fp8_tflops: 4000
power_kw: 3
price: 120000
source: my data sheet
date: 2026-11-01
"""
WORKLOAD = """\
services:
  - model: llama-3.3-70b
    demand: 40k tokens/s
    lengths: {prompt: 1500, output: 500}
    levels: {ttft: 500 ms, tokens_per_s_per_user: 150}
    acquisitions: [buy]
hardware: {include: [dgx-b200, cerebras-cs3, my-nvm]}
"""


def answer_with(bandwidth: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    (tmp_path / "chip.yaml").write_text(CHIP.format(bandwidth=bandwidth))
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    mine, workload = str(tmp_path / "mine"), str(tmp_path / "w.yaml")
    main_ends(["catalog", "add-system", str(tmp_path / "chip.yaml"), "--out", mine])
    main_ends(["--add-catalogs", mine, "solve", workload, "--no-compare"])
    return " ".join(capsys.readouterr().out.split())


def main_ends(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


def test_a_chip_that_is_too_slow_is_told_by_how_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    slow = answer_with(40, tmp_path, capsys)
    assert "my-nvm can serve nothing here: w: reaches" in slow
    assert "tok/s per user of the 150 promised" in slow


def test_a_chip_that_serves_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "can serve nothing here" not in answer_with(4000, tmp_path, capsys)
