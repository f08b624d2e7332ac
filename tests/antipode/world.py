"""What these tests share: ways to draw lineages, and a world of two regions on a time that we set."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from weaverlab.antipode import BarrierReport, Dependency, Lineage, context
from weaverlab.antipode.barrier import conclude, plan
from weaverlab.antipode.embedded import EmbeddedStore, Item
from weaverlab.antipode.queue import EmbeddedQueue, Message
from weaverlab.config import Lag

# Few logs and few versions, so that examples meet; some that need every branch of the packed form.
LOGS = [("posts", "eu"), ("posts", "us"), ("notes", "eu"), ("größe", ""), ("a" * 200, "posts/42")]
VERSIONS = [0, 1, 2, 3, 127, 128, 300, 2**64 - 1]
dependencies = st.builds(
    lambda log, version: Dependency(*log, version), st.sampled_from(LOGS), st.sampled_from(VERSIONS)
)
lineages = st.builds(Lineage, st.lists(dependencies, max_size=5))


def lag_ms(**links: float):
    """Return the lag function of a store: `lag_ms(eu_us=100)`; links that are not named have none."""
    return lambda origin, target: Lag("constant", links.get(f"{origin}_{target}", 0.0), 0.0)


class World:
    """Post-notification without processes: `posts` is slow from eu to us, `notes` is fast. `now_s` is ours to set."""

    def __init__(self, posts_ms: float = 100.0, notes_ms: float = 10.0) -> None:
        self.now_s = 0.0
        self.posts = EmbeddedStore("posts", ["eu", "us"], lag_ms(eu_us=posts_ms), random.Random(1))
        self.notes = EmbeddedQueue("notes", ["eu", "us"], lag_ms(eu_us=notes_ms), random.Random(1))
        self._logs = {core.log.store: core.log for core in (self.posts, self.notes)}

    def write(self, region: str, key: str, value: bytes) -> Dependency:
        packed = context.current().pack()
        written = self.posts.write(region, "posts", key, value, packed, self.now_s)
        context.replace(context.current().add(written))
        return written

    def read(self, region: str, key: str) -> Item | None:
        item = self.posts.read(region, "posts", key, self.now_s)
        if item is not None:
            context.join(Lineage.unpack(item.lineage).add(item.dependency))
        return item

    def notify(self, region: str, value: bytes) -> Dependency:
        published = self.notes.publish(region, "notes", "new", value, context.current().pack(), self.now_s)
        context.replace(context.current().add(published))
        return published

    def receive(self, region: str) -> Message | None:
        """Take the next message and make its request the current one."""
        message = self.notes.take(region, "notes", "new", "reader", self.now_s, 30.0)
        if message is not None:
            context.replace(Lineage.unpack(message.lineage).add(message.dependency))
        return message

    def look(self, region: str, lineage: Lineage | None = None) -> BarrierReport:
        """Return what a barrier finds in `region` now, without waiting."""
        planned = plan(context.current() if lineage is None else lineage, self._logs)
        positions = {
            one: self._logs[store].applied(region, one.scope, self.now_s)
            for store, waits in planned.waits.items()
            for one in waits
        }
        return conclude(planned, positions, region=region, mode="enforce", waited_s=0.0)

    def barrier(self, region: str) -> BarrierReport:
        """Let time pass until the current lineage is visible in `region`; asks the logs when that is."""
        for one in context.current():
            visible_s = self._logs[one.store].visible_at_s(one, region)
            assert visible_s is not None, f"{one} was never written"
            self.now_s = max(self.now_s, visible_s)
        return self.look(region)
