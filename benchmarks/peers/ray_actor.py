"""An actor of Ray in a local cluster of two CPUs."""

from __future__ import annotations

import os

from benchmarks.system import Caller, System

THREADS = 32


class RayPeer(System):
    needs = distribution = "ray"

    def start(self) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray

        folder = self.folder()
        self.stack.callback(ray.shutdown)  # also after a start that fails half-way
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=folder, _skip_env_hook=True)
        self._get = ray.get
        self._actor = ray.remote(Echo).options(max_concurrency=THREADS).remote()
        self._pids = [ray.get(self._actor.pid.remote())]

    def connect(self, method: str = "echo") -> Caller:
        get, echo = self._get, self._actor.echo.remote
        return lambda value: get(echo(value))


class Echo:
    def echo(self, value: object) -> object:
        return value

    def pid(self) -> int:
        return os.getpid()
