"""The travellers, in a process of their own: they cancel in one region, and look at the desk of another.

    python client.py '{"web": "127.0.0.1:1", "desk": "127.0.0.1:2", "rate": 40, ...}'     prints what they saw, as JSON

Every traveller buys a ticket beforehand, cancels it when the schedule says so, whether or not others wait, and then
asks about it until the desk shows it as cancelled, and further until it shows the refund. The servers do not know what
was seen. Not in here: what it is compared with (`run`).
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from weaverlab.clock import SystemClock
from weaverlab.experiment import HttpClient

PRICE = 120
TIMEOUT_S = 10.0
ASK_PAUSE_S = 0.005  # a traveller who does not see yet what was promised
ASK_FOR_S = 3.0  # many times the longest lag
START_DELAY_S = 0.05


@dataclass(frozen=True)
class Journey:
    """What the travellers do: `rate` cancellations a second for `duration_s`, over `connections` at a time.

    If `carries_lineage`, they show at the desk what the cancellation returned.
    """

    web: str
    desk: str
    rate: float
    duration_s: float
    warmup_s: float
    connections: int
    carries_lineage: bool


@dataclass(frozen=True)
class Seen:
    """What one traveller saw; times in milliseconds.

    cancel_ms:  from when the cancellation should have been sent to its answer
    enquiry_ms: of the first answer that showed the ticket as cancelled; `asked` counts enquiries up to that one
    refunded:   whether that answer showed the refund too
    window_ms:  from the cancellation's answer to the first one that showed both
    error:      why nothing of this is known
    """

    n: int
    is_warmup: bool
    late_ms: float = 0.0
    cancel_ms: float = 0.0
    enquiry_ms: float = 0.0
    asked: int = 0
    refunded: bool = False
    window_ms: float = 0.0
    error: str = ""


def main() -> None:
    """Make the journeys that the first argument describes."""
    print(json.dumps([asdict(seen) for seen in travel(Journey(**json.loads(sys.argv[1])))]))


def travel(journey: Journey) -> list[Seen]:
    """Buy all tickets, wait until they are known at the desk, then cancel one after the other, on time."""
    total = int(journey.rate * (journey.warmup_s + journey.duration_s))
    travellers = [Traveller(journey) for _ in range(min(journey.connections, total))]
    travellers[0].buy(total)
    numbers, seen, start_s = iter(range(total)), list[Seen](), SystemClock.now_s() + START_DELAY_S
    lock = threading.Lock()  # guards `numbers` and `seen`

    def run(traveller: Traveller) -> None:
        while True:
            with lock:
                n = next(numbers, None)
            if n is None:
                return traveller.leave()
            one = traveller.go(n, start_s + n / journey.rate)
            with lock:
                seen.append(one)

    run_all([threading.Thread(target=run, args=(traveller,)) for traveller in travellers])
    return sorted(seen, key=lambda one: one.n)


def run_all(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Traveller:
    """One connection to each region, and who uses them."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._web, self._desk = (HttpClient(address_of(text), TIMEOUT_S) for text in (journey.web, journey.desk))

    def buy(self, total: int) -> None:
        """Buy all tickets, and return when the last of them is known at the desk."""
        for n in range(total):
            bought = self._post("/orders", {"id": str(n), "price": PRICE})
        self._ask(total - 1, bought["lineage"])

    def go(self, n: int, due_s: float) -> Seen:
        """Cancel ticket `n` at `due_s`, and say what was seen of it afterwards."""
        is_warmup = n < self._journey.rate * self._journey.warmup_s
        SystemClock.sleep(max(0.0, due_s - SystemClock.now_s()))
        late_ms = ms_since(due_s)
        try:
            lineage = self._post("/cancellations", {"id": str(n)})["lineage"]
            cancel_ms, cancelled_s = ms_since(due_s), SystemClock.now_s()
            return self._look(Seen(n, is_warmup, late_ms, cancel_ms), cancelled_s, lineage)
        except (OSError, ValueError) as error:
            return Seen(n, is_warmup, late_ms, error=f"{type(error).__name__}: {error}")

    def leave(self) -> None:
        for client in (self._web, self._desk):
            client.close()

    def _look(self, seen: Seen, cancelled_s: float, lineage: str) -> Seen:
        """Ask until the ticket is cancelled, then on until the money is back."""
        answer, asked, enquiry_ms = self._ask_until("status", "cancelled", seen.n, lineage)
        refunded = answer["refund"] == PRICE
        if not refunded:
            self._ask_until("refund", PRICE, seen.n, lineage)
        window_ms = ms_since(cancelled_s)
        return replace(seen, enquiry_ms=enquiry_ms, asked=asked, refunded=refunded, window_ms=window_ms)

    def _ask_until(self, field: str, value: object, n: int, lineage: str) -> tuple[dict[str, Any], int, float]:
        """Return the first answer in which `field` is `value`, which one it was, and how long it took (ms)."""
        started_s = SystemClock.now_s()
        for asked in itertools.count(1):
            asked_s = SystemClock.now_s()
            answer = self._ask(n, lineage if self._journey.carries_lineage else "")
            if answer[field] == value:
                return answer, asked, ms_since(asked_s)
            if ms_since(started_s) > ASK_FOR_S * 1000:
                raise TimeoutError(f"after {ASK_FOR_S:g} s the desk shows {answer}, expected {field} {value!r}")
            SystemClock.sleep(ASK_PAUSE_S)
        raise AssertionError("counting does not end")

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, str]:
        answer: dict[str, str] = json.loads(self._web.request("POST", path, json.dumps(body).encode()))
        return answer

    def _ask(self, n: int, lineage: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._desk.request("GET", f"/orders?id={n}&lineage={lineage}"))
        return answer


def address_of(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def ms_since(time_s: float) -> float:
    return (SystemClock.now_s() - time_s) * 1000


if __name__ == "__main__":
    main()
