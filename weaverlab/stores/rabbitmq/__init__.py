"""RabbitMQ as a store: messages with their lineage, confirmed when published, acknowledged when handled.

Needs the extra `rabbitmq` (pika). `datastore` is the way in; `messages` and `topology` say what RabbitMQ sees of us.
"""

from weaverlab.stores.rabbitmq.datastore import RabbitDatastore, open_store

__all__ = ["RabbitDatastore", "open_store"]
