"""Cancel and refund: is the money back when the cancellation is there?

    region eu                                                    region us

    client --> TrainTicket --> Cancel ---+--> Orders   ~~ 20-40 ms ~~~~~> Enquiry <-- the same client
                                         :                                  ^
                                         + - -> Payments ~~ 60-100 ms ~~~~~~+
                                     detached

Cancelling marks the order and starts the refund, for which it does not wait. The client is told that the ticket is
cancelled, and looks at another region's desk. In here: the way in for clients, over HTTP.

POST /orders          {"id": "7", "price": 120}    buys a ticket
POST /cancellations   {"id": "7"}                  cancels it; returns the request's lineage, in hexadecimal

Source: Zhou et al., Benchmarking Microservice Systems for Software Engineering Research (ICSE 2018), Train Ticket;
its anomaly of cancel and refund in Antipode (Ferreira Loff et al., SOSP 2023).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from cancel import Cancel
from orders import Order, Orders

import weaverlab as weaver
from weaverlab import Listener, Main, Ref
from weaverlab.experiment import HttpServer, Route, json_routes


@dataclass
class Bought:
    """What a client sends to buy a ticket."""

    id: str
    price: int


@dataclass
class Cancelled:
    """What a client sends to cancel one."""

    id: str


class TrainTicket(Main):
    """The way in."""

    orders: Ref[Orders]
    canceller: Ref[Cancel]
    web: Listener

    def init(self) -> None:
        self.stopping = threading.Event()
        paths = {"POST /orders": Route(Bought, self.buy), "POST /cancellations": Route(Cancelled, self.cancel)}
        self.server = HttpServer(self.web.socket, json_routes(paths))

    def main(self) -> None:
        self.logger.info("open at http://%s/orders", self.web)
        self.stopping.wait()

    def buy(self, bought: Bought) -> dict[str, str]:
        with weaver.request():
            self.orders.buy(Order(bought.id, bought.price))
            return {"lineage": weaver.get_lineage().hex()}

    def cancel(self, cancelled: Cancelled) -> dict[str, str]:
        with weaver.request():
            self.canceller.cancel(cancelled.id)
            return {"lineage": weaver.get_lineage().hex()}

    def shutdown(self) -> None:
        self.stopping.set()
        self.server.close()
