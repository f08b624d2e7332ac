"""What can be told of applications and deployments, as text and as JSON-ready values; it prints and draws nothing.

The command line and the notebook show the same: both call these functions. Who is asked how is in `deployers`.
"""

from weaverlab.status.blueprint import Blueprint, blueprint_of, read_blueprint
from weaverlab.status.entries import LogFilter
from weaverlab.status.finding import find
from weaverlab.status.listing import Listed, list_deployments, listing_dict, listing_text

__all__ = [
    "Blueprint",
    "Listed",
    "LogFilter",
    "blueprint_of",
    "find",
    "list_deployments",
    "listing_dict",
    "listing_text",
    "read_blueprint",
]
