"""What the shop sells, and the records that its services tell each other."""

from __future__ import annotations

from weaverlab import AutoMarshal


class Money(AutoMarshal):
    """An amount: whole units and billionths of one, as in Online Boutique, so that nothing is rounded twice."""

    currency: str
    units: int
    nanos: int


class Product(AutoMarshal):
    """Something for sale."""

    id: str
    name: str
    description: str
    picture: str
    price: Money
    categories: list[str]


class CartItem(AutoMarshal):
    """So many of a product."""

    product_id: str
    quantity: int


class Address(AutoMarshal):
    """Where to ship."""

    street: str
    city: str
    country: str
    zip_code: int


class Card(AutoMarshal):
    """How to pay."""

    number: str
    year: int
    month: int


class OrderItem(AutoMarshal):
    """A line of an order, with the price of all its pieces."""

    item: CartItem
    cost: Money


class Order(AutoMarshal):
    """A placed order."""

    id: str
    tracking_id: str
    shipping: Money
    address: Address
    items: list[OrderItem]


class Ad(AutoMarshal):
    """An advertisement."""

    url: str
    text: str


CURRENCIES = {"EUR": 1.0, "USD": 1.1305, "JPY": 126.4, "GBP": 0.8597, "CHF": 1.136, "SEK": 10.5375}  # for one euro

NAMES = ("Kettle", "Lantern", "Notebook", "Scarf", "Teapot", "Umbrella", "Vase", "Watch", "Yarn")
PRODUCTS = [
    Product(
        f"P{number:02}",
        name,
        f"{name}, made with care, and described at the length at which shops describe what they have to sell.",
        f"/static/{name.lower()}.jpg",
        Money("USD", 10 + 7 * number, 990_000_000),
        ["home", "gifts"] if number % 2 else ["clothes"],
    )
    for number, name in enumerate(NAMES)
]
