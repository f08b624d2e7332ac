"""An actor of Dask in a local cluster with one worker process."""

from __future__ import annotations

import os

from benchmarks.system import Caller, System

TIMEOUT_S = 60


class DaskPeer(System):
    needs = distribution = "distributed"

    def start(self) -> None:
        from distributed import Client, LocalCluster

        cluster = LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=self.folder()
        )
        self.stack.callback(cluster.close, TIMEOUT_S)
        client = Client(cluster)
        self.stack.callback(client.close, TIMEOUT_S)
        self._actor = client.submit(Echo, actor=True).result(TIMEOUT_S)
        self._pids = [self._actor.pid().result(TIMEOUT_S)]

    def connect(self, method: str = "echo") -> Caller:
        echo = self._actor.echo
        return lambda value: echo(value).result(TIMEOUT_S)


class Echo:
    def echo(self, value: object) -> object:
        return value

    def pid(self) -> int:
        return os.getpid()
