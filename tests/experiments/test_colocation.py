"""The shop of `colocation`: the same pages whichever way it is run, and HTTP services that are no straw man."""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.experiments.command_line import run_briefly
from weaverlab.errors import WeaverError
from weaverlab.experiment import HttpClient, Results

pytestmark = pytest.mark.usefixtures("no_process_left")

FOLDER = Path(__file__).parents[2] / "experiments/colocation"
VISITS = range(19)  # all of one visitor


@pytest.fixture(autouse=True)
def _search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])


def imported(name: str) -> Any:
    return importlib.import_module(name)


def visit(address: str, numbers: range) -> list[Any]:
    host, _, port = address.partition(":")
    client = HttpClient((host, int(port)), timeout_s=10)
    pages = [json.loads(client.request("POST", "/visits", b'{"n": %d}' % number)) for number in numbers]
    client.close()
    return pages


def test_the_shop_shows_the_same_pages_whichever_way_it_is_run():
    ways, pages, processes = imported("ways").WAYS, {}, {}
    for way in ("colocated", "split", "lean http"):
        with ways[way]() as shop:
            pages[way] = visit(shop.address, VISITS)
            processes[way] = len(shop.pids)
            assert shop.cpu_s() > 0

    assert pages["colocated"] == pages["split"] == pages["lean http"]
    order = pages["colocated"][-1]["order"]
    assert [line["item"]["product_id"] for line in order["items"]] == ["P04", "P02"]
    assert processes == {"colocated": 1, "split": 10, "lean http": 10}


@pytest.mark.parametrize("stack", ["lean", "standard"])
def test_a_stub_calls_what_the_component_would_answer_and_keeps_its_connection(stack):
    service, services, goods = imported("http_service"), imported("services"), imported("goods")
    server_class, client_class = service.STACKS[stack]
    spec = service.SHOP.components["Carts"]
    carts = service.assemble(spec, {}, client_class, None)
    listener = socket.create_server(("127.0.0.1", 0))
    stub = service.Stub(spec, "{}:{}".format(*listener.getsockname()), client_class)
    server = server_class(listener, service.answer_for(spec, carts))

    assert stub.add("ann", goods.CartItem("P01", 2)) is None
    assert stub.items("ann") == [goods.CartItem("P01", 2)] == services.Carts.items(carts, "ann")
    with pytest.raises(OSError, match="500"):
        stub.add("ann", None)
    assert len(stub._idle) == 1

    stub._idle.pop().close()
    server.close()


def test_a_service_that_cannot_start_is_said_at_once():
    ways = imported("ways")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = ways.start("lean", "Frontend", listener, {})  # without the addresses of those that it calls

    with pytest.raises(WeaverError, match="service Frontend ended with exit code 1"):
        ways.wait_ready("Frontend", process)
    ways.end([process])


def test_processor_time_is_that_of_all_threads_in_user_and_system_mode():
    ways = imported("ways")
    before_s, times = ways.process_cpu_s(os.getpid()), os.times()

    assert before_s == pytest.approx(times.user + times.system, abs=0.1)


def test_the_mix_of_pages_is_that_of_online_boutiques_load():
    mix = imported("frontend").MIX

    weights = {page: mix.count(page) for page in mix}
    assert weights == {"home": 1, "set_currency": 2, "product": 10, "add_to_cart": 2, "view_cart": 3, "checkout": 1}


def test_a_rate_is_sustained_when_most_repeats_answered_everything_in_time_and_all_lower_rates_are():
    capacity = imported("capacity")
    waits_ms = {100.0: (3, 4, 90), 200.0: (60, 4, 70), 300.0: (3, 3, 3)}  # 95th percentiles, by repeat
    rows = tuple(
        {"way": "split", "rate": rate, "repeat": repeat, "errors": 0, "latency_ms_p95": wait_ms}
        for rate, waits in waits_ms.items()
        for repeat, wait_ms in enumerate(waits)
    )
    failed = tuple(row | {"way": "http", "errors": 1} for row in rows)
    manifest = {"levels": {"way": ["split", "http"]}}
    results = Results(Path(), manifest, ("way", "rate"), (), 18, rows + failed)

    assert capacity.sustained_rates(results) == {"split": 100.0, "http": None}
    assert capacity.sustained_table(results).splitlines()[2:] == ["split  100", "http   none"]


@pytest.mark.slow
def test_the_command_line_measures_every_way(tmp_path):
    results, _ = run_briefly("colocation", tmp_path)

    assert {row["way"] for row in results.rows} == {"colocated", "split", "lean http", "http"}
    assert sum(results.values("errors")) == 0
    cpu_s = {row["way"]: row["cpu_s_per_1000"] for row in results.rows}
    assert 0 < cpu_s["colocated"] < cpu_s["split"] < cpu_s["http"]
    assert (tmp_path / "capacity.png").read_bytes().startswith(b"\x89PNG")
