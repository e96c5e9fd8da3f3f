"""Ports on the loopback address that stay ours between being chosen and being listened on."""

import socket
import sys
from dataclasses import dataclass
from typing import Final

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Port:
    """A port's number, and the bound socket that keeps others from being given it."""

    number: int
    held: socket.socket

    def listens(self) -> bool:
        """Tell whether a server accepts connections there."""
        try:
            socket.create_connection((HOST, self.number), 0.2).close()
        except OSError:
            return False
        return True

    def release(self) -> None:
        self.held.close()


def reserve(preferred: int = 0) -> Port:
    """Bind a free port, the preferred one if it is free; a server that sets SO_REUSEADDR, as a JVM does, may still listen on it.

    Otherwise somebody's outgoing connection or second server could be given the number while the JVM takes seconds to bind it.
    Systems other than Linux do not share so: there the port is chosen and given back at once.
    """
    held = socket.socket()
    try:
        if preferred:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger after a stop do not count
        held.bind((HOST, preferred))
    except OSError:
        held.close()
        return reserve()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = Port(held.getsockname()[1], held)
    if sys.platform != "linux":
        port.release()
    return port
