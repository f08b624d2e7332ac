"""Names in weaver.toml against names in the application."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from weaverlab.config import faults_of_names, parse


@dataclass
class Settings:
    size: int = 3


AGENT = '[antipode.posts]\ntype = "embedded-kv"\n'


def faults(text: str) -> list[str]:
    """Return the faults for an application of App and Reader, with one listener, agent and configuration class."""
    return faults_of_names(
        parse(text),
        components={"App", "Reader"},
        listeners={"web"},
        agents={"posts"},
        config_classes={"App": None, "Reader": Settings},
    )


def test_names_that_the_application_declares_are_right():
    text = """
        [multi]
        replicas = { Reader = 2 }
        colocate = [["App", "Reader"]]
        [multi.listeners]
        web = "127.0.0.1:80"
        [regions]
        eu = ["App"]
        [Reader]
        size = 4
    """

    assert faults(text + AGENT) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[multi]\nreplicas = { Reder = 2 }",
            "[multi] replicas: 'Reder' is no component of this application. "
            "Did you mean 'Reader'? It has: App, Reader.",
        ),
        (
            "[multi]\ncolocate = [['Ap']]",
            "[multi] colocate: 'Ap' is no component of this application. Did you mean 'App'? It has: App, Reader.",
        ),
        (
            "[regions]\neu = ['Reeder']",
            "[regions] eu: 'Reeder' is no component of this application. Did you mean 'Reader'? It has: App, Reader.",
        ),
        (
            "[multi.listeners]\nwep = 'h:1'",
            "[multi.listeners] wep: 'wep' is no listener of this application. Did you mean 'web'? It has: web.",
        ),
        (
            "[listeners]\nwep = 'h:1'",
            "[listeners] wep: 'wep' is no listener of this application. Did you mean 'web'? It has: web.",
        ),
        (
            "[antipode.post]\ntype = 'embedded-kv'",
            "[antipode.post]: 'post' is no datastore agent of this application. Did you mean 'posts'? It has: posts.",
        ),
        (
            "[Reder]",
            "[Reder]: is neither a component of this application nor a section of WeaverLab. Did you mean 'Reader'?",
        ),
        (
            "[mutli]",
            "[mutli]: is neither a component of this application nor a section of WeaverLab. Did you mean 'multi'?",
        ),
        (
            "[App]\nsize = 3",
            "[App]: App takes no configuration. Derive it from WithConfig[YourDataclass] to give it some.",
        ),
        ("[Reader]\nsise = 3", "[Reader] sise: unknown key. Did you mean 'size'? Known: size."),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest_one(text, fault):
    assert faults(f"{AGENT}{text}") == [f"weaver.toml: {fault}"]


def test_an_agent_needs_its_section():
    assert faults("") == [
        "weaver.toml: [antipode.posts]: missing: the application has a datastore agent 'posts'. "
        'Add the section with a type, such as type = "embedded-kv".'
    ]


def test_an_application_without_listeners_says_so():
    (fault,) = faults_of_names(parse("[listeners]\nweb = 'h:1'"), {"App"}, (), (), {})

    assert fault == "weaver.toml: [listeners] web: 'web' is no listener of this application. It has: none."


def test_an_agent_that_several_components_hold_is_listed_once():
    found = faults_of_names(
        parse('[antipode.post]\ntype = "embedded-kv"\n'), {"App"}, set(), ["posts", "posts"], {"App": None}
    )

    assert found[0].endswith("It has: posts.")
