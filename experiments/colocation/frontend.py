"""The shop's pages. A visit is one page; its number says whose and which, in the proportions of Online Boutique.

POST /visits   {"n": 17}     what the page shows, as JSON
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from goods import PRODUCTS, Address, Card, CartItem, Money
from services import Ads, Carts, Catalog, Checkout, Currencies, Recommendations, Shipping

from weaverlab import Listener, Main, Ref
from weaverlab.experiment import HttpServer, Route, json_routes

ADDRESS = Address("1600 Some Avenue", "Mountainside", "CH", 9403)
CARD = Card("4432-8015-6152-0454", 2039, 1)
CURRENCIES = ("EUR", "USD", "JPY")
# Out of 19 visits: the weights of Online Boutique's own load, spread so that a cart is filled before it is bought.
MIX = (
    *(
        "home",
        "product",
        "product",
        "set_currency",
        "add_to_cart",
        "product",
        "product",
        "view_cart",
        "product",
        "product",
    ),
    *("set_currency", "add_to_cart", "product", "view_cart", "product", "product", "view_cart", "product", "checkout"),
)


@dataclass
class Visit:
    """The number of a visit; each visitor makes len(MIX) of them, one after the other."""

    n: int


class Frontend(Main):
    """Serves the pages."""

    ads: Ref[Ads]
    catalog: Ref[Catalog]
    carts: Ref[Carts]
    currencies: Ref[Currencies]
    shipping: Ref[Shipping]
    recommendations: Ref[Recommendations]
    buying: Ref[Checkout]
    web: Listener

    def init(self) -> None:
        self.stopping = threading.Event()
        self.pages: dict[str, Callable[[str, str, str], object]] = {
            "home": self.home,
            "product": self.product,
            "set_currency": self.set_currency,
            "add_to_cart": self.add_to_cart,
            "view_cart": self.view_cart,
            "checkout": self.checkout,
        }
        self.server = HttpServer(self.web.socket, json_routes({"POST /visits": Route(Visit, self.visit)}))

    def main(self) -> None:
        self.stopping.wait()

    def shutdown(self) -> None:
        self.stopping.set()
        self.server.close()

    def visit(self, visit: Visit) -> object:
        """Return what the page shows."""
        visitor, step = divmod(visit.n, len(MIX))
        product_id = PRODUCTS[visit.n % len(PRODUCTS)].id
        return self.pages[MIX[step]](f"v{visitor}", CURRENCIES[visitor % len(CURRENCIES)], product_id)

    def home(self, user: str, currency: str, product_id: str) -> dict[str, Any]:
        products = self.catalog.products()
        return {
            "currencies": self.currencies.supported(),
            "cart": len(self.carts.items(user)),
            "products": [(product.name, self._price(product.price, currency)) for product in products],
            "ads": self.ads.fitting([]),
        }

    def product(self, user: str, currency: str, product_id: str) -> dict[str, Any]:
        product = self.catalog.product(product_id)
        return {
            "currencies": self.currencies.supported(),
            "cart": len(self.carts.items(user)),
            "product": product,
            "price": self._price(product.price, currency),
            "recommended": self._recommended([product_id]),
            "ads": self.ads.fitting(product.categories),
        }

    def set_currency(self, user: str, currency: str, product_id: str) -> dict[str, Any]:
        return {"currency": currency}  # which the visitor's browser remembers

    def add_to_cart(self, user: str, currency: str, product_id: str) -> dict[str, Any]:
        product = self.catalog.product(product_id)
        self.carts.add(user, CartItem(product.id, 1 + len(user) % 3))
        return {"added": product.name}

    def view_cart(self, user: str, currency: str, product_id: str) -> dict[str, Any]:
        items = self.carts.items(user)
        shipping = self._price(self.shipping.quote(ADDRESS, items), currency)
        prices = [self._price(self.catalog.product(item.product_id).price, currency) for item in items]
        return {
            "currencies": self.currencies.supported(),
            "items": list(zip(items, prices, strict=True)),
            "shipping": shipping,
            "recommended": self._recommended([item.product_id for item in items]),
        }

    def checkout(self, user: str, currency: str, product_id: str) -> dict[str, Any]:
        order = self.buying.place(user, currency, ADDRESS, CARD)
        return {
            "order": order,
            "currencies": self.currencies.supported(),
            "recommended": self._recommended([line.item.product_id for line in order.items]),
        }

    def _price(self, price: Money, currency: str) -> Money:
        return price if price.currency == currency else self.currencies.convert(price, currency)

    def _recommended(self, product_ids: list[str]) -> list[str]:
        return [self.catalog.product(found).name for found in self.recommendations.like(product_ids)]
