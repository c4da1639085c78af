"""Text of the performance page on what measurements say; its tables of own rows are made anew (manual.py)."""

LEFT_OUT = """\
Whole sources: 4,386 of 11,307 rows are one source, LLM-Inference-Bench (ANL, arXiv 2411.00136, software of
2024). But for 110 rows of two systems nobody else ran vLLM of before 0.7, so with this source left out that
generation counts as the newer vLLM, 2.4 times as fast: what a generation gains cannot be known without runs
of it. Errors of these rows (26 November 2026, `benchmarks/left_out_source.py`):

| in the fit | rows | median | within 50 % |
| --- | --- | --- | --- |
| nothing of the source | 4,386 | 54.9% | 48.4% |
| of these, vLLM of 2024 | 2,718 | 136.7% | 25.0% |
| of these, TensorRT-LLM of 2024 | 858 | 19.6% | 97.0% |
| all other sources, so 110 rows of vLLM of 2024 | 4,386 | 49.8% | 50.1% |
| nothing of the source, but one factor per engine generation and family | 4,386 | 11.1% | 88.9% |
| nothing of the source, without its rows of Llama-2-7B | 3,322 | 60.7% | 46.1% |
| its rows of Llama-2-7B, so that the generation is known | 3,322 | 19.4% | 80.0% |

First tokens of models left out that are off by more than half (26 November 2026,
`benchmarks/left_out_first_tokens.py`; each row in the first group that it belongs to):

| runs | rows | off by more than half | share |
| --- | --- | --- | --- |
| disaggregated | 178 | 99 | 55.6% |
| speculation not stated, or without a rate | 144 | 60 | 41.7% |
| an engine generation with no other model | 58 | 58 | 100.0% |
| MLPerf | 191 | 52 | 27.2% |
| Neuron | 60 | 20 | 33.3% |
| attention groups | 61 | 18 | 29.5% |
| more than 64 sequences a worker | 241 | 75 | 31.1% |
| others | 1,465 | 168 | 11.5% |
| all | 2,398 | 550 | 22.9% |

The 58 of one model are SGLang 0.5.1 with equal lengths, where requests that start together probably end
together: each meets 38 % of its rivals' prompts (`burst`). Elsewhere that share is about 6 %, near that of a
first wave in ten (half of the rivals, in a tenth of the requests).
"""

OWN = """\
Decode steps and prefills of whole models with random weights on one {card}, in {software} alone, without
an engine (26 November 2026; `benchmarks/gpu_steps.py`, rows in `catalogs/own_measurements.csv`): 16-bit
KV, one CUDA graph per step, matrices by cuBLAS, attention by cuDNN, what lies between as one kernel each;
results agree with plain float32 arithmetic. Medians of 20 to 200 repeats. Llama-3.1-8B at 16 bits, run
again an hour later on such a card: steps within 1.4 %, replayed prefills within 4.2 %, eager ones of up
to 512 tokens, which wait for the host, 16 to 32 ms. A decode step at a context of n tokens is filed as a
run of n - 1 prompt and 2 output tokens, whose second token it is. Nothing is fitted to them; `solver
validate catalogs/own_measurements.csv` compares them. Predictions are those of the newest vLLM on this
system; "no host" leaves out its host loop, scheduler, sampling and server, which these runs do not have.

The card alone: copies {copy:.3g} TB/s (read and written), reads {read:.3g} TB/s, 8,192-wide matrices
{bf16:.0f} TFLOP/s (bf16) and {fp8:,.0f} TFLOP/s (fp8), {us:.3g} us per kernel of a graph.

Errors of the prediction, and the bound as a share of what was measured (above 100 % it would be wrong):

TABLE

Parts alone, as shares of the data sheet's rates:

TABLE

What that says of the form of the model:

- Steps over batch and context: right within a few percent where the model is dense. The split is not: weights
  are read slower than the fit says, and what it calls host loop and layers holds the rest. Context is read as
  fast as predicted. Beyond 64 sequences the fitted time per sequence is the engine's, not the chip's.
- The fit multiplies the output matrix with every prompt token; only the last needs it. Its share of the
  parameters a token uses: {heads}.
- Launches hide behind the work of a prompt: an eager prefill takes the longer of the two (launches are 16 ms
  of Llama-3.1-8B and 46 ms of Qwen3-30B-A3B here), while the model adds both.
- Routed experts: their bytes are read slower than fitted, and in prefill their matrices run more than twice
  as fast as the share fitted to an inner width of 768. No model that narrow was fitted: those of the fit have
  1,024 to 14,336, on Hopper from 1,536 on, and engines cut them by tensor parallelism besides, so the share
  is drawn out to where this card stands. A form that divides the width by the cut lost (sixth look above).
  Random weights send the tokens of a prompt to the same experts more often than trained ones, so short
  prompts read fewer of them than the model counts.

Decode steps, ms: measured / predicted (no host).

TABLE

First tokens of one prompt, ms: eager; replayed as a graph / predicted (no host).

TABLE
"""
