"""A cheap load of HTTP requests: some clients, each on a connection of its own, each sending when its last answer is there.

Bare HTTP/1.1 on asyncio streams, because a client library would take more of the machine than the service does.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import quantiles
from typing import Final

OK: Final = (b"200", b"201")


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: requests without a body to these paths, shared among the clients."""

    port: int
    token: str
    paths: Sequence[str]
    clients: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a load: requests a second, and how long each took."""

    rate: float
    seconds: Sequence[float]

    def percentile(self, percent: int) -> float:
        """Give the milliseconds in which so many percent were answered."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1] * 1000


def run_clients(told: Connection) -> None:
    """Send each load that is told, tell what came of it; the process ends with a None."""
    while (load := told.recv()) is not None:
        told.send(asyncio.run(send(load)))


async def send(load: Load) -> Answered:
    """Connect all clients, then send everything."""
    paths = iter(load.paths)
    seconds: list[float] = []
    streams = [await asyncio.open_connection("127.0.0.1", load.port) for _ in range(load.clients)]

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for path in paths:
            begun = time.perf_counter()
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {load.token}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(length_in(head))
            if head[9:12] not in OK:
                raise RuntimeError(f"{path} was answered {head[9:12].decode()}")
            seconds.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(client(*stream) for stream in streams))
    taken = time.perf_counter() - begun
    for _, writer in streams:
        writer.close()
    return Answered(len(load.paths) / taken, seconds)


def length_in(head: bytes) -> int:
    """Read the length of the body from an answer's head."""
    lower = head.lower()
    begin = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[begin : lower.index(b"\r\n", begin)])
