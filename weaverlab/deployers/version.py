"""One version of an application: what was asked for, the plan of it, and the backend that runs it.

A deployment has one version at a time, and for a moment two while it is redeployed. They share nothing: each has its
own secret, sockets and processes, so a component of one can never call a component of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from weaverlab.config import Config
from weaverlab.deployers.backend import Backend, Progress
from weaverlab.deployers.engine import Engine
from weaverlab.deployers.fronts import Fronts
from weaverlab.deployers.inprocess import Rpc, Single
from weaverlab.deployers.multi import Multi
from weaverlab.deployers.output import Output
from weaverlab.deployers.plan import Plan, make_plan
from weaverlab.deployers.preloading import preloadable
from weaverlab.deployers.processes import LocalProcesses
from weaverlab.errors import ConfigError
from weaverlab.runtime.remote import Identity
from weaverlab.stores import faults_of_kinds

CLIENT = Identity("client", "client", "")  # whoever calls from outside: a notebook, a script, a test

DeployerName: TypeAlias = Literal["single", "rpc", "multi"]
Deployer: TypeAlias = "DeployerName | Engine"
ReplicasWanted: TypeAlias = Mapping[str | type, int]
Colocation: TypeAlias = Iterable[Iterable[str | type]]
Fakes: TypeAlias = Mapping[type, object]


@dataclass(frozen=True)
class Asked:
    """What somebody wants deployed, in the words of `weaverlab.deploy`; nothing of it is checked yet."""

    components: tuple[type, ...]
    deployer: Deployer
    config: Config
    replicas: ReplicasWanted | None = None
    colocate: Colocation | None = None
    fakes: Fakes | None = None


@dataclass(frozen=True)
class Version:
    """A version that runs, or ran. `code` is the hash of the definitions it was shipped with, empty where none were."""

    code: str
    asked: Asked
    plan: Plan
    backend: Backend
    addresses: Mapping[str, str]  # where clients connect, by the name of a listener


def start_version(asked: Asked, deployment_id: str, output: Output, progress: Progress, fronts: Fronts) -> Version:
    """Check what was asked for, start all of it, and return when every component is ready.

    The addresses of its listeners are opened in `fronts`; clients that connect wait until they lead to this version.

    Raises:
        DeclarationError, ConfigError, BundleError: all faults at once, before any weavelet is started.
        DeployError: something failed while starting, with the traceback; no process is left.
    """
    plan = make_plan(asked.components, asked.config, asked.replicas, asked.colocate, asked.fakes)
    if faults := faults_of_kinds(plan.config.antipode.values(), plan.config.source):
        raise ConfigError(faults)
    proxies = {} if asked.deployer == "single" else fronts.open(plan.fronts)
    code, backend = _backend(asked.deployer, plan, deployment_id, output, proxies)
    try:
        backend.start(progress)
    except BaseException:  # Ctrl-C, too, just when it was ready
        backend.stop(0.0)
        raise
    addresses = proxies or {name: addresses[0] for name, addresses in backend.listeners().items()}
    return Version(code, asked, plan, backend, addresses)


def _backend(
    deployer: Deployer, plan: Plan, deployment_id: str, output: Output, proxies: Mapping[str, str]
) -> tuple[str, Backend]:
    if deployer == "single":
        return "", Single(plan, deployment_id, output)
    if deployer == "rpc":
        return "", Rpc(plan, deployment_id, output, proxies)
    engine = deployer
    if engine == "multi":
        engine = LocalProcesses(plan.config.multi.start_method)
    from weaverlab import bundle

    code = bundle.build([spec.implementation for spec in plan.app.components.values()])
    if isinstance(engine, LocalProcesses):
        engine.modules = preloadable(plan.app, code.names)
    return code.version, Multi(plan, deployment_id, code, output, engine, proxies)
