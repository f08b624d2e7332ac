"""Cancelling a ticket refunds it in a branch that nobody waits for; who asks for the refund is in another region."""

from __future__ import annotations

import threading

import weaverlab as weaver
from weaverlab import Antipode, Component, Main, Ref, not_retriable

CONFIG = """
[antipode.payments]
type = "embedded-kv"
regions = ["eu", "us"]
lag_ms = 20

[regions]
eu = ["Payments", "Tickets"]
us = ["Receipts"]
"""


class Payments(Component):
    payments: Antipode

    def init(self) -> None:
        self._may_pay = threading.Event()

    def let_pay(self, may: bool) -> None:
        (self._may_pay.set if may else self._may_pay.clear)()

    def refund(self, order: str) -> None:
        assert self._may_pay.wait(20)
        self.payments.write("refunds", order, "paid back")


class Receipts(Component):
    payments: Antipode

    def init(self) -> None:
        self._searches = 0

    def find(self, order: str, timeout_s: float) -> str:
        self._searches += 1
        try:
            self.payments.barrier(timeout_s)
        finally:
            self._searches -= 1
        return self.payments.read("refunds", order).value

    def searches(self) -> int:
        """Return how many wait at the barrier."""
        return self._searches

    def look(self) -> tuple[bool, tuple[str, ...]]:
        """Return whether a barrier would pass, and the branches of which nobody knows any more."""
        self.payments.checkpoint("look")
        report = self.payments.barrier(dry_run=True)
        return report.is_complete, report.gone


class Tickets(Component):
    payments: Ref[Payments]
    receipts: Ref[Receipts]

    def cancel(self, order: str) -> None:
        """Return when the ticket is cancelled: before the money is back."""
        weaver.spawn(self.payments.refund, order)

    async def cancel_async(self, order: str) -> None:
        weaver.spawn(self.payments.refund, order)

    @not_retriable
    def find_receipt(self, order: str) -> str:
        return self.receipts.find(order, 20.0)

    def cancel_slowly(self, order: str) -> None:
        weaver.spawn(self._refund_slowly, order)

    def _refund_slowly(self, order: str) -> None:
        threading.Event().wait(0.2)
        self.payments.let_pay(True)
        self.payments.refund(order)
        self.logger.info("refunded %s", order)


class Station(Main):
    """Knows everybody, so that a deployment of it has everybody."""

    payments: Ref[Payments]
    tickets: Ref[Tickets]
    receipts: Ref[Receipts]

    def main(self) -> None: ...
