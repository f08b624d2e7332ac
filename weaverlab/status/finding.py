"""Which deployment is meant by the beginning of an id, or by nothing at all?"""

from __future__ import annotations

from collections.abc import Sequence

from weaverlab.errors import UnknownDeployment, nearest
from weaverlab.registry import Record


def find(id_prefix: str, records: Sequence[Record]) -> Record:
    """Return the one of `records` whose id begins with `id_prefix`; with "", the only one there is.

    Raises:
        UnknownDeployment: none or several are meant; lists those.
    """
    meant = [record for record in records if record.id.startswith(id_prefix)]
    if len(meant) == 1:
        return meant[0]
    if not records:
        raise UnknownDeployment("nothing is deployed. To deploy: weaverlab multi deploy weaver.toml")
    if not meant:
        hint = nearest(id_prefix, [record.id for record in records])
        raise UnknownDeployment(f"no deployment begins with {id_prefix!r}.{hint} These run:{_lines(records)}")
    what = f"{len(meant)} deployments begin with {id_prefix!r}" if id_prefix else f"{len(meant)} deployments run"
    raise UnknownDeployment(f"{what}: give more of the id of one.{_lines(meant)}")


def _lines(records: Sequence[Record]) -> str:
    return "".join(f"\n  {record.id}  {record.app} on {record.deployer}, process {record.pid}" for record in records)
