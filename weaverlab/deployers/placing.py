"""From a plan to placements: ids, addresses, the secret of one deployment, and who signs its certificates."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from weaverlab.clock import SystemClock, secret_bytes
from weaverlab.config import Config
from weaverlab.deployers.permissions import permissions
from weaverlab.deployers.plan import Plan
from weaverlab.deployers.routes import first_table
from weaverlab.errors import ConfigError, DeployError
from weaverlab.registry import SOCKET_FOLDER_NAME_BYTES, Hold, make_socket_folder, socket_folder_parents
from weaverlab.routing import Member
from weaverlab.runtime.placement import Placement
from weaverlab.transport.address import UNIX_PATH_BYTES_MAX

if TYPE_CHECKING:
    from weaverlab.deployers.authority import Authority

DOOR = "client"  # the replica that whoever deploys calls from
SECRET_BYTES = 32
NAME_BYTES = SOCKET_FOLDER_NAME_BYTES + len("//12345.sock")  # of a socket, below the directory for temporary files


def socket_directory() -> Hold:
    """Make a new directory for the sockets of one deployment; only this user can enter it. Release it at the end."""
    tried = []
    for parent in socket_folder_parents():
        if len(os.fsencode(parent)) <= UNIX_PATH_BYTES_MAX - NAME_BYTES:
            with contextlib.suppress(OSError):
                return make_socket_folder(parent)
        tried.append(parent)
    raise DeployError(f"no directory for sockets: tried {', '.join(tried)}. Set TMPDIR to a short path.")


def authority_for(config: Config, deployment_id: str, version: str) -> Authority | None:
    """Return who signs the certificates of this version; None without `[multi] mtls`.

    Raises:
        ConfigError: the library for it is not installed.
    """
    if not config.multi.mtls:
        return None
    try:
        from weaverlab.deployers.authority import Authority
    except ImportError as error:
        raise ConfigError(
            [f'{config.source}: [multi] mtls: needs the library cryptography. Install it: pip install "weaverlab[tls]"']
        ) from error
    return Authority(deployment_id, version, SystemClock)


def socket_address(directory: str, number: int) -> str:
    """Return the address of weavelet number `number` of a deployment that has its sockets in `directory`."""
    return f"unix:{os.path.join(directory, f'{number}.sock')}"


def place(
    plan: Plan, deployment_id: str, version: str, directory: str, proxies: Mapping[str, str]
) -> dict[str, Placement]:
    """Return the placement of every weavelet by replica id, plus that of the door, under the id `""`.

    Every weavelet has its socket in `directory`; its address stays the same when it is restarted. The door has one too
    where there are fakes, which it hosts. Listeners are bound to free ports; clients reach them through `proxies`.
    """
    ids = [replica for group in plan.groups for replica in group.replica_ids()]
    address = {replica: socket_address(directory, n) for n, replica in enumerate(ids)}
    if plan.fakes:
        address[DOOR] = f"unix:{os.path.join(directory, 'door.sock')}"
    members = {
        component: tuple(Member(replica, address[replica]) for replica in group.replica_ids())
        for group in plan.groups
        for component in group.components
    }
    routed = [component for component in members if plan.app.components[component].router is not None]
    routing = first_table(members | {fake: (Member(DOOR, address[DOOR]),) for fake in plan.fakes}, routed)
    secret = secret_bytes(SECRET_BYTES)
    may_call = permissions(plan, DOOR) if plan.config.multi.mtls else {}

    def placement(replica: str, hosted: tuple[str, ...], runs_main: bool) -> Placement:
        return Placement(
            deployment_id,
            version,
            replica,
            hosted,
            address.get(replica, ""),
            routing,
            plan.regions,
            {},
            plan.config,
            secret,
            runs_main,
            dict(proxies),
            may_call=may_call,
        )

    placed = {"": placement(DOOR, (), False)}
    for group in plan.groups:
        for number, replica in enumerate(group.replica_ids()):
            placed[replica] = placement(replica, group.components, number == 0 and plan.main in group.components)
    return placed
