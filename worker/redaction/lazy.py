"""Attributes that are worked out when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
Value = TypeVar("Value")


class lazily(Generic[Owner, Value]):  # noqa: N801 - a decorator
    """`functools.cached_property` as it is from Python 3.12 on: without a lock, which takes longer than most of what is
    worked out here. The value stands in the instance's dictionary, so this is asked once."""

    def __init__(self, work_out: Callable[[Owner], Value]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, instance: Owner, owner: type[Owner]) -> Value:
        value = instance.__dict__[self._name] = self._work_out(instance)
        return value
