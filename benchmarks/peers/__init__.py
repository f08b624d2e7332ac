"""Other ways to call another process, one file for each. Their libraries are imported when they start, not before."""

from __future__ import annotations

from benchmarks.peers.base_manager import BaseManagerPeer
from benchmarks.peers.dask_actor import DaskPeer
from benchmarks.peers.grpc_async import GrpcAsyncPeer
from benchmarks.peers.grpc_blocking import GrpcPeer
from benchmarks.peers.ipyparallel_view import IpyparallelPeer
from benchmarks.peers.pipe import PipePeer
from benchmarks.peers.pyro import PyroPeer
from benchmarks.peers.ray_actor import RayPeer
from benchmarks.peers.rpyc_service import RpycPeer
from benchmarks.peers.thrift import ThriftPeer
from benchmarks.peers.xoscar_actor import XoscarPeer
from benchmarks.peers.zmq_async import ZmqAsyncPeer
from benchmarks.peers.zmq_blocking import ZmqPeer
from benchmarks.system import System

STANDARD: tuple[System, ...] = (BaseManagerPeer("BaseManager"), PipePeer("Pipe"))  # always there, always measured
INSTALLED: tuple[System, ...] = (
    ThriftPeer("thriftpy2"),
    ZmqPeer("zmq REQ/REP"),
    ZmqAsyncPeer("zmq.asyncio"),
    PyroPeer("Pyro5"),
    RpycPeer("RPyC"),
    XoscarPeer("xoscar actor"),
    GrpcPeer("grpcio"),
    GrpcAsyncPeer("grpc.aio"),
    RayPeer("Ray actor"),
    DaskPeer("Dask actor"),
    IpyparallelPeer("ipyparallel"),
)
