"""Components that fail while they start, run or end."""

from __future__ import annotations

import os
import sys
import threading

from weaverlab import Component, Main, Ref, not_retriable


class Healthy(Component):
    def ping(self) -> str:
        return "pong"


class FailsInInit(Component):
    def init(self) -> None:
        raise ValueError("no such disk")


class SaysGoodbye(Component):
    def ping(self) -> str:
        return "pong"

    def shutdown(self) -> None:
        print("goodbye")


class FailsAfterOthers(Component):
    """Its init fails when what it refers to is ready."""

    polite: Ref[SaysGoodbye]

    def init(self) -> None:
        self.polite.ping()
        raise ValueError("no such disk")


class ExitsInInit(Component):
    def init(self) -> None:
        sys.exit("enough")


class HangsInInit(Component):
    def init(self) -> None:
        self.logger.info("init has begun")
        threading.Event().wait()


class BadBody(Exception):
    pass


class FailsInMain(Main):
    def main(self) -> None:
        raise BadBody("of my own")


class DiesWhenAsked(Component):
    @not_retriable
    def die(self) -> None:
        print("my last words", flush=True)
        os._exit(7)
