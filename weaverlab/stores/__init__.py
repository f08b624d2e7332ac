"""Datastores for components: the agent that authors annotate, and the service that hosts the embedded stores.

A new kind of store implements `Datastore` and is a line in `kinds`; nothing else changes. Not in
here: the protocol of lineages and barriers, which is `weaverlab.antipode`.
"""

from weaverlab.stores.agent import Antipode, ReadResult
from weaverlab.stores.consumer import AntipodeObject, Consumer
from weaverlab.stores.datastore import Datastore, DeadLetter, Health, Subscription, Waiter
from weaverlab.stores.datastores import Datastores, open_datastores
from weaverlab.stores.embedded import EmbeddedDatastore
from weaverlab.stores.host import Host
from weaverlab.stores.kinds import faults_of_kinds, missing_client
from weaverlab.stores.pool import Pools
from weaverlab.stores.service import EmbeddedStores, EmbeddedStoreService

__all__ = [
    "Antipode",
    "AntipodeObject",
    "Consumer",
    "Datastore",
    "Datastores",
    "DeadLetter",
    "EmbeddedDatastore",
    "EmbeddedStoreService",
    "EmbeddedStores",
    "Health",
    "Host",
    "Pools",
    "ReadResult",
    "Subscription",
    "Waiter",
    "faults_of_kinds",
    "missing_client",
    "open_datastores",
]
