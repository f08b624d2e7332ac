"""Components that are right by themselves and do not fit together."""

from __future__ import annotations

import pytest

from tests.component.faults import fault_of, faults_of
from weaverlab.component import Component, Implements, Interface, Listener, Main, Ref, build_application
from weaverlab.errors import DeclarationError


class Agent:
    __weaver_field__ = "agent"


class Reverser(Interface): ...


class Turner(Implements[Reverser]):
    def __repr__(self):
        return "<a turner>"


def test_an_application_has_a_root():
    assert fault_of() == "No component to deploy: pass at least one component class, such as your Main."


def test_an_interface_is_no_root():
    class Lonely(Interface): ...

    assert faults_of(Reverser, Lonely) == (
        "Reverser is an interface; deploy an implementation of it: Turner.",
        "Lonely is an interface; deploy an implementation of it: there is none yet.",
    )


def test_only_component_classes_are_roots():
    advice = "is not a component: pass a class derived from Implements[...], Component or Main."

    assert faults_of(int, "Turne", "Turner", [Turner], Turner(), Component) == (
        f"int {advice}",
        "'Turne' is a name: pass the class itself. Did you mean 'Turner'?",
        "'Turner' is a name: pass the class itself.",
        f"[{Turner!r}] {advice}",
        "<a turner> is an instance; deploy the class Turner, and WeaverLab makes the instances.",
        "Component itself cannot be deployed; derive a class from it.",
    )


def test_a_cycle_of_refs_is_printed_as_a_path():
    class Entry(Component):
        first: Ref[First]

    class First(Component):
        second: Ref[Second]

    class Second(Component):
        third: Ref[Third]

    class Third(Component):
        back: Ref[First]

    assert fault_of(Entry) == (
        "Refs form a cycle: First.second -> Second.third -> Third.back -> First. No component of it could be started "
        "first; break it, for example by passing what the callee needs as an argument."
    )


def test_a_component_that_refers_to_itself_is_a_cycle():
    class Narcissus(Component):
        pool: Ref[Narcissus]

    assert fault_of(Narcissus).startswith("Refs form a cycle: Narcissus.pool -> Narcissus. ")


def test_two_cycles_are_two_faults():
    class Left(Component):
        right: Ref[Right]
        left: Ref[Left]

    class Right(Component):
        left: Ref[Left]

    assert [fault.split(". ")[0] for fault in faults_of(Left)] == [
        "Refs form a cycle: Left.right -> Right.left -> Left",
        "Refs form a cycle: Left.left -> Left",
    ]


def test_names_of_components_are_unique():
    class Other:
        class Turner(Component): ...

    where = "test_names_of_components_are_unique.<locals>.Other.Turner"
    assert fault_of(Turner, Other.Turner) == (
        f"Two components are called 'Turner': {__name__}.Turner and {__name__}.{where}. Rename one."
    )


def test_names_of_listeners_are_unique():
    class Front(Component):
        web: Listener

    class Back(Component):
        admin: Listener = Listener(name="web")

    assert fault_of(Front, Back) == (
        "Listener 'web' is declared by Front.web and Back.admin; names of listeners are unique in an application. "
        'Rename one: `field: Listener = Listener(name="other")`.'
    )


def test_two_components_may_share_an_agent():
    class EU(Component):
        posts: Agent

    class US(Component):
        posts: Agent

    assert [spec.agents for spec in build_application([EU, US]).components.values()] == [{"posts": "posts"}] * 2


def test_an_application_has_one_main():
    class App(Main):
        def main(self): ...

    class Tool(Main):
        def main(self): ...

    assert fault_of(App, Tool) == "An application has one Main, but these are: App, Tool. Deploy one of them."


def test_a_fault_of_an_interface_is_reported_once_for_all_its_implementations():
    class Feed(Interface):
        size: int

    class One(Implements[Feed]): ...

    class Two(Implements[Feed]): ...

    assert fault_of(One, Two).startswith("Feed.size: is a data attribute")


def test_a_choice_must_be_one_of_the_implementations_of_an_interface_that_is_asked_for():
    class Cache(Interface): ...

    class Small(Implements[Cache]): ...

    class Large(Implements[Cache]): ...

    class Reader(Component):
        cache: Ref[Cache]

    with pytest.raises(DeclarationError) as caught:
        build_application([Reader, Small], {"Cache": "Lage", "Cash": "Small"})

    assert Large and caught.value.faults == (
        "[weaverlab] implementations: Cache = 'Lage', but no component of that name implements Cache. Did you mean "
        "'Large'? There are: Large, Small.",
        "[weaverlab] implementations: no ref of this application asks for 'Cash'. Did you mean 'Cache'? Refs ask for: "
        "Cache.",
    )
