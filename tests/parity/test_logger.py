"""`self.logger`: a logger of the standard library, labelled with component, replica and ids of the current call."""

from __future__ import annotations

import logging

import weaverlab as weaver
from weaverlab import Component, Ref
from weaverlab.history import Invoked


class Inner(Component):
    def work(self, number: int) -> bool:
        self.logger.info("inner %d", number, extra={"colour": "red"})
        try:
            raise KeyError(number)
        except KeyError:
            self.logger.exception("caught")
        return isinstance(self.logger, logging.Logger | logging.LoggerAdapter)


class Outer(Component):
    inner: Ref[Inner]

    def work(self, number: int) -> bool:
        self.logger.warning("outer %d", number)
        return self.inner.work(number)


def test_log_lines_say_who_wrote_them_and_for_which_request(deployer: str) -> None:
    with weaver.deploy(Outer, deployer=deployer) as app:
        with weaver.request() as trace:
            assert app.get(Outer).work(7)
        assert app.get(Inner).work(8)
        invoked = [event for event in app.events() if isinstance(event, Invoked)]
        replicas = {component: replica.id for replica in app.replicas() for component in replica.components}
    entries = {(str(e["component"]), str(e["message"]).splitlines()[0]): e for e in app.logs()}

    outer, inner, late = entries["Outer", "outer 7"], entries["Inner", "inner 7"], entries["Inner", "inner 8"]
    assert (outer["level"], inner["level"]) == ("WARNING", "INFO")
    assert (outer["replica"], inner["replica"]) == (replicas["Outer"], replicas["Inner"])
    assert outer["trace"] == inner["trace"] == trace != ""
    spans = {event.callee: event.span for event in invoked if event.request == trace}
    assert (outer["span"], inner["span"]) == (spans["Outer"], spans["Inner"])
    assert (late["trace"], late["span"]) == ("", "")
    assert "KeyError: 7" in "".join(str(e["message"]) for e in app.logs() if e["trace"] == trace)
