"""What an application declares: components, their interfaces, refs, listeners, records; and the checks of all that.

Pure: no socket, file, thread, task or clock. How components run is in `runtime`, where they run in `deployers`.
"""

from weaverlab.component.application import Application, ComponentSpec, MethodSpec
from weaverlab.component.build import build_application
from weaverlab.component.declare import (
    Component,
    Implements,
    Interface,
    Main,
    WithConfig,
    WithRouter,
    fill,
    instance_of,
    not_retriable,
)
from weaverlab.component.fields import Listener, Ref
from weaverlab.component.marshal import AutoMarshal
from weaverlab.component.shapes import Shape

__all__ = [
    "Application",
    "AutoMarshal",
    "Component",
    "ComponentSpec",
    "Implements",
    "Interface",
    "Listener",
    "Main",
    "MethodSpec",
    "Ref",
    "Shape",
    "WithConfig",
    "WithRouter",
    "build_application",
    "fill",
    "instance_of",
    "not_retriable",
]
