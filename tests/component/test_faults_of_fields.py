"""Wrong fields: refs, listeners, agents, configuration."""

from __future__ import annotations

import pytest

from tests.component.faults import fault_of, faults_of
from weaverlab.component import Component, Implements, Interface, Listener, Ref, WithConfig, build_application
from weaverlab.errors import DeclarationError


class Agent:
    __weaver_field__ = "agent"


class Reverser(Interface): ...


class Turner(Implements[Reverser]): ...


def test_a_misspelt_interface_in_a_ref_is_answered_with_the_nearest_one():
    class Reader(Component):
        reverser: Ref[Reverse]  # noqa: F821

    assert fault_of(Reader) == "Reader.reverser: Ref[Reverse], but 'Reverse' is not defined. Did you mean 'Reverser'?"


def test_an_interface_that_does_not_exist_at_all_must_be_defined():
    class Reader(Component):
        reverser: Ref[Zzyzx]  # noqa: F821

    assert fault_of(Reader) == (
        "Reader.reverser: Ref[Zzyzx], but 'Zzyzx' is not defined. Define that interface, or run the cell that does."
    )


def test_misspelt_field_types_are_found():
    class Reader(Component):
        reverser: Reff[Reverser]  # noqa: F821
        web: Lisener  # noqa: F821

    assert faults_of(Reader) == (
        "Reader.reverser: 'Reff' is not defined. Did you mean 'Ref'?",
        "Reader.web: 'Lisener' is not defined. Did you mean 'Listener'?",
    )


def test_an_annotation_that_only_the_type_checker_can_read_is_the_authors_own_business():
    class Reader(Component):
        waiting: deque[np.ndarray] | None  # noqa: F821

    assert build_application([Reader]).components["Reader"].refs == {}


def test_an_annotation_that_cannot_be_evaluated_is_shown():
    class Reader(Component):
        other: 3 + None

    assert fault_of(Reader) == (
        "Reader.other: annotation '3 + None' is wrong: "
        "TypeError(\"unsupported operand type(s) for +: 'int' and 'NoneType'\")."
    )


def test_a_field_type_that_is_imported_in_a_function_cannot_be_found():
    class Reader(Component):
        posts: Antipode  # noqa: F821

    assert fault_of(Reader) == (
        f"Reader.posts: 'Antipode' is not defined in {__name__}. Import it at the top, not in a function."
    )


def test_a_ref_needs_a_component():
    class Reader(Component):
        bare: Ref
        two: Ref[Reverser, Turner]
        number: Ref[int]
        either: Ref[Reverser | None]

    neither = "is neither an interface (derived from weaverlab.Interface) nor a component."
    assert faults_of(Reader) == (
        "Reader.bare: Ref needs the component in brackets: `bare: Ref[SomeInterface]`.",
        "Reader.two: Ref needs the component in brackets: `two: Ref[SomeInterface]`.",
        f"Reader.number: Ref[int], but int {neither}",
        f"Reader.either: Ref[Reverser | None], but Reverser | None {neither}",
    )


def test_a_ref_stands_alone():
    class Reader(Component):
        many: list[Ref[Reverser]]
        maybe: Listener | None

    advice = "so it would not be filled. Write the Ref, Listener or Antipode alone, one field for each."
    assert faults_of(Reader) == (
        f"Reader.many: list[Ref[Reverser]] wraps a field of WeaverLab in another type, {advice}",
        f"Reader.maybe: Listener | None wraps a field of WeaverLab in another type, {advice}",
    )


@pytest.mark.parametrize("named", [Reverser, Turner])
def test_a_field_without_ref_would_never_be_filled(named):
    Reader = type("Reader", (Component,), {"__annotations__": {"it": named}})

    assert fault_of(Reader) == (
        f"Reader.it: a field of type {named.__name__} is never filled. Write `it: Ref[{named.__name__}]`."
    )


def test_a_ref_is_written_with_a_colon():
    class Reader(Component):
        reverser = Ref[Reverser]
        posts = Agent

    assert faults_of(Reader) == (
        "Reader.reverser: a field is declared with a colon. Write `reverser: Ref[Reverser]`.",
        "Reader.posts: a field is declared with a colon. Write `posts: Agent`.",
    )


def test_a_ref_or_an_agent_has_no_default():
    class Reader(Component):
        reverser: Ref[Reverser] = None
        posts: Agent = 3

    assert faults_of(Reader) == (
        "Reader.reverser: WeaverLab fills this field, but the class also gives it a value (None). "
        "Write only `reverser: Ref[Reverser]`.",
        "Reader.posts: WeaverLab fills this field, but the class also gives it a value (3). Write only `posts: Agent`.",
    )


def test_a_ref_is_declared_and_never_made():
    with pytest.raises(TypeError, match=r"a Ref is declared, not made: write `name: Ref\[Interface\]`"):
        Ref()


def test_an_interface_without_implementation():
    class Lonely(Interface): ...

    class Reader(Component):
        lonely: Ref[Lonely]

    assert fault_of(Reader) == (
        "Reader.lonely: no component implements Lonely. "
        "Write `class ...(Implements[Lonely])`, or run the cell that does."
    )


def test_two_implementations_need_a_choice():
    class Cache(Interface): ...

    class Small(Implements[Cache]): ...

    class Large(Implements[Cache]): ...

    class Reader(Component):
        cache: Ref[Cache]

    expected = (
        "Reader.cache: Cache is implemented by Small, Large. Choose one: deploy just one of them as a root, name it in "
        'the ref (Ref[Small]), or in weaver.toml, below [weaverlab]: implementations = { Cache = "Small" }.'
    )
    assert fault_of(Reader) == expected
    assert fault_of(Reader, Small, Large) == expected


@pytest.mark.parametrize("name", ["config", "logger", "weaver"])
def test_fields_that_are_filled_anyway_cannot_be_declared_again(name):
    Reader = type("Reader", (Component,), {"__annotations__": {name: int}})

    assert fault_of(Reader) == f"Reader.{name}: `{name}` is filled by WeaverLab; choose another name for your own."


def test_configuration_is_a_dataclass():
    class Settings: ...

    class Reader(Component, WithConfig[Settings]): ...

    assert fault_of(Reader) == "Reader: WithConfig[Settings] needs a dataclass. Put @dataclass above it."


def test_configuration_that_does_not_exist_is_answered_with_the_nearest_name():
    class Reader(Component, WithConfig["Turnr"]): ...

    assert fault_of(Reader) == "Reader: WithConfig[Turnr] needs a dataclass. Did you mean 'Turner'?"


def test_implements_needs_an_interface_as_soon_as_the_class_is_defined():
    with pytest.raises(DeclarationError) as missing:

        class Bare(Implements): ...

    with pytest.raises(DeclarationError) as wrong:

        class Number(Implements[int]): ...

    assert str(missing.value) == (
        "Bare: derives from Implements, which needs the interface in brackets. "
        "Write `class Bare(Implements[SomeInterface])`."
    )
    assert str(wrong.value) == (
        "Number: Implements[int], but int is not an interface, that is, a class derived from weaverlab.Interface. "
        "Write `class Number(Implements[SomeInterface])`."
    )


def test_an_interface_named_by_a_string_must_exist_when_the_application_is_built():
    class Wheel(Implements["Reversr"]): ...

    assert fault_of(Wheel) == "Wheel: Implements[Reversr] names no interface. Did you mean 'Reverser'?"


def test_a_component_that_is_its_own_interface_cannot_have_another():
    class Wheel(Component, Reverser): ...

    assert fault_of(Wheel) == (
        "Wheel: derives from an interface and from Component, which is its own interface. "
        "Derive from Implements[TheInterface] instead."
    )
