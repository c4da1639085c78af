"""The last few results of a slow function, by the content of what they depend on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Results by key; an entry counts only for the very ``owner`` object it was computed with."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._results: OrderedDict[Hashable, tuple[object, T]] = OrderedDict()

    def get(self, key: Hashable, owner: object, compute: Callable[[], T]) -> T:
        """The result under ``key``, computed where it is not there; the oldest beyond ``most`` go."""
        with self._lock:
            found = self._results.pop(key, None)
        if found is None or found[0] is not owner:
            found = (owner, compute())
        with self._lock:
            self._results[key] = found
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        return found[1]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._results.clear()
