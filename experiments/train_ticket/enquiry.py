"""Where travellers ask about their tickets: an HTTP server in region us, which reads what that region sees.

GET /orders   ?id=7             {"status": "cancelled", "refund": 120}, as far as is known here
              ?id=7&lineage=…   the same, after a barrier for what that lineage (hexadecimal) depends on
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import weaverlab as weaver
from weaverlab import Antipode, Component, Listener
from weaverlab.antipode import Lineage
from weaverlab.errors import NotFoundError, ProtocolError
from weaverlab.experiment import HttpServer, Route, json_routes


@dataclass
class Asked:
    """Which ticket, and what the traveller knows of already; what is no lineage is a ValueError."""

    id: str
    lineage: str = ""

    def __post_init__(self) -> None:
        try:
            Lineage.unpack(bytes.fromhex(self.lineage))
        except ProtocolError as error:
            raise ValueError(f"lineage: {error}") from None


class Enquiry(Component):
    """Answers for region us."""

    desk: Listener
    orders: Antipode
    payments: Antipode

    def init(self) -> None:
        self.server = HttpServer(self.desk.socket, json_routes({"GET /orders": Route(Asked, self._answer)}))

    def wait_visible(self) -> None:
        """Wait until all that the caller depends on is visible in this region."""
        self.orders.barrier()

    def shutdown(self) -> None:
        self.server.close()

    def _answer(self, asked: Asked) -> dict[str, Any]:
        with weaver.request():
            if asked.lineage:
                weaver.transfer(bytes.fromhex(asked.lineage))
                self.orders.barrier()
            # The order first: a refund that arrives in between can only help.
            order, refund = self._read(self.orders, "orders", asked.id), self._read(self.payments, "refunds", asked.id)
        return {"status": order.status if order else "unknown", "refund": refund}

    def _read(self, store: Antipode, table: str, key: str) -> Any:
        try:
            return store.read(table, key).value
        except NotFoundError:
            return None
