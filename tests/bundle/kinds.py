"""The catalogue: kinds of things that people define in notebooks, and what they must do in another process.

Each kind has cells, the body of a method `run` of the component `Root`, and, where values cross the wire, the
arguments sent to it. What `run` returns in the child must equal what it returns in the notebook, and must have
travelled by plain pickle. `# next cell` marks where one cell ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent


@dataclass(frozen=True)
class Kind:
    """`sent` is the source of a tuple of arguments; `python` the first version that has this syntax."""

    name: str
    cells: tuple[str, ...]
    run: str
    sent: str = "()"
    python: tuple[int, int] = (3, 10)
    needs: str = ""

    def all_cells(self) -> tuple[str, ...]:
        body = indent(dedent(self.run).strip("\n"), " " * 8)
        return (*self.cells, f"class Root:\n    def run(self, *sent):\n{body}\n")


CELL = "# next cell\n"
KINDS: list[Kind] = []


def kind(
    name: str, source: str, run: str, sent: str = "()", python: tuple[int, int] = (3, 10), needs: str = ""
) -> None:
    if "\n" not in run and not run.startswith(("return", "raise")):
        run = f"return {run}"
    cells = tuple(dedent(cell).strip("\n") + "\n" for cell in dedent(source).split(CELL))
    KINDS.append(Kind(name, cells, run, sent, python, needs))


# --- functions ---

kind("a function", "def double(x): return 2 * x", "double(21)")
kind("a lambda", "double = lambda x: 2 * x", "double(21)")
kind(
    "a function that calls another",
    """
    def f(x): return g(x) + 1
    # next cell
    def g(x): return 2 * x
    """,
    "f(3)",
)
kind(
    "mutual recursion",
    """
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - 1)
    """,
    "even(10), odd(10)",
)
kind(
    "defaults and keyword-only arguments",
    """
    STEP = 5
    def add(x, *, step=STEP): return x + step
    """,
    "add(1), add(1, step=2)",
)
kind(
    "a nested function",
    """
    FACTOR = 3
    def outer(x):
        def inner(y):
            return y * FACTOR
        return inner(x)
    """,
    "outer(4)",
)
kind(
    "a closure made by a call",
    """
    def make(n):
        def add(x):
            return x + n + OFFSET
        return add
    OFFSET = 100
    add_five = make(5)
    """,
    "add_five(1)",
)
kind(
    "two closures over one variable",
    """
    def box(value):
        def get(): return value
        def put(new):
            nonlocal value
            value = new
        return get, put
    get, put = box(1)
    """,
    """
    put(7)
    return get()
    """,
)
kind(
    "a decorator",
    """
    import functools
    def twice(f):
        @functools.wraps(f)
        def wrapper(*args): return f(f(*args))
        return wrapper
    @twice
    def increment(x):
        "Add one."
        return x + 1
    """,
    "increment(1), increment.__name__, increment.__doc__",
)
kind(
    "a decorator with arguments, without wraps",
    """
    TIMES = 3
    def repeat(times):
        def decorate(f):
            def wrapper(x): return [f(x) for _ in range(times)]
            return wrapper
        return decorate
    @repeat(times=TIMES)
    def shout(x): return x.upper()
    """,
    "shout('a')",
)
kind(
    "a decorated name rebound by hand",
    """
    def twice(f): return lambda x: f(f(x))
    def add(x): return x + 1
    # next cell
    add = twice(add)
    """,
    "add(1)",
)
kind(
    "lru_cache",
    """
    from functools import lru_cache
    @lru_cache(maxsize=None)
    def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
    """,
    "fib(50), fib.cache_info().currsize",
)
kind(
    "lru_cache around a function under another name",
    """
    import functools
    def slow(n): return n * n
    fast = functools.lru_cache(slow)
    """,
    "fast(4), slow(4)",
)
kind(
    "partial",
    """
    from functools import partial
    def power(b, e): return b ** e
    square = partial(power, e=2)
    """,
    "square(5)",
)
kind(
    "singledispatch with registrations in later cells",
    """
    from functools import singledispatch
    @singledispatch
    def show(value): return "object"
    # next cell
    @show.register
    def _(value: int): return "int"
    @show.register(list)
    def show_list(value): return "list"
    """,
    "show(1), show([]), show('')",
)
kind(
    "a generator function",
    """
    def count(n):
        for i in range(n):
            yield i * SCALE
    SCALE = 2
    """,
    "list(count(4))",
)
kind(
    "an async function",
    """
    import asyncio
    async def fetch(x):
        await asyncio.sleep(0)
        return x + 1
    """,
    "asyncio.run(fetch(1))",
)
kind(
    "an async generator and an async context manager",
    """
    import asyncio
    from contextlib import asynccontextmanager
    @asynccontextmanager
    async def opened(x):
        yield [x]
    async def numbers(n):
        for i in range(n): yield i
    async def body():
        async with opened(1) as items:
            return items + [n async for n in numbers(3)]
    """,
    "asyncio.run(body())",
)
kind(
    "a context manager",
    """
    from contextlib import contextmanager
    @contextmanager
    def tagged(tag):
        yield f"<{tag}>"
    """,
    """
    with tagged("b") as text:
        return text
    """,
)
kind(
    "overloads",
    """
    from typing import overload
    @overload
    def f(x: int) -> int: ...
    @overload
    def f(x: str) -> str: ...
    def f(x): return x
    """,
    "f(1), f('a')",
)
kind(
    "a function with attributes",
    """
    def f(): return f.calls
    f.calls = 3
    """,
    "f()",
)

# --- data in globals ---

kind("a constant", "LIMIT = 10", "LIMIT")
kind(
    "a constant with an annotation",
    """
    from typing import Final
    LIMIT: Final = 10
    """,
    "LIMIT",
)
kind(
    "unpacking",
    """
    FIRST, *REST = [1, 2, 3]
    (A, B), C = (1, 2), 3
    """,
    "FIRST, REST, A, B, C",
)
kind("a walrus", "print(TOTAL := 3 + 4, end='')", "TOTAL")
kind(
    "an augmented assignment",
    """
    COUNT = 1
    # next cell
    COUNT += 1
    # next cell
    COUNT += 1
    """,
    "COUNT",
)
kind(
    "a list filled by a loop",
    """
    ITEMS = []
    for i in range(3):
        ITEMS.append(i)
    """,
    "ITEMS, i",
)
kind(
    "a global counter",
    """
    COUNT = 0
    def bump():
        global COUNT
        COUNT += 1
        return COUNT
    # next cell
    bump()
    """,
    "bump(), bump()",
)
kind(
    "a global that a function makes later",
    """
    def setup():
        global MODEL
        MODEL = [1, 2]
    """,
    """
    setup()
    return MODEL
    """,
)
kind(
    "data loaded by code that must not run again",
    """
    import os
    def load(): return {"pid": os.getpid()}
    DATA = load()
    """,
    "DATA['pid']",
)
kind(
    "two globals that share an object",
    """
    SHARED = [1]
    # next cell
    WHOLE = {'part': SHARED}
    ALIAS = SHARED
    """,
    """
    SHARED.append(2)
    return WHOLE["part"], ALIAS is SHARED, WHOLE["part"] is SHARED
    """,
)
kind(
    "globals that refer to each other",
    """
    A = []
    B = [A]
    A.append(B)
    """,
    "A[0] is B and B[0] is A",
)
kind(
    "two components that share a global",
    """
    STATE = {"n": 0}
    class Writer:
        def write(self): STATE["n"] += 1
    class Reader:
        def read(self): return STATE["n"]
    """,
    """
    Writer().write()
    return Reader().read()
    """,
)
kind(
    "a sentinel",
    """
    MISSING = object()
    def f(x=MISSING): return x is MISSING
    """,
    "f(), f(1)",
)
kind(
    "an instance of a notebook class",
    """
    from dataclasses import dataclass
    @dataclass
    class Point:
        x: int
        y: int = 0
    ORIGIN = Point(0)
    def shift(p=ORIGIN): return Point(p.x + 1, p.y)
    """,
    "ORIGIN, shift(), ORIGIN.__class__ is Point",
)
kind(
    "lambdas in a table",
    """
    OPS = {'+': lambda a, b: a + b, '-': lambda a, b: a - b * UNIT}
    UNIT = 1
    """,
    "OPS['+'](1, 2), OPS['-'](1, 2)",
)
kind(
    "a registry filled by a decorator",
    """
    KINDS = ["call"]
    HANDLERS = {kind: {} for kind in KINDS}
    def handles(kind):
        def remember(f):
            HANDLERS["call"][kind] = f
            return f
        return remember
    # next cell
    @handles("a")
    def handle_a(x): return x + 1
    @handles("b")
    def handle_b(x): return handle_a(x) * 2
    """,
    "HANDLERS['call']['a'](1), HANDLERS['call']['b'](1), HANDLERS['call']['a'] is handle_a",
)
kind(
    "a lock",
    """
    import threading
    LOCK = threading.Lock()
    def work():
        with LOCK:
            return 1
    """,
    "work(), LOCK.locked()",
)
kind(
    "an RLock",
    """
    import threading
    lock = threading.RLock()
    def outer():
        with lock: return inner()
    def inner():
        with lock: return "in"
    """,
    "outer()",
)
kind(
    "an object that holds a lock",
    """
    import threading
    class Counter:
        def __init__(self): self.lock, self.n = threading.Lock(), 0
        def add(self):
            with self.lock: self.n += 1
            return self.n
    COUNTER = Counter()
    COUNTER.add()
    """,
    "COUNTER.add()",
)
kind(
    "an event and a queue",
    """
    import queue, threading
    READY = threading.Event()
    READY.set()
    Q = queue.Queue()
    Q.put(5)
    """,
    "READY.is_set(), Q.get_nowait()",
)
kind(
    "a thread-local",
    """
    import threading
    LOCAL = threading.local()
    def f():
        LOCAL.x = 1
        return LOCAL.x
    """,
    "f()",
)
kind(
    "a context variable",
    """
    from contextvars import ContextVar
    USER = ContextVar('user', default='nobody')
    """,
    "USER.get(), USER.name",
)
kind(
    "a weak dictionary",
    """
    import weakref
    ALIVE = weakref.WeakValueDictionary()
    """,
    "len(ALIVE)",
)
kind(
    "a logger",
    """
    import logging
    log = logging.getLogger('notebook')
    """,
    "log.name",
)
kind(
    "a compiled pattern",
    r"""
    import re
    WORD = re.compile(r'\w+')
    """,
    "WORD.findall('a bc')",
)
kind(
    "a counter from itertools",
    """
    import itertools
    IDS = itertools.count(5)
    next(IDS)
    """,
    "next(IDS)",
)
kind(
    "collections",
    """
    from collections import defaultdict, deque, Counter
    D = defaultdict(list, a=[1])
    Q = deque([1], maxlen=2)
    C = Counter('aab')
    """,
    "D['b'], list(Q), C['a']",
)
kind(
    "a seeded generator of random numbers",
    """
    import random
    RNG = random.Random(7)
    RNG.random()
    """,
    "round(RNG.random(), 6)",
)
kind(
    "an array",
    """
    import numpy as np
    WEIGHTS = np.arange(4.0)
    """,
    "float((WEIGHTS * 2).sum()), np.pi > 3",
    needs="numpy",
)

# --- imports ---

kind("a module alias", "import json as j", "j.dumps([1])")
kind("names from a module", "from os.path import join, sep as separator", "join('a', 'b') == 'a' + separator + 'b'")
kind(
    "submodules",
    """
    import wsgiref.util
    import wsgiref.headers
    """,
    "wsgiref.util.FileWrapper.__name__, wsgiref.headers.Headers.__name__",
)
kind("a star import", "from math import *", "floor(pi)")
kind(
    "an import that may fail",
    """
    try:
        import ujson_that_is_absent as json
    except ImportError:
        import json
    """,
    "json.dumps({})",
)
kind(
    "TYPE_CHECKING",
    """
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        from absent import Thing
    def f(x: 'Thing') -> 'Thing': return x
    """,
    "f(1)",
)
kind(
    "a definition under if and with",
    """
    import contextlib
    if 1 > 2:
        def f(): return 'no'
    else:
        def f(): return 'yes'
    with contextlib.suppress(ValueError):
        def g(): return f()
    """,
    "g()",
)
kind(
    "annotations of the future",
    """
    from __future__ import annotations
    # next cell
    def f(x: Undefined) -> Nowhere: return x
    """,
    "f.__annotations__['return']",
)

# --- classes ---

kind(
    "a plain class, both ways",
    """
    class Post:
        def __init__(self, text): self.text = text
        def __eq__(self, other): return type(self) is type(other) and vars(self) == vars(other)
    """,
    "sent[0], isinstance(sent[0], Post), Post('b')",
    sent="(Post('a'),)",
)
kind(
    "inheritance and super()",
    """
    class A:
        def name(self): return 'A'
    # next cell
    class B(A):
        def name(self): return super().name() + 'B'
    """,
    "B().name(), B.__mro__[1] is A",
)
kind(
    "a subclass that only the caller knows",
    """
    class Shape:
        area = 0
    # next cell
    class Square(Shape):
        area = 4
    """,
    "isinstance(sent[0], Shape), sent[0].area",
    sent="(Square(),)",
)
kind(
    "a dataclass, both ways",
    """
    from dataclasses import dataclass, field
    @dataclass
    class Post:
        id: str
        tags: list[str] = field(default_factory=list)
    """,
    "sent[0], Post('b') == sent[1]",
    sent="(Post('a', ['x']), Post('b'))",
)
kind(
    "a frozen dataclass with slots",
    """
    from dataclasses import dataclass
    @dataclass(frozen=True, slots=True)
    class Key:
        id: int
    """,
    "{Key(1): 'one'}[sent[0]], sent[0]",
    sent="(Key(1),)",
)
kind(
    "an ordered, keyword-only dataclass with __post_init__",
    """
    from dataclasses import dataclass, InitVar
    @dataclass(order=True, kw_only=True)
    class V:
        n: int
        scale: InitVar[int] = 2
        def __post_init__(self, scale): self.n *= scale
    """,
    "max(V(n=1), V(n=3)), sent",
    sent="(V(n=5),)",
)
kind(
    "NamedTuple",
    """
    from typing import NamedTuple
    class P(NamedTuple):
        x: int
        y: int = 0
    """,
    "sent[0].x, P(3)",
    sent="(P(1),)",
)
kind(
    "namedtuple()",
    """
    from collections import namedtuple
    P = namedtuple('P', 'x y')
    """,
    "sent[0].y, P(1, 2)",
    sent="(P(1, 2),)",
)
kind(
    "TypedDict",
    """
    from typing import TypedDict
    class T(TypedDict, total=False):
        x: int
    """,
    "T(x=1), list(T.__annotations__)",
)
kind(
    "an Enum, both ways",
    """
    from enum import Enum
    class Color(Enum):
        RED = 1
        GREEN = 2
    """,
    "sent[0] is Color.RED, Color.GREEN",
    sent="(Color.RED,)",
)
kind(
    "an Enum made by a call",
    """
    from enum import Enum
    Color = Enum('Color', 'RED GREEN')
    """,
    "sent[0] is Color.RED",
    sent="(Color.RED,)",
)
kind(
    "Flag and IntEnum",
    """
    from enum import Flag, IntEnum, auto
    class F(Flag):
        A = auto()
        B = auto()
    class N(IntEnum):
        ONE = 1
    """,
    "sent[0] == F.A | F.B, N.ONE + 1",
    sent="(F.A | F.B,)",
)
kind(
    "a Protocol",
    """
    from typing import Protocol, runtime_checkable
    @runtime_checkable
    class Closes(Protocol):
        def close(self): ...
    class C:
        def close(self): pass
    """,
    "isinstance(C(), Closes), isinstance(1, Closes)",
)
kind(
    "an ABC with a registered class",
    """
    from abc import ABC, abstractmethod
    class Base(ABC):
        @abstractmethod
        def f(self): ...
    class Mine(Base):
        def f(self): return 1
    # next cell
    class Other: pass
    Base.register(Other)
    """,
    "Mine().f(), issubclass(Other, Base)",
)
kind(
    "Generic with a TypeVar",
    """
    from typing import Generic, TypeVar
    T = TypeVar('T')
    class Box(Generic[T]):
        def __init__(self, item: T): self.item = item
    class IntBox(Box[int]): pass
    """,
    "sent[0].item, IntBox(2).item, Box.__parameters__[0] is T",
    sent="(Box(1),)",
)
kind(
    "new generics",
    """
    class Box[T]:
        def __init__(self, item: T): self.item = item
    type Boxes[T] = list[Box[T]]
    def first[T](items: list[T]) -> T: return items[0]
    """,
    "first([Box(3).item]), Boxes.__name__",
    python=(3, 12),
)
kind(
    "NewType and aliases",
    """
    from typing import NewType, Optional
    UserId = NewType('UserId', int)
    Pair = tuple[UserId, Optional[str]]
    """,
    "UserId(3), Pair.__args__[0] is UserId",
)
kind(
    "an error class, both ways",
    """
    class MyError(Exception):
        def __init__(self, code):
            super().__init__(code)
            self.code = code
        def __eq__(self, other): return self.code == other.code
    def fail(): raise MyError(7)
    """,
    """
    try:
        fail()
    except MyError as error:
        return error, isinstance(sent[0], MyError)
    """,
    sent="(MyError(1),)",
)
kind(
    "__init_subclass__ with keywords",
    """
    class Plugin:
        known = {}
        def __init_subclass__(cls, /, tag, **rest):
            super().__init_subclass__(**rest)
            cls.known[tag] = cls
    # next cell
    class One(Plugin, tag='one'): pass
    """,
    "Plugin.known['one'] is One",
)
kind(
    "a metaclass",
    """
    class Meta(type):
        def __new__(mcs, name, bases, body):
            return super().__new__(mcs, name, bases, {**body, 'made_by': mcs.__name__})
    class Made(metaclass=Meta): pass
    """,
    "Made.made_by",
)
kind(
    "a nested class, both ways",
    """
    class Outer:
        class Inner:
            x = 1
            def __eq__(self, other): return type(self) is type(other)
    """,
    "sent[0] == Outer.Inner(), sent[0]",
    sent="(Outer.Inner(),)",
)
kind(
    "__slots__ and properties",
    """
    class P:
        __slots__ = ('_x',)
        def __init__(self, x): self._x = x
        @property
        def x(self): return self._x
        @x.setter
        def x(self, value): self._x = value
    """,
    """
    p: P = sent[0]
    p.x += 1
    return p.x
    """,
    sent="(P(1),)",
)
kind(
    "cached_property, classmethod, staticmethod",
    """
    from functools import cached_property
    class C:
        base = 2
        @cached_property
        def big(self): return C.base ** 10
        @classmethod
        def make(cls): return cls()
        @staticmethod
        def one(): return 1
    """,
    "C.make().big, C.one()",
)
kind(
    "a descriptor",
    """
    class Doubled:
        def __set_name__(self, owner, name): self.name = name
        def __get__(self, obj, owner=None): return f'{self.name}{self.name}'
    class C:
        ab = Doubled()
    """,
    "C().ab",
)
kind(
    "a callable object and operators",
    """
    class Scale:
        def __init__(self, k): self.k = k
        def __call__(self, x): return x * self.k
        def __matmul__(self, other): return Scale(self.k * other.k)
    triple = Scale(3)
    """,
    "(triple @ triple)(1)",
)
kind(
    "a class attribute set in a later cell",
    """
    class C: pass
    # next cell
    C.limit = 3
    def extra(self): return self.limit
    C.extra = extra
    """,
    "C().extra()",
)
kind(
    "a class attribute computed by code that must not run again",
    """
    import os
    class C: pass
    C.pid = os.getpid()
    """,
    "C.pid",
)
kind(
    "a class decorated by a notebook decorator",
    """
    def tagged(tag):
        def decorate(cls):
            cls.tag = tag
            return cls
        return decorate
    @tagged('t')
    class C: pass
    """,
    "C.tag, type(sent[0]) is C",
    sent="(C(),)",
)
kind(
    "a class made by a function",
    """
    def make(limit):
        class Made:
            top = limit
        return Made
    Made = make(3)
    """,
    "Made.top",
)
kind(
    "a class made by type()",
    "Made = type('Made', (), {'x': 1})",
    "Made().x, type(sent[0]) is Made",
    sent="(Made(),)",
)
kind(
    "match on notebook classes",
    """
    from dataclasses import dataclass
    @dataclass
    class P:
        x: int
    def f(v):
        match v:
            case P(x=0): return 'zero'
            case P(x): return x
            case [first, *_]: return first
            case _: return None
    """,
    "f(P(0)), f(sent[0]), f([9])",
    sent="(P(5),)",
)
kind(
    "types named only in quotes",
    """
    from typing import get_type_hints
    class Holder:
        post: 'Post'
    class Post: pass
    """,
    "get_type_hints(Holder)['post'].__name__",
)
kind(
    "a msgspec Struct, decoder and dataclass",
    """
    import msgspec
    from dataclasses import dataclass
    class S(msgspec.Struct):
        x: int
    @dataclass
    class D:
        y: int
    DECODER = msgspec.json.Decoder(S)
    msgspec.json.decode(b'{"y": 1}', type=D)
    """,
    "sent[0], DECODER.decode(b'{\"x\": 2}'), D(3)",
    sent="(S(1),)",
    needs="msgspec",
)
kind(
    "a pydantic model",
    """
    from pydantic import BaseModel
    class M(BaseModel):
        x: int
        next: 'M | None' = None
    """,
    "M(x='1').x, sent[0]",
    sent="(M(x=2),)",
    needs="pydantic",
)

kind(
    "a class with its own instances as attributes",
    """
    class Color:
        def __init__(self, name): self.name = name
    RED = Color("red")
    Color.red = RED
    """,
    "Color.red is RED, Color.red.name",
)
kind(
    "class attributes set under a condition, in a loop and in pairs",
    """
    class C: pass
    if C.__name__ == "C":
        C.kind = "right"
    else:
        C.kind = "wrong"
    for i in range(3):
        C.last = i
    C.a, C.b = map(int, "12")
    setattr(C, "by_name", 4)
    """,
    "C.kind, C.last, C.a, C.b, C.by_name",
)
kind(
    "a decorated function under a condition",
    """
    import functools
    if 1 < 2:
        @functools.lru_cache
        def f(): return "right"
    else:
        @functools.lru_cache
        def f(): return "wrong"
    """,
    "f()",
)
kind(
    "a fallback for an import",
    """
    try:
        from json import dumps
    except ImportError:
        def dumps(value): return "fallback"
    try:
        import absent_module
    except ImportError:
        absent_module = None
    """,
    "dumps([1]), absent_module",
)
kind(
    "components of WeaverLab",
    """
    import weaverlab.component as weaver
    class Greeter(weaver.Interface):
        def greet(self, name: str) -> str: ...
    class English(weaver.Implements[Greeter]):
        def greet(self, name): return f"hello {name}"
    class App(weaver.Main):
        greeter: weaver.Ref[Greeter]
        def main(self): return self.greeter.greet("you")
    """,
    "weaver.build_application([App, English]).edges(), English().greet('me')",
)

kind(
    "a router with its helpers and the type of its keys",
    """
    from typing import NamedTuple
    from weaverlab.component import Implements, Interface, WithRouter, build_application
    from weaverlab.component.router import key_function
    class Storage(Interface):
        def fetch(self, post_id: str) -> str: ...
    # next cell
    class PostKey(NamedTuple):
        shard: int
        post_id: str
    # next cell
    SHARDS = 3
    def shard_of(post_id): return len(post_id) % SHARDS
    # next cell
    class ByPostId:
        def fetch(self, post_id: str) -> PostKey: return PostKey(shard_of(post_id), post_id)
    # next cell
    class StorageEU(Implements[Storage], WithRouter[ByPostId]):
        def fetch(self, post_id): ...
    """,
    """
    spec = build_application([StorageEU]).components["StorageEU"]
    return key_function(spec, spec.methods[0])(("post",))
    """,
)
kind(
    "a router that is only named in quotes",
    """
    from __future__ import annotations
    from dataclasses import dataclass
    import weaverlab as weaver
    from weaverlab.component import build_application
    from weaverlab.component.router import key_function
    class Counter(weaver.Component, weaver.WithRouter["ByName"]):
        def count(self, name): ...
    # next cell
    class ByName:
        def count(self, name) -> Name: return Name(name)
    # next cell
    @dataclass
    class Name:
        name: str
    """,
    """
    spec = build_application([Counter]).components["Counter"]
    return key_function(spec, spec.methods[0])(("ann",))
    """,
)

# --- the life of a notebook ---

kind(
    "a class whose cell was run again",
    """
    class C:
        v = 1
    # next cell
    class C:
        v = 2
        def get(self): return self.v
    """,
    "C().get()",
)
kind(
    "a base class whose cell was run again",
    """
    class Base:
        def f(self): return 1
    # next cell
    class Derived(Base): pass
    # next cell
    class Base:
        def f(self): return 1
    """,
    "Derived().f()",
)
kind(
    "a helper of a decorator whose cell was run again",
    """
    def helper(): return 1
    # next cell
    def deco(f):
        f.mark = helper()
        return f
    # next cell
    @deco
    def g(): return g.mark
    # next cell
    def helper(): return 1
    """,
    "g()",
)
kind(
    "cells that do not matter",
    """
    raise_me = 1
    import socket
    S = socket.socket()
    S.close()
    # next cell
    X = 2
    """,
    "X",
)
kind(
    "definitions without any source",
    """
    exec("def f(x): return x + STEP", globals())
    exec("class C:\\n    def get(self): return f(1)", globals())
    globals()["STEP"] = 2
    """,
    "f(1), C().get()",
)
