"""The life of a component instance as the runtime sees it: made, filled, used."""

from __future__ import annotations

import logging
import socket

import pytest

from weaverlab.component import Component, Implements, Interface, Listener, Ref, WithConfig, fill
from weaverlab.errors import WeaverError
from weaverlab.types import WeaverInfo

LOGGER = logging.getLogger("test")
INFO = WeaverInfo("d1", "Reader", "Reader/0", 1, "v1", "local")


class Reverser(Interface):
    def reverse(self, text: str) -> str: ...


class Turner(Implements[Reverser]):
    def reverse(self, text):
        return text[::-1]


class Reader(Component, WithConfig[dict]):
    reverser: Ref[Reverser]
    web: Listener = Listener(name="console")
    cache: dict[str, str]

    def __init__(self):
        self.made = True


class BoundSocket:
    """Stands for a listening socket."""

    def __init__(self, name: object) -> None:
        self.name = name

    def getsockname(self) -> object:
        return self.name


def test_filled_fields_are_ordinary_attributes():
    reader, web = Reader(), Listener("console", socket=BoundSocket(("127.0.0.1", 80)))

    fill(reader, refs={"reverser": Turner()}, listeners={"web": web}, config={"size": 3}, logger=LOGGER, weaver=INFO)

    assert reader.reverser.reverse("abc") == "cba"
    assert reader.web is web
    assert reader.config == {"size": 3}
    assert (reader.logger, reader.weaver, reader.made) == (LOGGER, INFO, True)


def test_instances_of_one_class_do_not_share_their_fields():
    one, two = Reader(), Reader()

    fill(one, refs={"reverser": "a handle"}, logger=LOGGER, weaver=INFO)

    assert one.reverser == "a handle"
    with pytest.raises(AttributeError):
        two.reverser  # noqa: B018


@pytest.mark.parametrize("name", ["reverser", "config", "logger", "weaver"])
def test_a_field_that_is_used_before_it_is_filled_says_to_use_init(name):
    with pytest.raises(AttributeError) as caught:
        getattr(Reader(), name)

    assert str(caught.value) == (
        f"Reader.{name} is not filled yet: WeaverLab fills refs, listeners, agents, config, logger and weaver after "
        "__init__ and before init(). Move what needs it to `def init(self)`."
    )


def test_an_own_attribute_that_does_not_exist_is_pythons_ordinary_error():
    with pytest.raises(AttributeError, match=r"^'Reader' object has no attribute 'cache'$"):
        Reader().cache  # noqa: B018


def test_config_without_withconfig_says_what_to_derive_from():
    with pytest.raises(AttributeError, match="Turner has no config: derive it from WithConfig"):
        Turner().config  # noqa: B018


def test_an_own_setattr_does_not_stop_the_fields():
    class Guarded(Component):
        reverser: Ref[Reverser]

        def __setattr__(self, name, value):
            raise AttributeError("read only")

    guarded = Guarded()
    fill(guarded, refs={"reverser": "a handle"}, logger=LOGGER, weaver=INFO)

    assert guarded.reverser == "a handle"


@pytest.mark.parametrize(
    ("name", "addr"),
    [(("127.0.0.1", 80), "127.0.0.1:80"), (("::1", 80, 0, 0), "[::1]:80"), ("/run/web.sock", "/run/web.sock")],
)
def test_a_listener_tells_where_it_listens(name, addr):
    listener = Listener("web", socket=BoundSocket(name))

    assert (listener.addr, str(listener), listener.proxy_addr) == (addr, addr, addr)
    assert repr(listener) == f"<Listener 'web' {addr}>"


def test_a_listener_still_tells_where_it_was_when_a_server_has_closed_its_socket():
    with socket.create_server(("127.0.0.1", 0)) as bound:
        addr = f"127.0.0.1:{bound.getsockname()[1]}"
        listener = Listener("web", socket=bound)

    assert (str(listener), repr(listener)) == (addr, f"<Listener 'web' {addr}>")


def test_clients_of_a_listener_are_sent_to_its_proxy():
    listener = Listener("web", socket=BoundSocket(("127.0.0.1", 80)), proxy_addr="127.0.0.1:8080")

    assert (listener.addr, listener.proxy_addr, str(listener)) == ("127.0.0.1:80", "127.0.0.1:8080", "127.0.0.1:8080")


def test_a_listener_that_is_not_bound_says_when_it_will_be():
    with pytest.raises(WeaverError, match=r"Listener 'console' is not bound yet: .* Use it in init\(\)"):
        Reader().web.socket  # noqa: B018
    assert repr(Listener("web")) == "<Listener 'web' not bound>"
