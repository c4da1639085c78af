"""The explanations of the manual of the performance model, to which :mod:`manual` adds the figures."""

from __future__ import annotations

FORMULAS = """\
# Performance model

Made by `python -m solver.performance.manual`; a test compares this page with the program.

## Sizes

Everything follows from the integers of the architecture (`solver catalog show MODEL`): width `h`, heads `q`,
KV heads `k` of size `d`, inner width `f`, experts `E` of which a token takes `k_E`; latent attention has
ranks `r_q`, `r_kv` and head parts `n` (no position), `r` (rotary), `v` (value).

- Attention of a layer: `h d (2 q + 2 k)` parameters (Vaswani et al. 2017); latent: `h r_q + r_q q (n + r) +
  h (r_kv + r) + r_kv q (n + v) + q v h` (DeepSeek-V2 2024, arXiv 2405.04434, section 2.1).
- Feed-forward: `3 h f` per dense layer or expert (Shazeer 2020, arXiv 2002.05202).
- KV values per token: `2 k d` per layer, latent `r_kv + r`; layers with a window keep at most the window.
- Sparse latent attention (DeepSeek-V3.2, GLM-5) also stores the indexer's key of every token (`index_dim`
  values); a step reads the keys of all tokens and the latents of the `sparse_tokens` selected ones. The
  indexer has `r_q index_heads index_dim + h (index_dim + index_heads)` parameters a layer (DeepSeek-V3.2
  report 2025).
- Distinct experts that T tokens hit: `E (1 - (1 - k_E / E)^T')` with `T' = 1 + (T - 1) independent`: tokens
  of a step prefer the same experts.
- Operations: 2 per parameter that a token multiplies with; prefill attention `2 q (d_key + d_value) n^2 / 2`
  per layer (causal mask), a band in layers with a window.

## A decode step

`b` sequences with `c` context tokens on `t` (tensor) x `a` (attention groups) x `p` (pipeline stages) chips:

    step = max(dense bytes / (t m B),            (b / a) 2 P_dense / (t u F))          dense matrices
         + max(hit experts' bytes / (t a m_e B), b 2 P_expert / (t a u_e F))           routed experts
         + max((b / a) (c KV + KV_window) s g^r / (m_kv B),  (b / a) c attention / (t u F16))
         + (L o + L_moe o_e) w + L_moe hit experts o_x / a + L_latent o_l + L_sparse o_s
         + 2 L AR + host loop + stages x 10 us                                         overheads
         + (b / a) (s_seq + passes 2 L h / (m B))                                      per sequence
         + b x bytes on links / (link share x link rate)

- `B`, `F`: bandwidth and FLOP/s of the data sheet; `m`, `u`: achieved shares, times a precision's factor.
- `s = max(1 / t, 1 / KV heads)`: beyond one chip per KV head the KV is stored twice.
- `w = 1 + width_share (h / 5,120 - 1)`: small kernels grow with the width of the model, those that route
  tokens to experts too; these take `o_e = moe_layer_us (1 + route_share (k_E / 8 - 1))`.
- `m_e = m x expert_memory`: the matrices of an expert are small and picked one by one.
- `passes` (`activation_passes`): how often a token's h activations of 2 bytes are read or written per layer
  between the matrices (norms, residuals, quantisation, routing); tensor parallelism does not share this out.
- MXFP4 models (gpt-oss) keep all but their experts in 16 bits, which are read and multiplied as such. The
  bytes of their experts hold the scales, those of other 4-bit weights do not, so `fp4_memory` counts 4.5 / 4
  times for them (NVFP4: a scale of 8 bits for 16 weights).
- `g^r`: g query heads share a KV head; r (`group_reading`) is 0 where one reading of the KV serves all of
  them, 1 where each reads its own.
- `u_e = u x moe_factor x w / (w + w_half)` for experts of inner width `w`.
- `AR = collective_us (0.5 + 0.5 log2(t a))`; bytes: a ring of 2 (t - 1) / t per all-reduce, or 3 k_E h per
  token and layer where experts exchange tokens (Thakur et al., IJHPCA 19, 2005).
- Reading and computing overlap within a component (roofline: Williams et al., CACM 52, 2009).

## Prefill

A token costs `2 P_dense / (u F) + 2 P_expert (1 + padding) / (u_e F)` over the chips, plus bytes on links and
passes over its activations;
`padding = tile x hit experts / (k_E x tokens in the step)`. A prompt of n tokens costs n of these plus `n^2
x attention / (u F16)`, at least one reading of all weights, plus the overheads of a step, those of the
layers times `eager` (graphs are replayed in decode only). With sparse attention the indexer is the
quadratic part. Prompt tokens that hit a prefix cache cost nothing; new ones attend to all.

## Layers that own their memory

SRAM wafers and chips, mask ROM and NVM chips: a token takes `L (o + g h) + L_moe o_e`, or the reading of its
weights and KV where that is longer. Layers work on different sequences at once: one token per layer time and
lane. Streaming weights from external memory (MemoryX) is the roofline above with the link as bandwidth.
No measurement shows the aggregate of a full wafer pipeline: that part is an assumption.

## Prefill and decode on separate pools

`solver/performance/separate_pools.py`, from the columns of the step table (p `prefill_s`, q
`prefill_quadratic_s`, g `prefill_step_s`, f `fixed_s`, s `sequence_s`, x `context_s`):

- Prefill replica, busy: a prompt of I tokens occupies `I (p + g / 8192) + I^2 q` replica-seconds
  (`prefill_work_s`); idle: first token after `server + g + I p + I^2 q` (`prefill_first_token_s`).
- Decode replica: `f + b (s + c x)` per step, no prompt work in between.
- Transfer (`own_link`, `transfer_bytes`): `transfer_ms + KV(I) / (chips x link rate x link_share)` over the
  scale-out links of each side, for pools need not stand in one domain; refused by name where the catalog
  knows no rate. Nothing overlaps with prefill: an upper bound for engines that send layer by layer.
  `transfer_ms` is fitted on disaggregated runs and holds routing too.

## Speculative decoding

With `a` tokens per step on average a step verifies `2 a - 1` tokens and its time counts for `a`. Stated by
the acceptance `p` of `n` drafts (`solver/performance/speculation.py`): a step yields
`(1 - p^(n+1)) / (1 - p)` tokens, verifies `n + 1` and lasts `1 + n c` times as long, c the cost of a draft
(Leviathan, Kalman, Matias 2023, arXiv 2211.17192); in pipelines drafts pass the layers one behind the other.
The tokens of a sequence are verified together: neither microbatches nor attention groups share them out.
A draft model's weights (a copy for each attention group) and its KV of each sequence are taken from the
memory for KV, in the precisions of the model (`solver/operating_points/variants.py`).

## KV behind a link

With a share p of running sequences' KV in tier-2 memory (`solver/performance/offload.py`) the chips hold
1 / (1 - p) times as many sequences, as far as the tier holds their part; a step is longer by
`p KV(c) / link rate` for each sequence, a prompt by `p KV(I) / link rate`, on decode replicas of separate
pools too: there it is the work of a prompt, and part of the first token. Nothing overlaps: an upper bound.
The split by shares is that of FlexGen (Sheng et al., ICML 2023, arXiv 2303.06865). No measurement shows it
here: the link counts with the rate of its data sheet.

## Cached prefixes

`solver/operating_points/variants.py`: a share h of a prompt of I tokens, found again after T seconds, stands
`KV(h I) x T` byte-seconds in a memory per request (Little's law): of the chips (resource "KV memory"), or of
the host, over `tier2_gb`. From the host `KV(h I)` passes the link `tier2_gbs`, a capacity, and the longest
prefix is read back before the first token. Running sequences are not moved to the host.

## What a benchmark reports

- Static batch: `first token + batch prefill + output tokens x step`, in waves where the KV does not fit.
- Closed loop at concurrency C: `TPOT = step + (1 - burst) n p` with n = (B - 1) / output tokens prompts per
  step of p each; a request that arrives meets a step in progress (`E[s^2] / 2 E[s]`, prompts Poisson), shares
  its own with n others, and of a benchmark's first wave, where all clients start at once, a share `burst` of
  the rivals' prompts comes before its first token and not between its others: `TTFT = server + own prefill +
  step + E[s^2] / 2 E[s] + n p + burst x rival prefills + waiting`. Waiting where C exceeds what fits;
  throughput by Little's law `C / (TTFT + output tokens x TPOT)`; the running batch B is the fixed point.
- Where the scheduler looks for requests every W steps, a prompt waits W / 2 of them; where it lets the first
  one wait for up to W steps, while k = W n others come that wait half of it, W (1 + k / 2) / (1 + k). Either
  way it shares its step with W n prompts. W is 1 but for servers whose suite states another
  (`solver/performance/suites.py`: SGLang and TensorRT-LLM in InferenceX; lengths of this suite are 0.9 of the
  nominal ones on average).
- Attention groups wait for each other: k prompts taken at once cost `k p + max(lone - p, 0)`, at k below 1 a
  lone prompt's time each.
- Open loop (server): the same without the first wave.
- Everything queued: B fills the memory; steps and prefills share the time.
- Beam search with k beams: a request takes k sequences of a step and one prompt.
- Prefill and decode on separate pools: no interference; TTFT is at least what the prefill pool allows.

## Speed of light

The same formulas with all shares 1, no overheads or hops, experts shared by all tokens, output matrices that
prompts do not pass, and first tokens that wait for their own prompt only: no implementation can beat it, no
prediction passes it. A faster measurement is reported as a wrong input, a prediction below 5 % of it as a
warning (first tokens that queue apart).

## Fitting

The logarithm of a constant is a sum of effects: all accelerators + engine + family + engine generation +
vendor, family and system in that generation + model + model in that generation. Gaussian priors
draw effects to zero, so what has no rows falls back on what it belongs to; constants of software may move
more with the generation, those of hardware more with the family. `solver calibrate MEASUREMENTS.csv`
minimises the Cauchy loss of log(predicted / measured) with `scipy.optimize.least_squares` and measures the
errors on rows left out. The form of the model, the priors and the widths of the effects were chosen with an
eye on left-out models and systems of the same file, so the errors below flatter a little.

How much, for the changes of 2026-11: the models were parted into two halves, alternating in the order of
their latency rows (A: DeepSeek-R1, gpt-oss-120b, MiniMax-M2.5, Llama-2-70B, ...; B: Llama-3.1-70B, Qwen3-32B,
Llama-3.1-8B, Qwen3-235B, ...), and a change was kept where the mean Cauchy loss of A, left out, fell. A share
of bandwidth for experts and growth of routed layers with the width took A from 0.520 to 0.497, and B, which
had no say, from 0.584 to 0.571; median TPOT errors went from 18.0 % to 15.5 % in A and from 14.3 % to 13.7 %
in B, TTFT from 33.5 % to 29.8 % and from 32.7 % to 31.6 % (6 parts). Not kept, because A lost: engine
generations by year of release, launches that hide behind prefill work, routed layers relative to others.

A second round (14 parts, as `solver validate` does): the settings that InferenceX publishes, and `burst` of
each engine by itself, which are facts or freedom and were not chosen; and `route_share`, which took A from
0.475 to 0.464 and B from 0.525 to 0.524. Settings and `route_share` together took A from 0.467 to 0.464 and
B from 0.542 to 0.524; median errors of TPOT rose from 14.3 % to 15.2 %, those of TTFT fell from 27.6 % to
26.4 %. The stated KV precision is kept as a fact, though A would be 0.459 without it. Not kept, because A
lost: a time of routed layers in prefill of its own, prefill overheads that belong to the model.

A third round (14 parts, 10 looks at left-out models; losses as means of log(1 + (error / 0.3)^2), at first
A 0.710, B 0.697). Corrections, kept whatever they did: prompts that a scheduler takes together on attention
groups (A 0.715, B 0.701), prefills of a first wave that do not count twice (A 0.716, B 0.696), 16-bit parts
of MXFP4 models and first tokens of tt-metal (A 0.653, B 0.669). Chosen by A: vLLM before 0.14, whose host
loop does not overlap with the step (async scheduling is the default since 0.14, January 2026; issue 3833 of
deepjavalibrary/djl), is not of the generation after it (A 0.671, B 0.688); passes over activations, with the
scales of 4-bit weights (A 0.660, B 0.691); an effect of the vendor's software stack in a generation (last:
A 0.652, B 0.665). Over all models median errors of TPOT went from 15.2 % to 13.5 %, of TTFT from 26.4 % to
24.1 %; of throughput on left-out systems from 17.0 % to 15.0 %. Not kept, because A lost: heavy-tailed priors
of effects (A 0.716, B 0.706), more freedom for the vendor's stack (A 0.669, B 0.683; left-out systems gain).

A fourth look (26 November 2026, the same losses and halves), at what own measurements (below) suggest.
Nothing was fitted again for it. Output matrices that each prompt passes once, and that stay at 16 bits beside
narrower weights: A 0.649, B 0.666. Lost on top of it: activations of each expert moved as bytes (A 0.653,
B 0.671), launches that hide behind prefill work (A 0.702, B 0.642: engines do not behave like the plain
program).

A fifth (26 November 2026): scripts of InferenceX store the KV of Llama 70B on Hopper and, from April 2026
on, of MiniMax-M2.5 on Blackwell in 8 bits too; a fact, fitted again with it: A from 0.653 to 0.625, B from
0.668 to 0.669. Before, the fit needed 1.9 times the memory that a B200 has left for KV (`kv_room`); now it
finds 1.0 there and 0.9 on Hopper. On the same rows and parts first tokens of models left out are within 50
% in 77.1 % (75.6 % without the fact), 24.3 % off (25.7 %). Not kept, because A and B lost on top of it:
output matrices that each prompt passes once (A 0.627, B 0.679), routed experts of a prompt that take the
longer of computing and reading for the tokens of a step (A 0.633, B 0.682) or both (A 0.642, B 0.709),
collectives that take in prefill what they take in decode (A 0.629, B 0.679).

A sixth (26 November 2026; on the rows mapped now A begins at 0.629, B at 0.663). Prompts of a first wave fill
steps, each with its overheads, where scripts of InferenceX tell how many tokens a step takes (one prompt in
TensorRT-LLM with DeepSeek-R1, 8,192 to 32,768 tokens elsewhere): A 0.601, B 0.644, first tokens within 50 %
in 80.8 % instead of 77.2 %, 22.1 % off instead of 24.5 %; but those of systems left out in 77.6 % instead of
79.7 %, and time per token of models left out is 14.3 % off instead of 13.7 %. The constants here do not hold
it: it waits for a next fit, with which all that is printed from them changes. Lost on top of it: inner widths
of experts that tensor parallelism cuts (A 0.634, B 0.657); and, before SGLang's steps were known (A 0.602, B
0.654), overheads of layers without a graph in steps that take a prompt beside decode (A 0.651, B 0.644) and
weights that are read before a prompt is computed, not meanwhile (A 0.594, B 0.671).

## Speed

`python -m solver.operating_points.benchmark [MODEL ...]` prints the CPU time of all step tables and operating
points of a model on the whole catalog, of the same table remembered, and of rows computed one by one. Tables
are vectorised over systems, precisions, layouts and batches, and remembered by content. Both together take
0.25 to 1.0 s for each model of the catalog (26 November 2026, one core, load 6 on two; the longest are
Qwen3-30B-A3B, DeepSeek-V2-Lite and gpt-oss-20b, which have the most layouts).
"""

STREAMS = """\
One set of constants per system. That of CS-3 follows figures of 2024-08, before it speculated. No set without
speculation holds for all: a layer of Llama 405B, twice as wide as one of 70B, would have to take {wide:g} us
instead of {narrow:g} us. The constants say {predicted:.1f} us. Bandwidth does not explain it: reading a
layer's weights from its share of the SRAM of 20 systems takes {reading:.1f} us; nor do more systems in a row,
through which one sequence passes layer by layer. What does: in October 2024 a draft model made 70B {gain:.1f}
times as fast on this system, as the vendor says. The same gain puts 405B of November 2024 at {reached:.0f}
tok/s, {below:.0%} below the published {published:g}. Routed models would need fewer tokens per step:
{ratios}.
Whether they were drafted is not published. A public fit of what this system gives one user, 3,322 a^-0.294
tokens per second at a billion active parameters (SemiAnalysis, 2026), says 1,444 for Llama 4 Maverick, less
than was measured there too. Rows after the shipped points are those of `catalogs/published_streams.csv`.
"""
