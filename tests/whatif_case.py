"""A workload whose plans can be redone with a pencil, for the tests of what-if sessions.

150 requests/s of 1,000 + 500 tokens; a published operating point of one DGX B200 serves 144 requests/s
(72,000 tok/s, the vendor's figure); what is left is bought as tokens. No discounting.
"""

from __future__ import annotations

from pathlib import Path

from solver.domain.workload import LoadedWorkload
from solver.inputs.workload import workload_from
from solver.inputs.yaml_text import load_yaml
from solver.whatif.session import Session

TEXT = """\
name: by-hand
services:
  - name: chat
    model: llama-4-maverick
    acquisitions: [buy, api]
    demand: {requests_per_s: 150}
    lengths: {prompt: 1000, output: 500}
    levels: {tokens_per_s_per_user: 50}
horizon: 3 years
money: {discount_rate: 0}
hardware:
  profiles: only
  include: [dgx-b200, cerebras-cs3]
  overrides: {dgx-b200: {price_usd: 500k, power_typ_kw: 10}}
"""
PER_SYSTEM_RPS = 144
ENERGY_USD = 10 * 1.3 * 0.08 * 26_298  # kW x PUE x USD/kWh x hours of three years


def loaded(text: str = TEXT) -> LoadedWorkload:
    """The workload of a text."""
    return workload_from(load_yaml(Path("by-hand.yaml"), text=text), Path())


def session(path: Path | None = None) -> Session:
    """A session about it."""
    return Session.begin(path, loaded())


def usd_of_tokens() -> float:
    """Dollars of one request/s bought as tokens for three years, from a plan of tokens alone."""
    only = session()
    only.change("ways=api")
    plan = only.result().plan
    assert plan is not None
    return plan.objective_usd / 150
