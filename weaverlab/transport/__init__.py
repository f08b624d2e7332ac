"""Sockets: the two ways to make a call, and the server that takes them. The protocol itself is in `wire`."""

from weaverlab.transport.async_channel import AsyncChannel
from weaverlab.transport.handler import Handler
from weaverlab.transport.loop import LoopThread
from weaverlab.transport.server import Server
from weaverlab.transport.sync_pool import SyncPool
from weaverlab.wire.messages import Call, ReceivedReply, Reply

__all__ = ["AsyncChannel", "Call", "Handler", "LoopThread", "ReceivedReply", "Reply", "Server", "SyncPool"]
