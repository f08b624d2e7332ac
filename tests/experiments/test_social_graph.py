"""The social graph: what generating one promises, and what is said about a file that holds none."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.clock import system_rng
from weaverlab.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "experiments/social_network"


@pytest.fixture(scope="module")
def graph():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("graph")
    sys.path.remove(str(FOLDER))


@given(links=st.integers(1, 6), more=st.integers(1, 60), seed=st.integers(0, 1000))
def test_everybody_has_at_least_as_many_followers_as_links_and_nobody_follows_itself(graph, links, more, seed):
    users = links + more

    edges = graph.scale_free(users, links, system_rng(seed))

    degrees = [len(followers) for followers in graph.followers(edges).values()]
    assert len(degrees) == users
    assert min(degrees) >= links
    assert len(set(edges)) == len(edges) == links * (2 * users - links - 1) // 2
    assert all(a < b for a, b in edges)


def test_the_same_seed_gives_the_same_graph_and_another_seed_another(graph):
    first, again, other = (graph.scale_free(200, 3, system_rng(seed)) for seed in (7, 7, 8))

    assert first == again != other


@pytest.mark.parametrize("seed", range(3))
def test_degrees_follow_the_power_law_of_preferential_attachment(graph, seed):
    links, users = 4, 20_000
    degrees = [len(found) for found in graph.followers(graph.scale_free(users, links, system_rng(seed))).values()]

    # Barabási and Albert's model has P(degree >= k) = m(m + 1) / k(k + 1): a tail that falls with the square of k.
    for k in (8, 16, 32, 64):
        expected = users * links * (links + 1) / (k * (k + 1))
        assert sum(degree >= k for degree in degrees) == pytest.approx(expected, rel=5 / expected**0.5 + 0.05)


def test_a_graph_with_equal_chances_would_fail_the_test_above(graph):
    users, links = 20_000, 4
    rng = system_rng(1)
    edges = {(a, b) for b in range(links + 1, users) for a in rng.sample(range(b), links)}
    degrees = [len(found) for found in graph.followers(edges).values()]

    assert sum(degree >= 64 for degree in degrees) < 0.1 * users * links * (links + 1) / (64 * 65)


@pytest.mark.parametrize(("users", "links"), [(4, 4), (4, 0), (0, 1)])
def test_a_graph_needs_a_link_and_more_users_than_links(graph, users, links):
    with pytest.raises(ValueError, match="expected at least 1 link, and more users"):
        graph.scale_free(users, links, system_rng(1))


def test_a_file_may_have_comments_commas_further_columns_and_edges_twice(graph, tmp_path):
    file = tmp_path / "edges.txt"
    file.write_text("# a comment\n% another\n\n10 20\n20\t10 0.5\n30,10\n")

    edges = graph.read_edges(file)

    assert graph.followers(edges) == {0: [1, 2], 1: [0], 2: [0]}  # 10, 20 and 30


def test_all_lines_that_are_no_edges_are_told_at_once(graph, tmp_path):
    file = tmp_path / "edges.txt"
    file.write_text(f"1 2\n3\nann bob\n4 4\n-1 2\n{'9' * 5000} 1\n")

    with pytest.raises(ConfigError) as refused:
        graph.read_edges(file)

    assert [fault.split(":")[0][len(str(file)) :] for fault in refused.value.faults] == [
        f", line {number}" for number in (2, 3, 4, 5, 6)
    ]
    assert "expected two different user numbers such as '17 4', saw 'ann bob'" in refused.value.faults[1]
    assert len(refused.value.faults[4]) < 250


def test_of_a_file_that_is_no_list_of_edges_at_all_the_first_faults_are_told(graph, tmp_path):
    file = tmp_path / "novel.txt"
    file.write_text("It was a dark night.\n" * 1000)

    with pytest.raises(ConfigError) as refused:
        graph.read_edges(file)

    assert len(refused.value.faults) == graph.FAULTS_SHOWN + 1
    assert "980 more lines" in refused.value.faults[-1]


@pytest.mark.parametrize(("content", "said"), [(b"# empty\n", "no edge"), (b"\xff\xfe", "cannot read")])
def test_a_file_without_an_edge_is_refused(graph, tmp_path, content, said):
    (tmp_path / "edges.txt").write_bytes(content)

    with pytest.raises(ConfigError, match=said):
        graph.read_edges(tmp_path / "edges.txt")


def test_a_file_that_is_not_there_is_refused(graph, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read this graph \(No such file or directory\)\."):
        graph.read_edges(tmp_path / "edges.txt")
