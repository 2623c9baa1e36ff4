"""The sequence numbers that a producer gives the chunks of one stream: which come twice, which are missing. Pure."""

from __future__ import annotations

from collections import deque

REMEMBERED = 64
"""So many numbers are remembered, with the audio that they were of."""


class Numbering:
    """What the numbers of a stream say.

    Args:
        seq: number of the last chunk that an earlier owner of the partition finished; None when it has none.
        checksum: of that chunk.
    """

    def __init__(self, seq: int | None, checksum: int) -> None:
        self._last = seq
        self._recent: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        if seq is not None:
            self._recent.append((seq, checksum))

    def __repr__(self) -> str:
        return f"<Numbering last={self._last}>"

    @property
    def is_empty(self) -> bool:
        """Whether there is no number from which the next one could be counted."""
        return self._last is None

    def restart(self) -> None:
        """Numbers begin anew."""
        self._last = None
        self._recent.clear()

    def is_repeat(self, seq: int, checksum: int) -> bool:
        """Whether this is a chunk that came before. A number with other audio is a producer that counts anew."""
        return (seq, checksum) in self._recent

    def receive(self, seq: int, checksum: int) -> int | None:
        """The number of the next chunk.

        Returns:
            How many are missing before it; None when the number does not say, since it begins anew.
        """
        last, self._last = self._last, seq
        self._recent.append((seq, checksum))
        return None if last is None or seq <= last else seq - last - 1
