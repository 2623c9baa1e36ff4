"""What an engine asks of its process, once, when it has one of its own."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys

logger = logging.getLogger(__name__)

# Sockets of neighbours, files, pipes.
_SPARE_FILES = 100
_surviving_blocks: int | None = None


def prepare_process(max_connections: int) -> None:
    """As many open files as the system allows, and no garbage collector that stops for what never changes.

    Args:
        max_connections: Sockets that the engine would accept.
    """
    limit = _raise_open_files()
    if limit is not None:
        logger.info("open files", extra={"limit": limit})
        if limit < max_connections + _SPARE_FILES:
            extra = {"limit": limit, "max_connections": max_connections}
            logger.warning("the limit of open files is below the limit of connections", extra=extra)
    gc.callbacks.append(_note_collection)
    gc.collect()
    # Modules, lexicons and models stay as they are: a full collection would visit hundreds of thousands of them.
    gc.freeze()


def surviving_blocks() -> int:
    """Blocks of memory that Python objects occupied after the last full collection of garbage.

    What was thrown away since then and not collected yet would hide a leak.
    """
    return sys.getallocatedblocks() if _surviving_blocks is None else _surviving_blocks


def _note_collection(phase: str, info: dict[str, int]) -> None:
    global _surviving_blocks
    if phase == "stop" and info["generation"] == 2:
        _surviving_blocks = sys.getallocatedblocks()


def _raise_open_files() -> int | None:
    """The limit, None where there is none."""
    if sys.platform == "win32":
        return None
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems refuse their own hard limit when it is infinite.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
