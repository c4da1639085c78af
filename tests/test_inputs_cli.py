"""``solver workload`` through its public interface."""

from pathlib import Path

import pytest

from solver.cli import workload as module
from solver.cli.app import main
from solver.errors import ExitCode
from solver.inputs.workload import load_workload


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "requests.csv"
    rows = "".join(f"{i * 2},{100 + i % 3},{10 + i % 2}\n" for i in range(100))
    path.write_text(f"Timestamp,Request tokens,Response tokens\n{rows}")
    return path


def test_from_trace_writes_a_workload_that_loads(
    tmp_path: Path, trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "w.yaml"
    code, out, err = run(
        capsys, "workload", "from-trace", trace, "-o", output, "--model", "llama-3.1-70b", "--scale", 2,
        "--histogram", "lengths/w.csv", "--cite", "made up", "--tpot", "40 ms",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "100 requests" in out
    (service,) = load_workload(output).workload.services
    assert service.name == "w"
    assert service.model == "llama-3.1-70b"
    assert service.demand.rate_rps == pytest.approx((1.0,))  # one each 2 s, times 2
    assert service.levels.tpot_ms == 40
    assert sum(b.share * b.prompt_tokens for b in service.lengths) == pytest.approx(100.99)
    assert "# made up" in (tmp_path / "lengths" / "w.csv").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lengths", "requests.csv", "w.yaml"]


def test_check_tells_what_was_understood(
    tmp_path: Path, trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "w.yaml"
    run(capsys, "workload", "from-trace", trace, "-o", output)
    code, out, _ = run(capsys, "workload", "check", output, "--set", "services.0.levels.tpot=30 ms")
    assert code == 0
    assert "TPOT 30 ms at p95" in out
    assert "0.5 requests/s" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: [{model: lama-3.1-8b, demand: 1 requests/s, lengths: [[1, 1, 1]]}]", "unknown model"),
        ("hardware: {exclude: [dgx-b2000]}", "unknown system 'dgx-b2000'; did you mean 'dgx-b200'?"),
        ("hardware: {supply: {nothing-like-it-at-all: 1}}", "see 'solver catalog list systems'"),
    ],
)
def test_check_knows_the_catalogs(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not text.startswith("services"):
        text += "\nservices: [{model: llama-3.1-8b, demand: 1 requests/s, lengths: [[1, 1, 1]]}]"
    (tmp_path / "w.yaml").write_text(text)
    code, out, err = run(capsys, "workload", "check", tmp_path / "w.yaml")
    assert (code, out) == (ExitCode.BAD_INPUT, "")
    assert err.startswith(f"{tmp_path}/w.yaml:1:") and words in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("from-trace", "absent.csv", "-o", "w.yaml"),
        ("from-trace", "{trace}", "-o", "w.yaml", "--histogram", "../out.csv"),
        ("from-trace", "{trace}", "-o", "w.yaml", "--column", "prompt"),
        ("from-trace", "{trace}", "-o", "w.yaml", "--column", "prompts=x"),
        ("from-trace", "{trace}", "-o", "w.yaml", "--tpot", "fast"),
        ("from-trace", "{trace}", "-o", "w.yaml", "--tpot", "5 ms}, hardware: {x: 1"),
        ("from-trace", "{trace}", "-o", "w.yaml", "--percentile", "100"),
        ("check", "absent.yaml"),
    ],
)
def test_bad_use_ends_with_a_sentence(
    tmp_path: Path,
    trace: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "workload", *(a.replace("{trace}", str(trace)) for a in arguments))
    assert code == ExitCode.BAD_INPUT
    assert err and "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["requests.csv"]


def test_what_cannot_be_written_is_told(
    tmp_path: Path, trace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the trace is measured, which may take a minute."""
    monkeypatch.setattr(module, "_bursts", None)
    code, _, err = run(capsys, "workload", "from-trace", trace, "-o", tmp_path / "no" / "w.yaml")
    assert code == ExitCode.BAD_INPUT
    assert "cannot be written: there is no such folder" in err
