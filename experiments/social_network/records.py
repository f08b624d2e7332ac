"""What the services tell each other. A post holds references (urls, media, mentions) to what other services keep."""

from __future__ import annotations

from weaverlab import AutoMarshal


class Draft(AutoMarshal):
    """What a user sends; `request_id` tells requests apart, and names what is written before the post has an id."""

    request_id: str
    author: str
    text: str
    media: list[str]


class ShortUrl(AutoMarshal):
    """A URL, and the short one that stands for it."""

    short: str
    url: str


class Prose(AutoMarshal):
    """A text as readers see it, with short URLs, and what it refers to."""

    text: str
    urls: list[str]
    mentions: list[str]


class Creator(AutoMarshal):
    """A user as a post shows it."""

    name: str
    joined_with: str  # the request with which it was first seen


class Post(AutoMarshal):
    """A finished post; each edit makes `revision` one larger."""

    id: str
    revision: int
    request_id: str
    author: str
    text: str
    urls: list[str]
    mentions: list[str]
    media: list[str]


class Announcement(AutoMarshal):
    """Followers, look: `revision` of a post is there. `written_at_s` is when, on the clock of the whole machine."""

    request_id: str
    post_id: str
    revision: int
    author: str
    written_at_s: float


class Entry(AutoMarshal):
    """One line of a timeline."""

    post_id: str
    revision: int


class Outcome(AutoMarshal):
    """What one follower saw that had been told about `revision` of a post.

    found_revision: of the post that it read, 0 if there was none
    missing:        what the post refers to and was not there: "url", "media", "mention", "id", "author"
    window_ms:      from the post's write to the end of the follower's reading
    """

    request_id: str
    revision: int
    found_revision: int
    missing: list[str]
    window_ms: float
    waited_ms: float
    dependencies: int
    lineage_bytes: int
