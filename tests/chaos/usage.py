"""How much processor time and memory the programs of a run take."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
NUMBER = re.compile(r"-\d+$")


class Usage:
    """Looks at processes from time to time; what ends in between counts as it was seen last."""

    def __init__(self) -> None:
        self._cpu_seconds: dict[tuple[str, int], float] = {}
        self._peak_bytes: dict[tuple[str, int], int] = {}

    def look(self, processes: Iterable[tuple[str, int]]) -> None:
        """Take the figures of these processes, by name and process id, and of this one."""
        for name, pid in [*processes, ("harness", os.getpid())]:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            self._cpu_seconds[name, pid] = (int(fields[11]) + int(fields[12])) / TICKS
            if (peak := re.search(r"VmHWM:\s+(\d+) kB", status)) is not None:
                self._peak_bytes[name, pid] = int(peak[1]) * 1024

    def lines(self, seconds: float) -> Iterable[str]:
        """Per kind of program: cores used on average over so many seconds, all together, and the most memory of one."""
        cores: dict[str, float] = defaultdict(float)
        peaks: dict[str, int] = defaultdict(int)
        for (name, pid), used in self._cpu_seconds.items():
            kind = NUMBER.sub("", name)
            cores[kind] += used / seconds
            peaks[kind] = max(peaks[kind], self._peak_bytes.get((name, pid), 0))
        for kind, number in cores.items():
            yield f"all of {kind}: {number:.2f} cores; one of them: at most {peaks[kind] / 2**20:.0f} MiB"
