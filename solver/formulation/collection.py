"""Building without Python's collection of cycles: millions of tuples, none of which makes a cycle."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def uncollected(function: Callable[P, T]) -> Callable[P, T]:
    """The function, run without collection, which would walk over all that is built again and again."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        collected = gc.isenabled()
        gc.disable()
        try:
            return function(*arguments, **options)
        finally:
            if collected:
                gc.enable()

    return call
