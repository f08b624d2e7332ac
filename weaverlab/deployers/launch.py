"""`deploy` and `run`: from classes and a configuration to a running `Deployment`.

The first thing that `deploy` does is to begin the fork server, which imports for 0.1 s. The rest of `deployers`, which
takes this process as long, is imported meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakSet

from weaverlab.clock import unique_id
from weaverlab.deployers import processes
from weaverlab.deployers.configfile import ConfigGiven, load_config
from weaverlab.deployers.engine import Engine
from weaverlab.errors import ConfigError, nearest

if TYPE_CHECKING:
    from weaverlab.deployers.backend import Progress
    from weaverlab.deployers.deployment import Deployment
    from weaverlab.deployers.output import Show
    from weaverlab.deployers.version import Colocation, Deployer, Fakes, ReplicasWanted

DEPLOYERS = ("single", "rpc", "multi")
DEPLOYMENT_ID_DIGITS = 8

RunInstead: TypeAlias = "Callable[[type, Deployer, ConfigGiven], Deployment]"
_run_instead: RunInstead | None = None
_deployments: WeakSet[Deployment] = WeakSet()  # that somebody still holds


def deploy(
    *components: type,
    deployer: Deployer = "multi",
    config: ConfigGiven = None,
    replicas: ReplicasWanted | None = None,
    colocate: Colocation | None = None,
    fakes: Fakes | None = None,
    show: Show | None = None,
    progress: Progress | None = None,
) -> Deployment:
    """Deploy `components` and all that they reach through their refs, and return when every one is ready.

    Args:
        deployer: "multi" runs local processes, "single" everything in this one; "rpc" is for tests: everything in
            this process, but over the real data plane. Or an engine of your own (see `deployers.engine`).
        config: the path of a weaver.toml, or what `weaverlab.config.parse` made of its text; by default none is read.
        replicas: weavelets for a component (default 1); on top of `[multi] replicas`.
        colocate: lists of components that share a weavelet; on top of `[multi] colocate`.
        fakes: objects that answer for components, for tests: {Interface: object}. Every ref to that interface (or
            component class) leads to the object, which stays in this process under every deployer. Nothing of what it
            stands for is deployed. Calls come from several threads.
        show: takes each log entry and printed line; by default they appear on standard error, and in a notebook
            with `%load_ext weaverlab` under the cell that deployed.
        progress: is told how many weavelets are ready, and of how many, while they start.

    Raises:
        DeclarationError, ConfigError, BundleError: all faults at once, before any weavelet is started.
        DeployError: something failed while starting, with the traceback; no process is left.
    """
    if deployer not in DEPLOYERS and (isinstance(deployer, type) or not isinstance(deployer, Engine)):
        raise ConfigError(
            [
                f"deployer={deployer!r}: expected one of {', '.join(DEPLOYERS)}, or an engine: an object with a `name` "
                f"and a method `start(replica)`.{nearest(str(deployer), DEPLOYERS)}"
            ]
        )
    read = load_config(config)
    if deployer == "multi":
        processes.LocalProcesses(read.multi.start_method).prepare()
    # While the fork server starts, see above.
    from weaverlab.deployers.backend import nobody_watches
    from weaverlab.deployers.deployment import Deployment
    from weaverlab.deployers.fronts import Fronts
    from weaverlab.deployers.output import Output
    from weaverlab.deployers.version import Asked, start_version

    asked = Asked(components, deployer, read, replicas, colocate, fakes)
    deployment_id = unique_id(DEPLOYMENT_ID_DIGITS)
    output = Output(show)
    fronts = Fronts()
    with contextlib.ExitStack() as undo:  # Ctrl-C, too, just when it was ready
        undo.callback(fronts.keep, {}, 0.0)
        version = start_version(asked, deployment_id, output, progress or nobody_watches, fronts)
        undo.callback(version.backend.stop, 0.0)
        deployment = Deployment(deployment_id, version, output, fronts)
        undo.callback(deployment.stop, 0.0)
        if deployer != "rpc":  # which is for tests
            deployment.publish()
        _deployments.add(deployment)
        undo.pop_all()
    return deployment


def run(main: type, *, deployer: Deployer = "single", config: ConfigGiven = None) -> Deployment:
    """Deploy the Main class `main`, run its body to the end, stop everything in order; return what has been stopped.

    In a notebook with `%load_ext weaverlab` it returns at once: the body runs in the background, until `%weaver stop`.

    Raises what the body raised, and KeyboardInterrupt after Ctrl-C; everything has been stopped by then.
    """
    if _run_instead is not None:
        return _run_instead(main, deployer, config)
    with deploy(main, deployer=deployer, config=config) as deployment:
        deployment.run_main()
    return deployment


def run_by(instead: RunInstead | None) -> None:
    """From now on let `run` do what `instead` does; None: run to the end."""
    global _run_instead
    _run_instead = instead


def stop_all(drain_s: float) -> None:
    """Stop every deployment of this process, and what serves them all. For a process that is about to end."""
    for deployment in list(_deployments):
        deployment.stop(drain_s)
    processes.end_servants()
