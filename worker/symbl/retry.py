"""Dialling again: which failures, how often, how long to wait. The only module that knows tenacity."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import tenacity

from worker.errors import WorkerError

OnRetry = Callable[[int, float, type[BaseException]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPolicy:
    """How often to dial, and how patiently.

    The delay after attempt n is drawn evenly from 0 to ``initial_seconds * 2 ** (n - 1)``, at most ``cap_seconds``:
    full jitter, so that many sockets lost together do not come back together.

    Args:
        initial_seconds: longest first delay.
        cap_seconds: longest delay ever.
        max_attempts: give up after so many attempts; None is no limit.
        max_elapsed_seconds: begin no attempt later than this after the first one began; None is no limit.
    """

    initial_seconds: float = 0.2
    cap_seconds: float = 15.0
    max_attempts: int | None = None
    max_elapsed_seconds: float | None = None


def dial_attempts(
    policy: DialPolicy,
    *,
    on_retry: OnRetry | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
    clock: Callable[[], float] = time.monotonic,
) -> tenacity.AsyncRetrying:
    """Attempts of one dial, to be iterated once::

        async for attempt in dial_attempts(policy):
            with attempt:
                connection = await SymblConnection.open(...)

    A failure with ``WorkerError.retriable`` inside ``with attempt`` leads to a delay and the next attempt; any other
    exception, cancellation included, and the last failure within the policy are raised out of the loop unchanged.

    Args:
        policy: when to dial again.
        on_retry: called before each delay with the number of the failed attempt (from 1), the delay in seconds and the
            class of the failure.
        sleep: waits for a delay.
        uniform: draws a number between two others.
        clock: seconds, never going back.
    """
    ceiling = tenacity.wait_exponential(multiplier=policy.initial_seconds, max=policy.cap_seconds)
    began_at = clock()

    def wait(state: tenacity.RetryCallState) -> float:
        return uniform(0.0, ceiling(state))

    def stop(state: tenacity.RetryCallState) -> bool:
        if policy.max_attempts is not None and state.attempt_number >= policy.max_attempts:
            return True
        elapsed = clock() - began_at + state.upcoming_sleep
        return policy.max_elapsed_seconds is not None and elapsed > policy.max_elapsed_seconds

    def before_sleep(state: tenacity.RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome is not None else None
        if on_retry is not None and failure is not None:
            on_retry(state.attempt_number, state.upcoming_sleep, type(failure))

    return tenacity.AsyncRetrying(
        sleep=sleep,
        stop=stop,
        wait=wait,
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, WorkerError) and error.retriable),
        before_sleep=before_sleep,
        reraise=True,
    )
