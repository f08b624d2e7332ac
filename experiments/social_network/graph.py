"""Who follows whom: a scale-free graph from a seed, or one from a file with an edge on each line.

Following is mutual, as in DeathStarBench's data sets, so an edge makes two followers. Pure, but for `read_edges`,
which opens the file. Not in here: the component that answers for it (`delivery.SocialGraph`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from weaverlab.clock import Rng
from weaverlab.errors import ConfigError

Edge = tuple[int, int]

FAULTS_SHOWN = 20  # of a file that is no list of edges at all, the first few tell enough
LINE_SHOWN = 60  # characters
DIGITS_MAX = 18  # of a user's number: more than 64 bits are no number of a user
COMMENTS = ("#", "%")  # SNAP's and Network Repository's


def scale_free(users: int, links: int, rng: Rng) -> list[Edge]:
    """Return the edges of a random graph whose degrees follow a power law, by preferential attachment.

    Each new user befriends `links` earlier ones, and whoever has many friends already is found more often. The first
    `links` + 1 users all know each other. There are `links` * (`users` - (`links` + 1) / 2) edges; O(users * links).

    Source: Barabási and Albert, Emergence of scaling in random networks (Science, 1999).
    """
    if not 1 <= links < users:
        raise ValueError(f"users = {users}, links = {links}: expected at least 1 link, and more users than links")
    edges = [(a, b) for b in range(links + 1) for a in range(b)]
    # Each user as often as it has friends: a uniform draw from this list is a preferential one from the users.
    ends = [user for edge in edges for user in edge]
    for newcomer in range(links + 1, users):
        friends: set[int] = set()
        while len(friends) < links:
            friends.add(ends[int(rng.uniform(0, len(ends))) % len(ends)])
        for friend in sorted(friends):  # a set has no order that a seed could repeat
            edges.append((friend, newcomer))
            ends += (friend, newcomer)
    return edges


def read_edges(path: Path) -> list[Edge]:
    """Return the edges of a file, as `parse_edges` does.

    Raises:
        ConfigError: with every line that is no edge, or because the file cannot be read or has no edge.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot read this graph ({getattr(error, 'strerror', None) or error})."]) from None
    return parse_edges(text, str(path))


def parse_edges(text: str, name: str) -> list[Edge]:
    """Return the edges in `text`: two different whole numbers on each line, separated by blanks or a comma.

    Empty lines, comments (#, %), further columns and edges that were there before are passed over. Users are numbered
    anew, from 0, in the order of their old numbers.

    Raises:
        ConfigError: with every line that is no edge (of many, the first few), or because there is no edge; calls the
            text `name`.
    """
    edges: dict[Edge, None] = {}
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith(COMMENTS):
            continue
        edge = _edge(words[:2])
        if edge is not None:
            edges[edge] = None
            continue
        saw = line if len(line) <= LINE_SHOWN else f"{line[:LINE_SHOWN]}..."
        faults.append(f"{name}, line {number}: expected two different user numbers such as '17 4', saw {saw!r}.")
    if not edges and not faults:
        faults = [f"{name}: no edge in it. Expected two user numbers on each line."]
    if len(faults) > FAULTS_SHOWN:
        faults = [*faults[:FAULTS_SHOWN], f"{name}: and {len(faults) - FAULTS_SHOWN} more lines that are no edges."]
    if faults:
        raise ConfigError(faults)
    numbers = {user: n for n, user in enumerate(sorted({user for edge in edges for user in edge}))}
    return [(numbers[a], numbers[b]) for a, b in edges]


def _edge(words: list[str]) -> Edge | None:
    if len(words) < 2 or not all(word.isascii() and word.isdigit() and len(word) <= DIGITS_MAX for word in words):
        return None
    a, b = sorted(map(int, words))
    return None if a == b else (a, b)


def followers(edges: Iterable[Edge]) -> dict[int, list[int]]:
    """Return the followers of each user, ascending."""
    found: dict[int, list[int]] = {}
    for a, b in edges:
        found.setdefault(a, []).append(b)
        found.setdefault(b, []).append(a)
    return {user: sorted(found[user]) for user in sorted(found)}
