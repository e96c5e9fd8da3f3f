"""Becomes another program that is told by the kernel when its parent dies. Run as a script: launch.py PARENT SIGNAL PROGRAM ARGUMENT...

A step of its own instead of subprocess's `preexec_fn`, which forks a threaded interpreter and may deadlock.
"""

import ctypes
import os
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Ask for the parent's death signal where there is one (Linux), then replace this process by the program."""
    parent, signal_number, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):  # it died before we asked
            sys.exit(1)
    os.execv(program, [program, *arguments])  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
