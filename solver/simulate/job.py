"""A request on its way through a pool."""

from __future__ import annotations


class Job:
    """A request inside a pool. ``prompt`` and ``steps`` change if it is preempted and recomputed."""

    __slots__ = ("chunk", "done", "finish", "handed", "index", "order", "prompt", "started", "steps")

    def __init__(self, index: int, prompt: int, steps: int, handed: bool = False) -> None:
        self.index = index
        self.prompt = prompt  # tokens to prefill
        self.steps = steps  # steps left, the first at the end of the prefill
        self.handed = handed  # its KV came from a prefill pool
        self.started = False  # first token seen
        self.done = 0  # prompt tokens prefilled
        self.chunk = 0  # prompt tokens in the block under way
        self.finish = -1  # step count at which it ends; -1: not decoding
        self.order = 0
