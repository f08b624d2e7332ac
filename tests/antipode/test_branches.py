"""Branches as dependencies: a tree of concurrent branches against a model that keeps every write of each of them."""

from __future__ import annotations

import contextvars
from contextlib import AbstractContextManager
from contextvars import Context
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from weaverlab.antipode import Dependency, Lineage, branches, context, get_lineage, request, transfer
from weaverlab.antipode.barrier import plan
from weaverlab.antipode.branches import BRANCHES


@dataclass
class Expected:
    """What a request must depend on: `sees` are writes, `awaits` branches that have not been settled."""

    sees: set[int]
    awaits: set[str]
    begun: set[str] = field(default_factory=set)


class Branch:
    """One branch, and the requests that it is in, each inside of the one before; the attributes are the innermost's."""

    def __init__(self, name: str, inside: Context, sees: set[int], awaits: set[str]) -> None:
        self.name = name
        self.inside = inside
        self.requests = [Expected(sees, awaits)]
        self.blocks: list[AbstractContextManager[None]] = []
        self.has_ended = False

    def open(self) -> None:
        self.requests.append(Expected(set(), set()))
        self.blocks.append(request())
        self.inside.run(self.blocks[-1].__enter__)

    def close(self) -> None:
        if self.blocks:
            self.inside.run(self.blocks.pop().__exit__, None, None, None)
            self.requests.pop()

    @property
    def now(self) -> Expected:
        return self.requests[-1]


class TreeOfBranches(RuleBasedStateMachine):
    """Branches write, begin others, open requests, pass lineages on, end, and are settled by who depends on them."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.branches = {"root": Branch("root", contextvars.copy_context(), set(), set())}
        self.branches["root"].inside.run(context.replace, Lineage.empty())

    def drawn(self, data) -> Branch:
        running = [one for one in self.branches.values() if not one.has_ended]
        return data.draw(st.sampled_from(running))

    @rule(data=st.data())
    def write(self, data):
        one = self.drawn(data)
        self.writes += 1
        one.inside.run(transfer, Lineage([Dependency("posts", f"{self.writes}", 1)]))
        one.now.sees.add(self.writes)

    @rule(data=st.data())
    def fork(self, data):
        parent = self.drawn(data)
        name = f"branch {len(self.branches)}"
        inside = parent.inside.copy()
        child = Branch(name, inside, set(parent.now.sees), parent.now.awaits - parent.now.begun)
        self.branches[name] = child
        parent.inside.run(branches.begin, name)
        inside.run(branches.enter, name)
        parent.now.awaits.add(name)
        parent.now.begun.add(name)

    @rule(data=st.data())
    def open_request(self, data):
        self.drawn(data).open()

    @rule(data=st.data())
    def close_request(self, data):
        self.drawn(data).close()

    @rule(data=st.data())
    def send(self, data):
        sender, receiver = self.drawn(data), self.drawn(data)
        receiver.inside.run(transfer, sender.inside.run(get_lineage))
        receiver.now.sees |= sender.now.sees
        receiver.now.awaits |= sender.now.awaits

    @rule(data=st.data())
    def end(self, data):
        one = self.drawn(data)
        while one.blocks:
            one.close()
        one.has_ended = one.name != "root"

    @rule(data=st.data())
    def settle(self, data):
        one = self.drawn(data)
        ended = {name for name in one.now.awaits if self.branches[name].has_ended}
        one.inside.run(branches.settle, {name: self.branches[name].inside.run(context.current) for name in ended})
        one.now.begun -= ended
        for name in ended:
            one.now.sees |= self.branches[name].now.sees
            one.now.awaits |= self.branches[name].now.awaits
        one.now.awaits -= ended

    @invariant()
    def every_branch_depends_on_what_it_must_and_on_nothing_else(self):
        for one in self.branches.values():
            lineage = one.inside.run(context.current)
            assert {int(d.scope) for d in lineage if d.store == "posts"} == one.now.sees
            assert {d.scope for d in lineage if d.store == BRANCHES} == one.now.awaits

    @invariant()
    def no_branch_waits_for_itself(self):
        for one in self.branches.values():
            assert one.name not in one.inside.run(branches.waited_for)

    def teardown(self):
        """Who waits until every branch that it hears of has ended knows of all that these have written."""
        root, ended = self.branches["root"], {}
        for one in self.branches.values():  # else the garbage collector would, at any time and in any context
            while one.blocks:
                one.close()
        heard_of = {"root"}
        while new := set().union(*(self.branches[name].now.awaits for name in heard_of)) - heard_of:
            heard_of |= new
        while wanted := root.inside.run(branches.waited_for):
            ended.update({name: self.branches[name].inside.run(context.current) for name in wanted})
            root.inside.run(branches.settle, ended)

        written = {int(one.scope) for one in root.inside.run(context.current)}
        assert written == set().union(*(self.branches[name].now.sees for name in heard_of))


TreeOfBranches.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTreeOfBranches = TreeOfBranches.TestCase


def test_a_branch_does_not_wait_for_its_siblings_nor_for_the_branches_that_it_runs_in():
    branches.begin("older")
    inside = contextvars.copy_context()
    branches.begin("younger")
    inside.run(branches.enter, "younger")
    nested = inside.copy()
    nested.run(branches.enter, "youngest")
    nested.run(transfer, context.current())  # through a store, from its parent's parent

    assert inside.run(branches.waited_for) == ()
    assert nested.run(branches.waited_for) == ("older",)
    assert set(branches.waited_for()) == {"older", "younger"}


def test_a_branch_of_which_nobody_knows_any_more_is_no_dependency():
    branches.begin("forgotten")
    branches.settle({"forgotten": None})

    assert not context.current() and "forgotten" not in branches.begun()


def test_a_barrier_plans_for_stores_and_leaves_branches_to_those_who_know_them():
    branches.begin("refund")

    planned = plan(context.current(), known={"posts"})

    assert not planned.waits and not planned.unknown


def test_a_new_request_has_not_begun_the_branches_of_the_one_before():
    def two_requests() -> None:
        with request():
            branches.begin("refund")
            assert branches.begun() == {"refund"}
            with request():
                assert branches.begun() == frozenset()
                branches.begin("invoice")
                assert branches.begun() == {"invoice"}

    contextvars.copy_context().run(two_requests)


def test_a_request_inside_of_another_leaves_that_one_the_branches_that_it_has_begun():
    def nested_requests() -> frozenset[str]:
        branches.begin("refund")
        with request():
            branches.begin("invoice")
        return branches.begun()

    assert contextvars.copy_context().run(nested_requests) == {"refund"}
