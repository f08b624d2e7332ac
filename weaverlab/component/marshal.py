"""`AutoMarshal`: records that cross the wire. How they are turned into bytes is the transport's business."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
        dataclass(**options)(cls)
        if faults := faults_of_record(cls):
            raise DeclarationError(faults)
