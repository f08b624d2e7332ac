"""A social network over two regions: does a follower find what its home timeline shows?

    region eu                                                             region us

    client --> SocialNetwork --> ComposePost --> six branches      WriteHomeTimeline --> SocialGraph
                                    |            (content.py)          ^   |  +--------> HomeTimeline
                                    |                                  |   +-----------> Follower --> PostStorageUS
                                    +--> PostStorageEU ~~ 60-100 ms ~~~|~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~^
                                    +--> UserTimeline                  |
                                    +--> announcements ~~ 20 ms ~~~~~~~+

DeathStarBench's compose-post: the parts of a post are made at the same time, joined, stored in eu, and announced to
followers in us through a queue that is faster than the posts. In here: the way in for clients, over HTTP, and the
outcomes. What followers saw comes back through the queue `outcomes`, an instrument and no part of the story.

Source: Gan et al., An Open-Source Benchmark Suite for Microservices (ASPLOS 2019), social network.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any

from compose import ComposePost
from delivery import SocialGraph, WriteHomeTimeline
from records import Draft, Outcome

import weaverlab as weaver
from weaverlab import Antipode, Listener, Main, Ref
from weaverlab.errors import NotFoundError
from weaverlab.experiment import HttpServer, MessageLoop, Route, json_routes

POLL_TIMEOUT_S_MAX = 25.0  # below the idle timeout of a connection


@dataclass
class Sent:
    """What a client sends: a new post, or new words for the post that request `request_id` made."""

    request_id: str
    text: str
    media: list[str]


@dataclass
class OutcomesAsked:
    """How many outcomes of posts with this revision to wait for, and how long."""

    revision: int
    count: int
    timeout_s: float


class SocialNetwork(Main):
    """The way in: `POST /posts` and `POST /edits`; and `GET /outcomes` for whoever measures."""

    composer: Ref[ComposePost]
    graph: Ref[SocialGraph]
    home: Ref[WriteHomeTimeline]
    web: Listener
    outcomes: Antipode

    def init(self) -> None:
        self.users = self.graph.count()
        self.post_ids: dict[str, str] = {}  # by the request that made the post
        self.known: dict[tuple[int, str], Outcome] = {}  # by revision and request; all, as an experiment is short
        self.arrived = threading.Condition()  # guards `known` and `is_stopping`
        self.is_stopping = False
        self.loop = MessageLoop(self.outcomes, "outcomes", "app", self._take_in, self.logger)
        paths = {
            "POST /posts": Route(Sent, self.post),
            "POST /edits": Route(Sent, self.edit),
            "GET /outcomes": Route(OutcomesAsked, self.wait_outcomes),
        }
        self.server = HttpServer(self.web.socket, json_routes(paths))

    def main(self) -> None:
        self.logger.info("open at http://%s/posts, for %d users", self.web, self.users)
        with self.arrived:
            self.arrived.wait_for(lambda: self.is_stopping)

    def post(self, sent: Sent) -> dict[str, str]:
        """Compose a post, as a request of its own: from here on, what it depends on is kept track of."""
        with weaver.request():
            self.post_ids[sent.request_id] = self.composer.compose(self._draft(sent))
        return {"id": self.post_ids[sent.request_id]}

    def edit(self, sent: Sent) -> dict[str, str]:
        post_id = self.post_ids.get(sent.request_id)
        if post_id is None:
            raise NotFoundError(f"no request {sent.request_id!r} made a post here")
        with weaver.request():
            self.composer.edit(post_id, self._draft(sent))
        return {"id": post_id}

    def wait_outcomes(self, asked: OutcomesAsked) -> list[dict[str, Any]]:
        """Return the known outcomes as soon as there are enough of them, at the latest after the timeout."""

        def found() -> list[dict[str, Any]]:
            return [asdict(outcome) for (revision, _), outcome in self.known.items() if revision == asked.revision]

        with self.arrived:
            self.arrived.wait_for(
                lambda: len(found()) >= asked.count or self.is_stopping, min(asked.timeout_s, POLL_TIMEOUT_S_MAX)
            )
            return found()

    def shutdown(self) -> None:
        with self.arrived:
            self.is_stopping = True
            self.arrived.notify_all()
        self.server.close()
        self.loop.close()
        self.loop.join()

    def _draft(self, sent: Sent) -> Draft:
        author = f"u{int(sent.request_id) % self.users}"
        return Draft(sent.request_id, author, sent.text, sent.media)

    def _take_in(self, outcome: Outcome) -> None:
        with self.arrived:  # a message may be delivered twice; the first one counts
            self.known.setdefault((outcome.revision, outcome.request_id), outcome)
            self.arrived.notify_all()
