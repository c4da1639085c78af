"""The load at which a pool of replicas still gives the promised share of requests its first token in time.

A request waits for a slot (R x slots servers), then for its turn among the prompts (R servers), then its
own prompt is taken in. At a share rho of full capacity the decoding sequences leave

    phi = f - rho X d

of each second to prefill (f time factor of the step, X requests/s at full capacity, d decode work per
request), so a prompt of work p takes p / phi, the prefill servers are used to rho X p / phi, and bucket b
of the requests is late if it waits longer than its limit less overhead less p_b / phi. The two waits share
that time in one of a few proportions (the best one counts), and their chances to exceed add up (Boole).
All arrays have one row per kind of replica.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solver.domain.bursts import Burstiness, Bursts, burstiness_at
from solver.performance.queueing import erlang_c, tail_exponent

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_TOLERANCE = 2.0**-22  # of full capacity
_ROUNDS = 66  # every third one halves the bracket, so this is enough
_SPLITS = (0.15, 0.5, 0.85)  # parts of the permitted wait given to the wait for a slot
_FULL = 1 - 1e-9
_LEAST = 1e-300


@dataclass(frozen=True)
class Replicas:
    """Kinds of replicas as their queues see them; times in seconds."""

    slots: Floats  # admission cap: batch, or the sequences that the KV memory holds if those are fewer
    hold_s: Floats  # mean time in a slot
    cv2_hold: Floats
    full_rps: Floats  # requests/s at full capacity
    prefill_s: Floats  # mean prefill work per request
    cv2_prefill: Floats
    decode_s: Floats  # mean decode work per request
    time_factor: Floats  # share of a step left for work that grows with the load
    longest_s: Floats  # prefill work of the longest prompt of each bucket (kinds x buckets)


def late_share(
    kinds: Replicas, sizes: Floats, load: Floats, limit_s: Floats, bucket_share: Floats, bursts: Burstiness
) -> Floats:
    """Share of requests whose first token comes later than ``limit_s`` (kinds x buckets), at most 1.

    ``sizes``: replicas in the pool; ``load``: share of full capacity (kinds x sizes). ``bursts`` that depend
    on the time are those of each queue's own time: hold and longest permitted wait together.
    """
    rate = load * kinds.full_rps[:, None]
    left = np.maximum(kinds.time_factor[:, None] - rate * kinds.decode_s[:, None], 1e-12)
    queues = _Queues(kinds, sizes, rate, kinds.prefill_s[:, None] / left, limit_s.max(axis=1)[:, None])
    same = None if isinstance(bursts, Bursts) else (queues.slot(bursts), queues.turn(bursts))
    best = np.ones_like(load)
    for part in _SPLITS:
        slot, turn = same or queues.apart(bursts, part)
        late = np.zeros_like(load)
        for b, share in enumerate(bucket_share):
            wait = limit_s[:, b, None] - kinds.longest_s[:, b, None] / left
            late += share * np.minimum(slot.exceeds(wait * part) + turn.exceeds(wait * (1 - part)), 1.0)
        best = np.minimum(best, late)
    return best


@dataclass(frozen=True)
class _Queues:
    """The queues for slots and for prompt turns of each kind and size at their rates."""

    kinds: Replicas
    sizes: Floats
    rate: Floats
    turn_s: Floats
    limit_s: Floats  # the longest of all buckets

    def slot(self, cv2_arrival: Floats | float) -> _Queue:
        """For a place in the batch: R x slots servers."""
        kinds, shape = self.kinds, self.rate.shape
        hold = np.broadcast_to(kinds.hold_s[:, None], shape)
        servers, used = self.sizes * kinds.slots[:, None], self.rate * (kinds.hold_s / kinds.slots)[:, None]
        return _Queue.of(servers, used, hold, kinds.cv2_hold[:, None], cv2_arrival)

    def turn(self, cv2_arrival: Floats | float) -> _Queue:
        """For a turn of the prompt: R servers."""
        servers, used = np.broadcast_to(self.sizes, self.rate.shape), self.rate * self.turn_s
        return _Queue.of(servers, used, self.turn_s, self.kinds.cv2_prefill[:, None], cv2_arrival)

    def apart(self, bursts: Burstiness, part: float) -> tuple[_Queue, _Queue]:
        """Both, each with the bursts of its own hold and its part of the permitted wait."""
        limit = np.maximum(self.limit_s, 0.0)
        slot_s = self.kinds.hold_s[:, None] + part * limit
        turn_s = self.turn_s + (1 - part) * limit
        return self.slot(burstiness_at(bursts, slot_s)), self.turn(burstiness_at(bursts, turn_s))


@dataclass(frozen=True)
class _Queue:
    """P(wait > t) = delayed * exp(-t * fall)."""

    delayed: Floats
    fall: Floats

    @classmethod
    def of(
        cls, servers: Floats, used: Floats, hold_s: Floats, cv2_hold: Floats, cv2_arrival: Floats | float
    ) -> _Queue:
        burst = max(cv2_arrival, 1.0) if isinstance(cv2_arrival, float | int) else cv2_arrival
        inside = np.clip(used, 1e-12, _FULL)
        delayed = np.where(used < _FULL, erlang_c(servers / burst, servers / burst * inside), 1.0)
        fall = servers / np.maximum(hold_s, 1e-12) * tail_exponent(inside, burst, cv2_hold)
        return cls(delayed, np.where(used < _FULL, fall, 0.0))

    def exceeds(self, wait_s: Floats) -> Floats:
        """Share of requests that wait longer; all of them where the time is over already."""
        return np.where(wait_s < 0, 1.0, self.delayed * np.exp(-np.maximum(wait_s, 0.0) * self.fall))


def safe_shares(
    kinds: Replicas,
    sizes: Floats,
    limit_s: Floats,
    bucket_share: Floats,
    miss: float,
    bursts: Burstiness,
    ceiling: Floats | float = 1.0,
    most: Floats | float = np.inf,
) -> Floats:
    """Largest share of full capacity at which :func:`late_share` is at most ``miss`` (kinds x sizes).

    Never falls as the pool grows; 0 where even an idle pool is too slow. ``sizes`` has one value per
    column, or is a column with one value per kind; those above ``most`` of a kind are not looked at.
    """
    shape = np.broadcast_shapes((len(kinds.slots), 1), np.shape(sizes))
    everywhere = np.broadcast_to(np.asarray(sizes, dtype=np.float64), shape)
    needed = everywhere <= np.reshape(most, (-1, 1))
    kind, pool = np.nonzero(needed)[0], everywhere[needed][:, None]
    top = np.broadcast_to(np.asarray(ceiling, dtype=np.float64).reshape(-1, 1), shape)[needed]

    def late(some: Integers, load: Floats) -> Floats:
        mine = Replicas(*(getattr(kinds, f)[kind[some]] for f in Replicas.__dataclass_fields__))
        chosen = (mine, pool[some], load[:, None], limit_s[kind[some]])
        return late_share(*chosen, bucket_share, bursts)[:, 0]

    found = np.zeros(shape)
    found[needed] = _largest(late, top, miss)
    return np.asarray(np.maximum.accumulate(found, axis=1), dtype=np.float64)


def _largest(late: Callable[[Integers, Floats], Floats], top: Floats, miss: float) -> Floats:
    """Largest load of each pool at which ``late`` (rising) is at most ``miss``, from below.

    Regula falsi on the logarithm (Illinois variant: Dowell and Jarratt, BIT 11, 1971), every third step a
    bisection; pools that are found leave the search.
    """
    goal = np.log(max(miss, _LEAST))
    low, high = np.zeros_like(top), top.copy()
    under, over = np.full_like(top, -20.0), np.full_like(top, max(-goal, 1e-9))
    held = np.ones(len(top), dtype=np.bool_)
    some = np.flatnonzero(high - low > _TOLERANCE)
    for step in range(_ROUNDS):
        if not len(some):
            break
        part = under[some] / (under[some] - over[some]) if step % 3 else np.full(len(some), 0.5)
        load = low[some] + (high[some] - low[some]) * np.clip(part, 0.02, 0.98)
        share = late(some, load)
        holds, value = share <= miss, np.log(np.maximum(share, _LEAST)) - goal
        twice = (holds == held[some]) & (step > 0)  # the end that stays for a second time counts half
        over[some] = np.where(holds, np.where(twice, over[some] / 2, over[some]), value)
        under[some] = np.where(holds, value, np.where(twice, under[some] / 2, under[some]))
        low[some], high[some] = np.where(holds, load, low[some]), np.where(holds, high[some], load)
        held[some] = holds
        some = some[high[some] - low[some] > _TOLERANCE]
    return low


def memory_slots(capacity_bytes: Floats, mean_bytes: Floats, deviation_bytes: Floats) -> Floats:
    """Sequences that the KV memory holds with 95 % confidence, at least 1.

    ``n`` sequences of independent age and length take n mean + 1.645 sqrt(n) deviation bytes; beyond
    that running sequences would have to be preempted. ``mean_bytes`` and ``deviation_bytes`` describe the
    KV of one sequence at a random time of its stay.
    """
    root = 1.645 * deviation_bytes
    n = ((np.sqrt(root**2 + 4 * mean_bytes * capacity_bytes) - root) / (2 * mean_bytes)) ** 2
    return np.asarray(np.maximum(np.floor(n + 1e-9), 1.0), dtype=np.float64)
