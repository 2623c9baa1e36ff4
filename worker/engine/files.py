"""Files that may be replaced while the engine runs."""

from __future__ import annotations

from pathlib import Path


class SeenFiles:
    """Remembers which version of files was read.

    Replacement is noticed also when it happens through a symbolic link, as Kubernetes does it with mounted secrets.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, int, int] | None] = {}

    def note(self, file: Path) -> None:
        """The file is about to be read. Noted before, so that a change during the reading counts as one."""
        self._seen[file] = _version(file)

    def changed(self) -> bool:
        """One of the files is another one than the one that was read, or is gone or back again."""
        return any(_version(file) != seen for file, seen in self._seen.items())


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
