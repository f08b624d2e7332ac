"""The fixtures of tests/transport: one address, the servers started on it, and clients of it."""

from tests.transport.conftest import in_thread, world

__all__ = ["in_thread", "world"]
