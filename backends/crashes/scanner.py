"""A text in a stream of bytes: the lines that it is in, whatever pieces the stream comes in. Pure."""

from __future__ import annotations

from backends.crashes.windows import CONTEXT_BYTES, cut_at
from backends.model.log import MAX_LINE_BYTES


def needles(text: str) -> tuple[bytes, ...]:
    """What to look for, small and capital letters alike as far as ASCII goes; of other letters both as they are.

    Empty where there is nothing that a line could hold.
    """
    line = text.partition("\n")[0]
    forms = (form.encode(errors="replace").lower() for form in (line, line.lower(), line.upper()))
    return tuple(dict.fromkeys(form for form in forms if form))


class Scanner:
    """Told the bytes of a log from the beginning of a line on, it says where the lines begin that have a text in them.

    Those are the beginnings that windows.pieces finds: of a line that is cut, the piece in which the text begins.
    """

    def __init__(self, wanted: tuple[bytes, ...], begin: int) -> None:
        self._wanted = wanted
        self._begin = begin
        """Of `_data` in the log."""
        self._data = b""
        self._line = begin
        """Where the line begins in which `_data` begins."""
        self._next = begin
        """Nothing before it is left to be found."""
        self._reserve = CONTEXT_BYTES + max(map(len, wanted), default=0)

    def feed(self, data: bytes, *, at_end: bool = False) -> list[int]:
        """More of the log; `at_end`: nothing follows."""
        self._data += data
        size = len(self._data)
        known = size if at_end else max(self._data.rfind(b"\n") + 1, size - self._reserve, 0)
        found = self._find(known)
        self._next = max(self._next, self._begin + known)
        self._drop(min(self._next - self._begin, size) - CONTEXT_BYTES)
        return found

    def _find(self, known: int) -> list[int]:
        lowered = self._data.lower()
        found: list[int] = []
        at = self._next - self._begin
        while at < known:
            hits = [hit for wanted in self._wanted if (hit := lowered.find(wanted, at)) >= 0]
            if not hits or min(hits) >= known:
                break
            begin, at = self._piece(min(hits))
            found.append(begin)
            self._next = self._begin + at
        return found

    def _piece(self, hit: int) -> tuple[int, int]:
        """Where the line, or the piece of a long one, begins in the log and ends in the data."""
        before = self._data.rfind(b"\n", 0, hit) + 1
        line = self._begin + before if before else self._line
        after = self._data.find(b"\n", hit)
        end = after + 1 if after >= 0 else len(self._data)
        if self._begin + end - line <= MAX_LINE_BYTES:
            return line, end
        multiple = (self._begin + hit) // MAX_LINE_BYTES * MAX_LINE_BYTES
        begin = line
        while multiple - self._begin < end:
            cut = cut_at(self._data, multiple - self._begin) if multiple > line else multiple - self._begin
            if cut > hit:
                return begin, min(cut, end)
            begin = max(line, self._begin + cut)
            multiple += MAX_LINE_BYTES
        return begin, end

    def _drop(self, count: int) -> None:
        if count <= 0:
            return
        newline = self._data.rfind(b"\n", 0, count)
        if newline >= 0:
            self._line = self._begin + newline + 1
        self._begin += count
        self._data = self._data[count:]
