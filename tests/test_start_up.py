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


ROM = """\
id: my-rom
name: My ROM chip
vendor: Me
kind: rom-weight
chips: 1
nvm_gb: 4
nvm_tbs: 60
sram_gb: 0.3
fixed_model: llama-3.1-8b
power_kw: 0.25
price: 3000
source: my data sheet
date: 2026-11-01
"""


def answer_with(bandwidth: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    return answer(CHIP.format(bandwidth=bandwidth), WORKLOAD, tmp_path, capsys)


def answer(chip: str, asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "chip.yaml").write_text(chip)
    (tmp_path / "w.yaml").write_text(asked)
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


def test_a_mask_rom_takes_no_update_whatever_it_is_made_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    asked = (
        WORKLOAD.replace("{", "{{")
        .replace("}", "}}")
        .replace("llama-3.3-70b", "llama-3.1-8b")
        .replace("my-nvm", "my-rom")
    )
    asked = asked.replace("    demand", "    precisions: [fp16, fp8, fp4]\n    {updates}demand")
    assert "can serve nothing" not in answer(ROM, asked.format(updates=""), tmp_path / "a", capsys)
    told = answer(ROM, asked.format(updates="model_updates: 2 per year\n    "), tmp_path / "b", capsys)
    assert "my-rom can serve nothing here" in told
    assert "mask ROM cannot be rewritten" in told
