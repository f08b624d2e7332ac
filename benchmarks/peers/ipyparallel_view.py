"""A blocking view of ipyparallel on one engine. A client belongs to one thread, so many callers are left out."""

from __future__ import annotations

import os

from benchmarks.system import Caller, System

TIMEOUT_S = 60


class IpyparallelPeer(System):
    needs = distribution = "ipyparallel"
    has_many_callers = False

    def start(self) -> None:
        import ipyparallel

        folder = self.folder()
        cluster = ipyparallel.Cluster(n=1, ipython_dir=folder, profile_dir=f"{folder}/profile", log_level=40)
        client = cluster.start_and_connect_sync()
        self.stack.callback(cluster.stop_cluster_sync)
        self.stack.callback(client.close)
        self._view = client[0]
        self._pids = [self._view.apply_sync(os.getpid)]

    def connect(self, method: str = "echo") -> Caller:
        apply = self._view.apply_sync
        return lambda value: apply(echo, value)


def echo(value: object) -> object:
    return value
