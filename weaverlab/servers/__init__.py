"""Real datastore servers on this machine, a primary and replicas with a measured lag, for experiments and tests.

What a store does with them is not in here: see `stores`.
"""

from weaverlab.servers.group import Group, running, up
from weaverlab.servers.lag import MeasuredLag
from weaverlab.servers.spec import KINDS
from weaverlab.servers.state import GroupState, Server

__all__ = ["KINDS", "Group", "GroupState", "MeasuredLag", "Server", "running", "up"]
