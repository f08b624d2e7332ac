"""`deploy` and `run`: from classes and a configuration to a running `Deployment`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Literal
from weakref import WeakSet

from weaverlab.clock import unique_id
from weaverlab.config import Config, parse
from weaverlab.deployers import processes
from weaverlab.deployers.backend import Backend, Progress
from weaverlab.deployers.deployment import Deployment
from weaverlab.deployers.inprocess import Rpc, Single
from weaverlab.deployers.multi import Multi
from weaverlab.deployers.output import Output, Show
from weaverlab.deployers.plan import Plan, make_plan
from weaverlab.errors import ConfigError, nearest

DeployerName = Literal["single", "rpc", "multi"]
DEPLOYERS = ("single", "rpc", "multi")
DEPLOYMENT_ID_DIGITS = 8

_deployments: WeakSet[Deployment] = WeakSet()  # that somebody still holds


def deploy(
    *components: type,
    deployer: DeployerName = "multi",
    config: str | PathLike[str] | Config | None = None,
    replicas: Mapping[str | type, int] | None = None,
    colocate: Iterable[Iterable[str | type]] | None = None,
    show: Show | None = None,
    progress: Progress | None = None,
) -> Deployment:
    """Deploy `components` and all that they reach through their refs, and return when every one is ready.

    Args:
        deployer: "multi" runs local processes, "single" everything in this one; "rpc" is for tests: everything in
            this process, but over the real data plane.
        config: the path of a weaver.toml, or what `weaverlab.config.parse` made of its text.
        replicas: weavelets for a component (default 1); on top of `[multi] replicas`.
        colocate: lists of components that share a weavelet; on top of `[multi] colocate`.
        show: takes each log entry and printed line; by default they appear on standard error, and in a notebook
            with `%load_ext weaverlab` under the cell that deployed.
        progress: is told how many weavelets are ready, and of how many, while they start.

    Raises:
        DeclarationError, ConfigError, BundleError: all faults at once, before any process is started.
        DeployError: something failed while starting, with the traceback; no process is left.
    """
    if deployer not in DEPLOYERS:
        raise ConfigError(
            [f"deployer={deployer!r}: expected one of {', '.join(DEPLOYERS)}.{nearest(str(deployer), DEPLOYERS)}"]
        )
    plan = make_plan(components, load_config(config), replicas, colocate)
    deployment_id = unique_id(DEPLOYMENT_ID_DIGITS)
    output = Output(show)
    version, backend = _backend(deployer, plan, deployment_id, output)
    try:
        backend.start(progress or _nobody_watches)
        deployment = Deployment(deployment_id, version, plan, backend, output)
        _deployments.add(deployment)
        return deployment
    except BaseException:  # Ctrl-C, too, just when it was ready
        backend.stop(0.0)
        raise


def run(main: type, *, deployer: DeployerName = "single", config: str | PathLike[str] | Config | None = None) -> None:
    """Deploy the Main class `main`, run its body to the end, stop everything in order.

    Raises what the body raised, and KeyboardInterrupt after Ctrl-C; everything has been stopped by then.
    """
    with deploy(main, deployer=deployer, config=config) as deployment:
        deployment.run_main()


def stop_all(drain_s: float) -> None:
    """Stop every deployment of this process, and what serves them all. For a process that is about to end."""
    for deployment in list(_deployments):
        deployment.stop(drain_s)
    processes.end_servants()


def load_config(config: str | PathLike[str] | Config | None) -> Config:
    """Return the configuration in the file `config`; an empty one for None."""
    if isinstance(config, Config):
        return config
    if config is None:
        return Config()
    path = Path(config)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            [f"{path}: cannot read the configuration ({error}). Give the path of a weaver.toml."]
        ) from error
    return parse(text, path.name)


def _nobody_watches(ready: int, total: int) -> None:
    pass


def _backend(deployer: DeployerName, plan: Plan, deployment_id: str, output: Output) -> tuple[str, Backend]:
    if deployer == "single":
        return "", Single(plan, deployment_id, output)
    if deployer == "rpc":
        return "", Rpc(plan, deployment_id, output)
    from weaverlab import bundle

    code = bundle.build([spec.implementation for spec in plan.app.components.values()])
    return code.version, Multi(plan, deployment_id, code, output)
