"""What an engine asks of its process, once, when it has one of its own."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys

logger = logging.getLogger(__name__)

# Sockets of neighbours, files, pipes.
_SPARE_FILES = 100


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
    gc.collect()
    # Modules, lexicons and models stay as they are: a full collection would visit hundreds of thousands of them.
    gc.freeze()


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
