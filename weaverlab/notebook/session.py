"""The deployment that this notebook holds: `%weaver deploy` or `run` makes or replaces it, `%weaver stop` ends it.

One for each process, as a kernel has one namespace. How things look is not in here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

from weaverlab import bundle, deployers
from weaverlab.component import build_application
from weaverlab.config import Config
from weaverlab.deployers import Deployment
from weaverlab.deployers.backend import Progress
from weaverlab.deployers.configfile import ConfigGiven
from weaverlab.deployers.version import Colocation, Deployer, ReplicasWanted
from weaverlab.errors import ConfigError, DeclarationError, WeaverError
from weaverlab.notebook.arguments import DeployArguments, DeployerName, WrongUse
from weaverlab.notebook.defined import roots

Say = Callable[[str], None]


class Session:
    """Holds at most one deployment, and how it was asked for."""

    def __init__(self) -> None:
        self.deployment: Deployment | None = None
        self._asked: DeployArguments | None = DeployArguments()  # None: the notebook's own components are no part of it
        self._classes: list[type] = []  # that were deployed, also those that were only reached
        self._chosen: Mapping[str, str] = {}  # which implementations refs mean

    @property
    def is_running(self) -> bool:
        return self.deployment is not None and self.deployment.is_running

    def deploy(
        self, asked: DeployArguments, faults: list[str], namespace: dict[str, Any], say: Say, progress: Progress
    ) -> Deployment:
        """Deploy, in the place of what ran before; if it cannot be deployed, what ran before goes on.

        Args:
            faults: what is already known to be wrong; reported together with what is found here.

        Raises:
            WrongUse: the words cannot be understood.
            FaultsError, DeployError: as `weaverlab.deploy`.
        """
        components = roots(asked.names, namespace, faults)
        config = _config(asked, faults)
        if faults:
            raise WrongUse([*faults, *config.faults])
        self._put_in_place(components, asked.deployer, config, dict(asked.replicas), asked.colocate, say, progress)
        return self._hold(asked, components, config)

    def run(self, main: type, deployer: Deployer, config: ConfigGiven, say: Say, progress: Progress) -> Deployment:
        """Deploy a Main class, in the place of what ran before, and begin its body.

        Raises:
            FaultsError, DeployError: as `weaverlab.deploy`.
        """
        settings = deployers.load_config(config)
        self._put_in_place([main], deployer, settings, {}, (), say, progress)
        is_ours = main.__module__ == "__main__" and deployer in get_args(DeployerName)
        asked = DeployArguments((main.__name__,), deployer=cast(DeployerName, deployer)) if is_ours else None
        return self._hold(asked, [main], settings)

    def _put_in_place(
        self,
        components: list[type],
        deployer: Deployer,
        config: Config,
        replicas: ReplicasWanted,
        colocate: Colocation,
        say: Say,
        progress: Progress,
    ) -> None:
        """Replace the application in the deployment that there is; make another where that cannot be done."""
        before = self.deployment
        if before is not None and before.is_running:
            # Under "single" nothing stands before a listener that two versions could share.
            if before.deployer == deployer and not (deployer == "single" and _shared_ports(before, config, deployer)):
                before.redeploy(*components, config=config, replicas=replicas, colocate=colocate, progress=progress)
                return
            if kept := _shared_ports(before, config, deployer):
                say(f"Stopping what runs first, since both versions listen on port {' and '.join(kept)}.")
                before.stop()
        self.deployment = deployers.deploy(
            *components, deployer=deployer, config=config, replicas=replicas, colocate=colocate, progress=progress
        )
        if before is not None:
            before.stop()

    def _hold(self, asked: DeployArguments | None, components: list[type], config: Config) -> Deployment:
        """Note what has been deployed, and begin the body of its Main, if it has one."""
        assert self.deployment is not None
        self._chosen = config.weaverlab.implementations
        self._asked, self._classes = asked, _reached(components, self._chosen)
        if self.deployment.has_main:
            self.deployment.start_main()
        return self.deployment

    def is_stale(self, namespace: dict[str, Any]) -> bool:
        """Return whether the same `%weaver deploy` would now start other code than what runs; costs a bundle."""
        faults: list[str] = []
        if self._asked is None:
            return False
        try:
            classes = _reached(roots(self._asked.names, namespace, faults), self._chosen)
        except DeclarationError:
            return True
        if self.deployment is None or faults or _names(classes) != _names(self._classes):
            return True
        if self._asked.deployer == "single":  # the classes themselves run, not a copy of their code
            return classes != self._classes
        return bundle.is_stale(bundle.Bundle(self.deployment.version, ()), classes, namespace)

    def stop(self) -> bool:
        """Stop the deployment; return whether there was one that ran."""
        was_running = self.is_running
        if self.deployment is not None:
            self.deployment.stop()
        return was_running


SESSION = Session()


def current() -> Deployment:
    """Return the deployment that `%weaver deploy` made in this notebook.

    Raises:
        WeaverError: there is none, or it has been stopped or has failed; says which.
    """
    deployment = SESSION.deployment
    if deployment is None:
        raise WeaverError("nothing is deployed in this notebook. Run %weaver deploy first.")
    if deployment.failure is not None:
        raise WeaverError(f"the deployment has failed: {deployment.failure}\nRun %weaver deploy again.")
    if not deployment.is_running:
        raise WeaverError("the deployment has been stopped. Run %weaver deploy again.")
    return deployment


def _config(asked: DeployArguments, faults: list[str]) -> Config:
    try:
        return deployers.load_config(asked.config)
    except ConfigError as error:
        faults += error.faults
        return Config()


def _shared_ports(before: Deployment, config: Config, deployer: Deployer) -> list[str]:
    """Return the ports that a deployment has and a new one is configured to have; 0 is any free one."""
    wanted = config.single.listeners if deployer == "single" else config.multi.listeners
    ports = {address.rpartition(":")[2] for address in wanted.values()} - {"0"}
    return sorted(ports & {listener.address.rpartition(":")[2] for listener in before.status().listeners})


def _reached(components: list[type], chosen: Mapping[str, str]) -> list[type]:
    return [spec.implementation for spec in build_application(components, chosen).components.values()]


def _names(classes: list[type]) -> set[str]:
    return {cls.__qualname__ for cls in classes}
