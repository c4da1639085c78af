"""What the catalogs hold: systems, models, memory technologies, process nodes, offers, token prices."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from solver.domain.quantity import Frozen, Quantity

SystemKind = Literal[
    "sram-wafer", "sram-chip", "hbm-gpu", "hbm-other", "dram-cpu", "rom-weight", "nvm-weight"
]

#: Every quantity a system may carry: name -> (unit, meaning). All are per *system* unless named per chip.
SYSTEM_QUANTITIES: dict[str, tuple[str, str]] = {
    "fp16_tflops": ("TFLOP/s", "dense fp16/bf16 compute"),
    "fp8_tflops": ("TFLOP/s", "dense fp8 compute"),
    "fp4_tflops": ("TFLOP/s", "dense fp4 compute"),
    "int8_tops": ("TOP/s", "dense int8 compute"),
    "sram_gb": ("GB", "on-chip memory"),
    "sram_bw_tbs": ("TB/s", "on-chip memory bandwidth"),
    "dram_gb": ("GB", "main memory: HBM, GDDR, DDR or the non-volatile weight memory"),
    "dram_bw_tbs": ("TB/s", "main memory bandwidth"),
    "tier2_gb": ("GB", "memory behind a link: MemoryX, Grace LPDDR, SN40L DDR"),
    "tier2_gbs": ("GB/s", "bandwidth to that memory"),
    "scaleup_gbs_per_chip": ("GB/s", "scale-up link, one direction, per chip"),
    "scaleup_domain_chips": ("chips", "chips in one scale-up domain"),
    "scaleout_gbs_per_chip": ("GB/s", "scale-out link, one direction, per chip"),
    "power_max_kw": ("kW", "maximum power"),
    "power_typ_kw": ("kW", "typical power under load"),
    "rack_units": ("U", "rack space"),
    "die_mm2_per_chip": ("mm2", "silicon area per chip"),
    "price_usd": ("USD", "purchase price of one system"),
    "cloud_usd_hr": ("USD/h", "on-demand rental of one system"),
    "own_tco_usd_chip_hr": ("USD/chip/h", "published total cost of ownership"),
    "lead_weeks": ("weeks", "delivery time"),
    "supply_per_year": ("systems/year", "how many can be bought in a year"),
    "mtbf_hours": ("h", "mean time between failures of one system"),
    "repair_hours": ("h", "mean time to repair or replace a failed system"),
}

#: Quantities that are divided by: 0 is refused where they are written.
NEVER_ZERO = ("mtbf_hours", "repair_hours", "life_years")


class System(Frozen):
    """One purchasable system (server, rack, card or cloud instance)."""

    id: str
    name: str
    vendor: str
    kind: SystemKind
    year: int
    status: str
    chips: int = Field(gt=0)
    dram_type: str = ""
    process: str = ""
    family: str = ""  # calibration family; empty: derived from the kind and vendor
    weight_technology: str = ""  # id in technologies, for nvm-weight and rom-weight systems
    fixed_model: str = ""  # mask ROM: the only model it can serve
    needs_host: bool = False  # a card or chip: its price and power leave out the server around it
    note: str = ""
    values: dict[str, Quantity]

    @property
    def available_from(self) -> str:
        """First year of an announced or hypothetical system; empty for those that can be had."""
        return str(self.year) if self.status.startswith(("announced", "hypothetical")) else ""

    def get(self, name: str) -> float | None:
        """The value called ``name`` in the unit of SYSTEM_QUANTITIES, or None where unknown."""
        quantity = self.values.get(name)
        return None if quantity is None else quantity.value


Attention = Literal["mha", "gqa", "gqa-chunked-mix", "gqa-swa-mix", "mla", "unknown"]


class Model(Frozen):
    """Architecture of a language model; all derived sizes follow from these integers."""

    id: str
    name: str
    released: str
    source: str
    date: str
    status: Literal["released", "announced"] = "released"
    missing: tuple[str, ...] = ()  # what an announced model does not tell
    total_params_b: float
    active_params_b: float
    layers: int = 0
    hidden: int = 0
    q_heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    attention: Attention = "unknown"
    window: int = 0  # tokens of a sliding or chunked attention layer
    n_local_layers: int = 0  # layers with that window
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    rope_dim: int = 0
    qk_nope_dim: int = 0
    v_head_dim: int = 0
    sparse_tokens: int = 0  # latent attention that reads only this many selected tokens; 0: all
    index_heads: int = 0  # of the indexer that selects them
    index_dim: int = 0
    ffn_dim: int = 0
    n_experts: int = 0
    top_k: int = 0
    n_shared: int = 0
    moe_ffn_dim: int = 0
    shared_ffn_dim: int = 0
    n_moe_layers: int = 0
    vocab: int = 0
    tied_embeddings: bool = False
    attn_bias: str = ""
    max_context: int = 0
    native_precision: str = ""
    unverified: tuple[str, ...] = ()
    note: str = ""
    aliases: tuple[str, ...] = ()


class Technology(Frozen):
    """A memory technology that could hold weights (density, endurance, energies, latencies)."""

    id: str
    name: str
    vendor: str
    form: str
    status: str
    node_nm: float | None = None
    read_limit: str = ""
    retention: str = ""
    note: str = ""
    values: dict[str, Quantity]


class ProcessNode(Frozen):
    """A process node, a packaging step, a memory price or a reference geometry."""

    id: str
    name: str
    kind: str
    year: str = ""
    note: str = ""
    values: dict[str, Quantity]


OfferKind = Literal["buy", "lease", "reserve", "rent", "spot"]


class Offer(Frozen):
    """One way to get a system. Prices: buy in USD per system; all others in USD per system and hour."""

    id: str
    system: str
    supplier: str
    kind: OfferKind
    price: Quantity
    term_months: int = 0  # lease and reserve
    minimum_lot: int = 1
    supply_per_year: Quantity | None = None
    lead_weeks: Quantity | None = None
    available_from: str = ""
    support_share_per_year: Quantity | None = None  # of the purchase price
    residual_share: Quantity | None = None  # of the purchase price at the end of life
    life_years: Quantity | None = None
    note: str = ""


class TokenApi(Frozen):
    """A price per token at a provider, with the limits that bind."""

    id: str
    provider: str
    model: str
    provider_model_id: str
    snapshot: str
    status: str
    input_usd_per_m: Quantity
    output_usd_per_m: Quantity
    cached_input_usd_per_m: Quantity | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    requests_per_minute: Quantity | None = None
    tokens_per_minute: Quantity | None = None
    output_tok_s_per_user: Quantity | None = None
    ttft_ms: Quantity | None = None
    note: str = ""


class MeasuredProfile(Frozen):
    """A published or measured operating point: it carries its figure as evidence instead of physics."""

    id: str
    model: str
    system: str
    systems_per_replica: int
    weight_precision: str
    output_tok_s_per_user: Quantity
    output_tok_s_total: Quantity  # per replica
    sequences: Quantity | None = None  # concurrent sequences; default total / per user
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    ttft_ms: Quantity | None = None
    note: str = ""


class Catalog(Frozen):
    """All catalogs together; ids are unique within each mapping."""

    version: str
    systems: dict[str, System]
    models: dict[str, Model]
    technologies: dict[str, Technology]
    nodes: dict[str, ProcessNode]
    offers: dict[str, Offer]
    apis: dict[str, TokenApi]
    profiles: dict[str, MeasuredProfile]
