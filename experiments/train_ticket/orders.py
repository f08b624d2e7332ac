"""Orders and refunds: two services in region eu, each with a store of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

from weaverlab import Antipode, AutoMarshal, Component, WithConfig, not_retriable


class Order(AutoMarshal):
    """A ticket that somebody has bought, and may have cancelled since."""

    id: str
    price: int
    status: Literal["paid", "cancelled"] = "paid"


class Orders(Component):
    """The tickets."""

    orders: Antipode

    def buy(self, order: Order) -> None:
        self.orders.write("orders", order.id, order)

    def mark_cancelled(self, order_id: str) -> Order:
        """Cancel a ticket and return it as it is now; NotFoundError when nobody bought it."""
        cancelled: Order = replace(self.orders.read("orders", order_id).value, status="cancelled")
        self.orders.write("orders", order_id, cancelled)
        return cancelled


@dataclass
class PaymentSettings:
    """How long the bank takes for a refund."""

    bank_ms: float = 20.0


class Payments(Component, WithConfig[PaymentSettings]):
    """The money."""

    payments: Antipode

    @not_retriable
    def refund(self, order: Order) -> None:
        """Have the bank pay the price back, then note that it did."""
        time.sleep(self.config.bank_ms / 1000)
        self.payments.write("refunds", order.id, order.price)
