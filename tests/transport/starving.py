"""A process without a descriptor to spare, and a server that becomes one when it is told to on its standard input."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from collections.abc import Iterator

from tests.transport.conftest import SECRET, Methods
from weaverlab.transport import Server


@contextlib.contextmanager
def starved(spare: int = 0) -> Iterator[None]:
    """Leave this process no more than `spare` descriptors for the time of the block."""
    taken: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 20, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(spare):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


def main(address: str) -> None:
    """Serve; starve for each line of input, with as many descriptors to spare as it says, until the next line."""
    server = Server(address, SECRET, Methods(), print)
    server.start()
    print("ready", flush=True)
    for line in sys.stdin:
        with starved(int(line)):
            began_s = time.process_time()
            print("starved", flush=True)
            sys.stdin.readline()
            used_s = time.process_time() - began_s
        print(used_s, flush=True)
    server.stop(1.0)


if __name__ == "__main__":
    main(sys.argv[1])
