"""The nine services behind the frontend, in the spirit of Online Boutique. Their state is in memory, so that calls are
what is measured.

    Frontend --+--> Ads, Catalog, Carts, Currencies, Shipping
               +--> Recommendations --> Catalog
               +--> Checkout --> Carts, Catalog, Currencies, Shipping, Payments, Email

Source: Google's microservices demonstration Online Boutique, as measured by Ghemawat et al., Towards Modern
Development of Cloud Applications (HotOS 2023).
"""

from __future__ import annotations

import itertools
import threading

from goods import CURRENCIES, PRODUCTS, Ad, Address, Card, CartItem, Money, Order, OrderItem, Product

from weaverlab import Component, Ref, not_retriable

NANOS = 1_000_000_000


class Catalog(Component):
    """The products."""

    def init(self) -> None:
        self.by_id = {product.id: product for product in PRODUCTS}

    def products(self) -> list[Product]:
        return PRODUCTS

    def product(self, product_id: str) -> Product:
        return self.by_id[product_id]


class Currencies(Component):
    """Exchange rates."""

    def supported(self) -> list[str]:
        return list(CURRENCIES)

    def convert(self, money: Money, currency: str) -> Money:
        nanos = (money.units * NANOS + money.nanos) / CURRENCIES[money.currency] * CURRENCIES[currency]
        return Money(currency, *divmod(round(nanos), NANOS))


class Carts(Component):
    """What each user is about to buy."""

    def init(self) -> None:
        self.lock = threading.Lock()
        self.carts: dict[str, dict[str, int]] = {}

    @not_retriable
    def add(self, user: str, item: CartItem) -> None:
        with self.lock:
            cart = self.carts.setdefault(user, {})
            cart[item.product_id] = cart.get(item.product_id, 0) + item.quantity

    def items(self, user: str) -> list[CartItem]:
        with self.lock:
            return [CartItem(product_id, quantity) for product_id, quantity in self.carts.get(user, {}).items()]

    def empty(self, user: str) -> None:
        with self.lock:
            self.carts.pop(user, None)


class Ads(Component):
    """Advertisements for categories."""

    def fitting(self, categories: list[str]) -> list[Ad]:
        return [
            Ad(f"/product/{PRODUCTS[len(name) % len(PRODUCTS)].id}", f"Everything for {name}") for name in categories
        ]


class Recommendations(Component):
    """What else might please."""

    catalog: Ref[Catalog]

    def like(self, product_ids: list[str]) -> list[str]:
        return [product.id for product in self.catalog.products() if product.id not in product_ids][:5]


class Shipping(Component):
    """Parcels."""

    def init(self) -> None:
        self.numbers = itertools.count(1)

    def quote(self, address: Address, items: list[CartItem]) -> Money:
        return Money("USD", 4 + sum(item.quantity for item in items), 990_000_000)

    @not_retriable
    def ship(self, address: Address, items: list[CartItem]) -> str:
        """Return the parcel's tracking id."""
        return f"{address.country}-{address.zip_code}-{next(self.numbers)}"


class Payments(Component):
    """The bank."""

    def init(self) -> None:
        self.numbers = itertools.count(1)

    @not_retriable
    def charge(self, amount: Money, card: Card) -> str:
        """Return the id of the transaction."""
        return f"{card.number[-4:]}-{next(self.numbers)}"


class Email(Component):
    """Letters to customers."""

    def confirm(self, address: str, order: Order) -> str:
        """Return the letter; nobody sends it."""
        lines = [f"{line.item.quantity} x {line.item.product_id}: {line.cost.units}" for line in order.items]
        return "\n".join([f"To: {address}", f"Your order {order.id}:", *lines])


class Checkout(Component):
    """Turns a cart into an order."""

    carts: Ref[Carts]
    catalog: Ref[Catalog]
    currencies: Ref[Currencies]
    shipping: Ref[Shipping]
    payments: Ref[Payments]
    email: Ref[Email]

    @not_retriable
    def place(self, user: str, currency: str, address: Address, card: Card) -> Order:
        items = self.carts.items(user)
        costs = [OrderItem(item, self._cost(item, currency)) for item in items]
        shipping = self.currencies.convert(self.shipping.quote(address, items), currency)
        total = sum(cost.cost.units for cost in costs) + shipping.units
        transaction = self.payments.charge(Money(currency, total, 0), card)
        order = Order(transaction, self.shipping.ship(address, items), shipping, address, costs)
        self.carts.empty(user)
        self.email.confirm(f"{user}@example.org", order)
        return order

    def _cost(self, item: CartItem, currency: str) -> Money:
        price = self.currencies.convert(self.catalog.product(item.product_id).price, currency)
        units, nanos = divmod((price.units * NANOS + price.nanos) * item.quantity, NANOS)
        return Money(currency, units, nanos)
