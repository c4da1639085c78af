"""The short form of a system: only what a datasheet tells, completed to a catalog entry.

What is left out stays unknown (never guessed); :func:`left_out` says what follows from that.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from solver.domain.catalog import NEVER_ZERO, SYSTEM_QUANTITIES, System, SystemKind
from solver.domain.quantity import Evidence, Frozen, Quantity
from solver.errors import Complaint, InputError
from solver.inputs.validation import build_at
from solver.inputs.yaml_text import Document

#: Word of the short form -> quantity of the catalog. Quantities may be written by their own name too.
SHORT = {
    "hbm_gb": "dram_gb",
    "hbm_tbs": "dram_bw_tbs",
    "nvm_gb": "dram_gb",
    "nvm_tbs": "dram_bw_tbs",
    "power_kw": "power_max_kw",
    "price": "price_usd",
    "rent_usd_hr": "cloud_usd_hr",
}
#: Quantities that stand per chip or for the whole group whatever ``per`` says.
_NEVER_SCALED = {"scaleup_domain_chips", "lead_weeks", "supply_per_year", "own_tco_usd_chip_hr"}
_NEVER_SCALED |= {"mtbf_hours", "repair_hours"}
_COMPUTE = ("fp16_tflops", "fp8_tflops", "int8_tops")
_PRICES = {"price_usd", "cloud_usd_hr"}
#: Memory that the physics reads weights from, by kind.
_SRAM_KINDS = ("sram-wafer", "sram-chip")
_LASTING_KINDS = ("nvm-weight", "rom-weight")


class Datasheet(Frozen):
    """A datasheet in words of the catalog; ``values`` are the quantities, for one system or one chip."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")
    name: str
    vendor: str
    kind: SystemKind
    chips: int = Field(gt=0)
    source: str = Field(min_length=1)
    date: str = Field(pattern=r"^\d{4}(-\d\d){0,2}$")
    per: Literal["system", "chip"] = "system"  # what the quantities are stated for
    evidence: Evidence = "datasheet"
    price_source: str = ""  # default: the source of the rest
    price_date: str = ""
    year: int = 0  # default: the year of the date
    status: str = "sold"
    family: str = ""  # calibration family, where the name does not tell it
    dram_type: str = ""
    weight_technology: str = ""
    fixed_model: str = ""
    note: str = ""
    values: dict[str, float]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [word for word, there in self._needed() if not there]
        if missing:
            raise ValueError(f"the datasheet leaves out {', '.join(missing)}; write them")
        negative = [name for name, value in self.values.items() if value < 0]
        if negative:
            raise ValueError(f"{', '.join(negative)} is negative; write 0 or more, or leave it out")
        zero = [name for name in NEVER_ZERO if self.values.get(name) == 0]
        if zero:
            raise ValueError(f"{', '.join(zero)} is 0; write more than 0, or leave it out")
        return self

    def _needed(self) -> list[tuple[str, bool]]:
        """What no system can do without, in words of the short form, and whether it is there."""
        has = self.values.__contains__
        memory = [("sram_gb", has("sram_gb")), ("sram_bw_tbs", has("sram_bw_tbs"))]
        if self.kind not in _SRAM_KINDS:
            word = "nvm" if self.kind in _LASTING_KINDS else "hbm"
            memory = [(f"{word}_gb", has("dram_gb")), (f"{word}_tbs", has("dram_bw_tbs"))]
        if self.kind == "nvm-weight":
            memory.append(("sram_gb (or tier2_gb) for the KV cache", has("sram_gb") or has("tier2_gb")))
        if self.kind == "rom-weight":
            memory += [("sram_gb for the KV cache", has("sram_gb")), ("fixed_model", bool(self.fixed_model))]
        else:
            memory.append(("fp16_tflops (or fp8_tflops, int8_tops)", any(map(has, _COMPUTE))))
        return [
            *memory,
            ("power_kw", has("power_max_kw")),
            ("price (or rent_usd_hr)", any(map(has, _PRICES))),
        ]


def read_datasheet(document: Document) -> System:
    """The system that a short form describes; InputError with file:line names what is missing or wrong."""
    if not isinstance(document.data, dict):
        raise InputError.at(document.file, 1, "a list where keys belong", "write lines such as 'id: my-box'")
    data: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for word, value in document.data.items():
        quantity = SHORT.get(word, word)
        if quantity not in SYSTEM_QUANTITIES:
            data[word] = value
        elif quantity in values:
            raise InputError(
                Complaint(document.place(word), f"'{word}' is stated twice", "delete one of them")
            )
        else:
            values[quantity] = value
    words = {SHORT.get(word, word): word for word in document.data}
    return _system(
        build_at(
            Datasheet,
            {**data, "values": values},
            lambda path: document.place(words.get(path.removeprefix("values."), path)),
            also_known=lambda path: () if path else {*SHORT, *SYSTEM_QUANTITIES} - {"values"},
            spoken={"values": "", **{f"values.{quantity}": word for quantity, word in words.items()}},
        )
    )


def _system(sheet: Datasheet) -> System:
    return System(
        id=sheet.id,
        name=sheet.name,
        vendor=sheet.vendor,
        kind=sheet.kind,
        year=sheet.year or int(sheet.date[:4]),
        status=sheet.status,
        chips=sheet.chips,
        dram_type=sheet.dram_type,
        family=sheet.family,
        weight_technology=sheet.weight_technology,
        fixed_model=sheet.fixed_model,
        note=sheet.note,
        values={name: _quantity(sheet, name, value) for name, value in sheet.values.items()},
    )


def _quantity(sheet: Datasheet, name: str, stated: float) -> Quantity:
    unit = SYSTEM_QUANTITIES[name][0]
    scaled = sheet.per == "chip" and name not in _NEVER_SCALED and not name.endswith("_per_chip")
    price = name in _PRICES
    return Quantity(
        value=stated * sheet.chips if scaled else stated,
        unit=unit,
        source=(price and sheet.price_source) or sheet.source,
        date=(price and sheet.price_date) or sheet.date,
        evidence=sheet.evidence,
        note=f"{sheet.chips} x {stated:g} per chip" if scaled else "",
    )


def left_out(system: System) -> list[str]:
    """What the entry does not tell, and what the program does instead."""
    follows = {
        "power_typ_kw": "typical power: the maximum is billed",
        "rack_units": "rack space: none is billed",
        "lead_weeks": "delivery time: delivered at once",
        "supply_per_year": "supply: not limited",
    }
    if "fp16_tflops" not in system.values:
        follows["fp16_tflops"] = "fp16 compute: fp16 weights are refused"
    if "int8_tops" not in system.values:
        follows["fp8_tflops"] = "fp8 compute: fp8 weights are refused"
    if system.kind in _LASTING_KINDS and not system.weight_technology:
        follows["weight_technology"] = "weight technology: the memory never wears out"
    if system.chips > 1:
        follows["scaleup_gbs_per_chip"] = "scale-up link: a PCIe link joins the chips"
    return [f"not told, {words}" for name, words in follows.items() if name not in system.values]
