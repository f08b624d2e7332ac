"""`AutoMarshal`: records that cross the wire. How they are turned into bytes is the transport's business."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weaverlab.component.annotations import own_annotations
from weaverlab.component.travel import faults_of_record
from weaverlab.errors import DeclarationError

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):
        """Stand in for typing.dataclass_transform, which is new in Python 3.11 and speaks to type checkers only."""
        return lambda cls: cls


_OPTIONS = frozenset(("init", "repr", "eq", "order", "unsafe_hash", "frozen", "match_args", "kw_only"))


@dataclass_transform(field_specifiers=(field,))
class AutoMarshal:
    """Base of records: a subclass becomes a dataclass whose fields can all be sent to another process.

    Options of `dataclass` are given as keywords of the class: `class Post(AutoMarshal, frozen=True)`. Do not write
    `@dataclass` above it too: applied twice, it forgets `field(default_factory=...)`.

    Raises:
        DeclarationError: when the class is defined, for each field, also of records inside it, that holds a function,
            lock, thread, generator, iterator, open file, socket or the like. A record that defines `__reduce__` or
            `__getstate__` itself is trusted.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**{key: options.pop(key) for key in set(options) - _OPTIONS - {"slots"}})
        if options.pop("slots", False):
            raise DeclarationError([f"{cls.__name__}: slots=True would make another class of it; leave it out."])
        if faults := _shared_defaults(cls):
            raise DeclarationError(faults)
        dataclass(**options)(cls)
        if faults := faults_of_record(cls):
            raise DeclarationError(faults)


def _shared_defaults(cls: type) -> list[str]:
    """Return a fault for each field of `cls` whose default all records would share."""
    return [
        f"{cls.__name__}.{name}: all records would share the default {default!r}. Write "
        f"`{name}: ... = field(default_factory={_factory(default)})`, with `from dataclasses import field`."
        for name, annotation in own_annotations(cls).items()
        if isinstance(default := vars(cls).get(name), (list, dict, set)) and "ClassVar" not in str(annotation)
    ]


def _factory(default: object) -> str:
    return f"lambda: {default!r}" if default else type(default).__name__
