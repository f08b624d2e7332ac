"""Cancelling a ticket, in region eu. What that waits for, and where, is decided here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from enquiry import Enquiry
from orders import Orders, Payments

import weaverlab as weaver
from weaverlab import Component, Ref, WithConfig, not_retriable

Strategy = Literal["none", "careless", "cancel", "read"]


@dataclass
class CancelSettings:
    """What happens before a cancellation returns.

    none:     no barrier
    careless: a barrier in the region where clients ask; it knows nothing of the refund, which runs in a plain thread
    cancel:   the same barrier, and the refund in a branch of the request, which it waits for
    read:     no barrier here; the client carries the lineage to the enquiry, which has one
    """

    strategy: Strategy = "none"


class Cancel(Component, WithConfig[CancelSettings]):
    """Cancels tickets, and has the money paid back."""

    orders: Ref[Orders]
    payments: Ref[Payments]
    enquiry: Ref[Enquiry]

    @not_retriable
    def cancel(self, order_id: str) -> None:
        order = self.orders.mark_cancelled(order_id)
        if self.config.strategy == "careless":
            threading.Thread(target=self.payments.refund, args=(order,)).start()
        else:
            weaver.spawn(self.payments.refund, order)  # detached, and a dependency until it has ended
        if self.config.strategy in ("careless", "cancel"):
            self.enquiry.wait_visible()
