"""The strict YAML loader: what is read exactly, what is refused, and where."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from solver.errors import InputError, Place
from solver.inputs import yaml_parser
from solver.inputs.yaml_text import MAX_BYTES, build, load_yaml

FILE = Path("f.yaml")


def data(text: str) -> object:
    return load_yaml(FILE, text=text).data


@pytest.mark.parametrize(
    "written",
    ["1e3", "30_000", "$30000", "010", "1:30", "NO", "on", "1.10", ".inf", "2026-02-30", "12:30:45", "0x1F"],
)
def test_scalars_stay_text(written: str) -> None:
    assert data(f"a: {written}\nb: [{written}]") == {"a": written, "b": [written]}


def test_null_and_quotes() -> None:
    assert data("a: null\nb: ~\nc:\nd: 'null'\ne: \"~\"\nf: ''") == {
        "a": None, "b": None, "c": None, "d": "null", "e": "~", "f": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1", "'a' is already in line 1"),
        ("x:\n  - {k: 1, k: 2}", "f.yaml:2:12", "'k' is already in line 2"),
        ("a: &x 1\nb: *x", "f.yaml:1:4", "anchor '&x'"),
        ("a: 1\nb: *x", "f.yaml:2:4", "alias '*x'"),
        ("a: &a [*a]", "f.yaml:1:4", "anchor"),
        ("a:\n  <<: {b: 1}", "f.yaml:2:3", "merge key"),
        ("? [a]\n: 1", "f.yaml:1:3", "list or mapping"),
        ("? {a: 1}\n: 1", "f.yaml:1:3", "list or mapping"),
        ("~: 1", "f.yaml:1:1", "empty"),
        ("a:\t1", "f.yaml:1:3", "tab"),
        ("a: 1\nb: \0", "f.yaml:2:4", "U+0000"),
        ('a: "\\0"', "f.yaml:1:4", "control character"),
        ('"\\u202e": 1', "f.yaml:1:1", "control character"),
        ("a: \u202etxt", "f.yaml:1:4", "U+202E"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1", "second document"),
        ("a: !!python/object:os.system x", "f.yaml:1:4", "tag"),
        ("a: !x [1]", "f.yaml:1:4", "tag"),
        ("a: " + "9" * 31, "f.yaml:1:4", "31 digits"),
        ("a: " + "9" * 10_000, "f.yaml:1:4", "digits"),
        ("a: 1e400", "f.yaml:1:4", "double precision"),
        ("a: 1.0e-400", "f.yaml:1:4", "double precision"),
        ("[" * 500, "f.yaml:1:65", "deeper than 64"),
        ("a: [1, 2", "f.yaml:2:1", "not YAML"),
        ("a: 'x", "f.yaml:1:6", "not YAML"),
        ("a: b: c", "f.yaml:1:5", "not YAML"),
        ("", "f.yaml:1", "no keys"),
        ("# only a comment", "f.yaml:1", "no keys"),
        ("word", "f.yaml:1", "no keys"),
        ("\ud800", "f.yaml:1", "UTF-8"),
    ],
)
def test_refused_with_place_and_remedy(text: str, place: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        load_yaml(FILE, text=text)
    (complaint,) = caught.value.complaints
    assert str(complaint.place) == place
    assert word in complaint.problem
    assert complaint.remedy


def test_alias_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(
        f"{k}: &{k} [{', '.join([f'*{j}'] * 9)}]\n" for j, k in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(InputError, match=r"f\.yaml:1:4: the anchor"):
        load_yaml(FILE, text=bomb)


def test_depth_of_64_is_allowed() -> None:
    assert load_yaml(FILE, text="[" * 64 + "]" * 64).data == eval_nested(64)


def eval_nested(depth: int) -> list[object]:
    nested: list[object] = []
    for _ in range(depth - 1):
        nested = [nested]
    return nested


def test_scalar_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_parser, "MAX_SCALARS", 3)
    assert data("[1, 2, 3]") == ["1", "2", "3"]
    with pytest.raises(InputError, match="more than 3 values"):
        data("[1, 2, 3, 4]")


def test_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="larger than 10 MB"):
        load_yaml(path)


def test_nesting_beyond_the_parsers_own_limit_is_refused_in_the_same_words() -> None:
    with pytest.raises(InputError, match="deeper than 64") as caught:
        load_yaml(FILE, text="[" * 5000)
    assert caught.value.complaints[0].place.line == 1


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.yaml", tmp_path / "a\0b", tmp_path / ("x" * 5000)):
        with pytest.raises(InputError) as caught:
            load_yaml(path)
        assert caught.value.complaints[0].remedy
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InputError, match=r"latin\.yaml:2: not UTF-8"):
        load_yaml(path)


def test_places_of_keys_and_items(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text("services:\n  - name: a\n    levels: {tpot_ms: 50}\nlist: [x, y]\n")
    document = load_yaml(path)
    assert document.places["services.0.levels.tpot_ms"] == Place(str(path), 3, 14)
    assert document.places["services.0"] == Place(str(path), 2, 5)
    assert document.places["list.1"] == Place(str(path), 4, 11)
    assert document.place("services.0.levels.ttft_ms") == Place(str(path), 3, 5)


def test_byte_order_mark_and_carriage_returns_are_fine() -> None:
    assert data("\ufeffa: 1\r\nb: 2\r\n") == {"a": "1", "b": "2"}


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    power: float = Field(gt=0)
    count: int = 1
    flag: bool = False
    kind: str = ""


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parts: tuple[Part, ...]
    named: dict[str, Part] = {}


def test_build_converts_text() -> None:
    whole = build(Whole, load_yaml(FILE, text="parts: [{power: 1e3, count: 010, flag: NO, kind: NO}]"))
    assert whole.parts[0] == Part(power=1000.0, count=10, flag=False, kind="NO")


def test_build_reports_everything_at_once() -> None:
    text = "parts:\n  - powr: 3\n  - {power: 30,000}\n  - {power: -1, count: 1.5, flag: maybe}\n"
    text += "named: {x: {power: x}}\n"
    with pytest.raises(InputError) as caught:
        build(Whole, load_yaml(FILE, text=text))
    assert str(caught.value).splitlines() == [
        "f.yaml:2:5: the key 'power' is missing; add 'power: ...'",
        "f.yaml:2:5: unknown key 'powr'; did you mean 'power'?",
        "f.yaml:3:16: unknown key '000'; write numbers without commas, such as 30000",
        "f.yaml:4:6: parts.2.power is '-1'; write more than 0",
        "f.yaml:4:17: parts.2.count is '1.5'; write a whole number",
        "f.yaml:4:29: parts.2.flag is 'maybe'; write true or false",
        "f.yaml:5:13: named.x.power is 'x'; write a number such as 0.5 or 1e9, without separators or unit",
    ]


def test_build_a_part() -> None:
    document = load_yaml(FILE, text="parts:\n  - power: 2\n  - power: none\n")
    assert build(Part, document, at="parts.0").power == 2
    with pytest.raises(InputError, match=r"f.yaml:3:5: power is 'none'"):
        build(Part, document, at="parts.1")


def test_one_edit_typos_find_the_key() -> None:
    """At least 95 % of one-edit typos of the workload's own keys propose the right key."""
    from solver.inputs.keys import KEYS
    from solver.inputs.validation import unknown_key

    keys = sorted({key for section in KEYS.values() for key in section})
    tried = found = 0
    for key in keys:
        for i in range(len(key)):
            for typo in (key[:i] + key[i + 1 :], key[:i] + "x" + key[i + 1 :], key[:i] + "x" + key[i:]):
                if typo and typo not in keys:
                    tried += 1
                    found += f"'{key}'" in unknown_key(typo, keys)[1]
    assert tried > 500
    assert found / tried >= 0.95
