"""A source file decoded strictly, as declared, in one pass that also counts and digests it."""

import codecs
import hashlib
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Final

from services.chassis.events import Refused

CHUNK: Final = 1 << 20
LONGEST_LINE: Final = 1 << 22
# 外字 F040… of CP932 become the private use area: kept as they are and counted, never replaced.
GAIJI: Final = re.compile("[\ue000-\uf8ff]+")
NO_TEXT: Final = re.compile("\0")
# Python reads these single bytes of CP932 (80, A0, FD, FE, FF), which are no characters there, as if they were.
NO_CP932: Final = re.compile("[\0\x80\uf8f0-\uf8f3]")
CODECS: Final = {"utf-8": "utf-8-sig", "cp932": "cp932", "euc_jp": "euc_jp", "iso2022_jp": "iso2022_jp"}


class DecodedFile:
    """Text lines of one file; digest and counts are complete once every line was taken."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = encoding
        self.bytes = 0
        self.line_ends = 0
        self.gaiji = 0
        self.digesting = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Give `sha256:<64 hex>` over the bytes read so far."""
        return f"sha256:{self.digesting.hexdigest()}"

    def lines(self) -> Iterator[str]:
        """Give the physical lines with their ends; raises Refused("116", "input.encoding", …) at the first undecodable byte."""
        pending = ""
        for text in self.texts():
            pending += text
            # Only \r and \n end a line; the last character may be half of \r\n.
            end = max(pending.rfind("\n"), pending.rfind("\r", 0, -1)) + 1
            yield from StringIO(pending[:end], newline="")
            pending = pending[end:]
            if len(pending) > LONGEST_LINE:
                raise Refused("116", "input.records", f"line {self.line_ends + 1} is longer than {LONGEST_LINE} characters")
        yield from StringIO(pending, newline="")

    def texts(self) -> Iterator[str]:
        """Decode chunk by chunk; an error names the byte's place and line, never its content."""
        decoder = codecs.getincrementaldecoder(CODECS[self.encoding])("strict")
        with self.path.open("rb") as file:
            while True:
                chunk = file.read(CHUNK)
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    raise self.undecodable(error.start, bytes(error.object), chunk) from None
                found = (NO_CP932 if self.encoding == "cp932" else NO_TEXT).search(text)
                if found:
                    line = self.line_ends + text[: found.start()].count("\n") + 1
                    raise Refused("116", "input.encoding", f"line {line} holds what is no character: this is not text in {self.encoding}")
                self.bytes += len(chunk)
                self.line_ends += chunk.count(b"\n")
                self.digesting.update(chunk)
                self.gaiji += sum(map(len, GAIJI.findall(text)))
                yield text
                if not chunk:
                    return

    def undecodable(self, start: int, decoded: bytes, chunk: bytes) -> Refused:
        """Say where decoding stopped; the decoder may have held back the last bytes of the chunk before."""
        held_back = len(decoded) - len(chunk)
        offset = self.bytes - held_back + start
        line = self.line_ends + chunk[: max(0, start - held_back)].count(b"\n") + 1
        return Refused("116", "input.encoding", f"byte {offset} on line {line} is not {self.encoding}")
