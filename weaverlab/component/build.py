"""From root classes to a checked `Application`: which component each ref means, unique names, cycles, order.

Every fault of every class is collected and raised together, before any process starts. One class by itself is read in
`declaration`; starting things is the runtime's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from inspect import isabstract
from itertools import pairwise

from weaverlab.component import registry
from weaverlab.component.annotations import is_class
from weaverlab.component.application import Application, ComponentSpec, interface_key
from weaverlab.component.declaration import Declaration, read
from weaverlab.component.declare import FRAMEWORK, extends, interface_of, is_component, is_interface
from weaverlab.component.fakes import fake_for, stand_in
from weaverlab.errors import DeclarationError, nearest


def build_application(
    roots: Sequence[type],
    chosen: Mapping[str, str] | None = None,
    faked: Collection[type] = (),
    reserved: Mapping[str, str] | None = None,
) -> Application:
    """Return the application of `roots` and everything they reach through refs.

    Where an interface has several implementations, a ref to it means the only one among `roots`, else the one that
    `chosen` names: interface, by its name or its full name -> component. For each of `faked`, interfaces or components,
    somebody has an object ready, so whatever is behind them is not reached. `reserved` are names that no component may
    have, each with what it means.

    Raises:
        DeclarationError: with every fault, each naming the class, the member and what was expected.
    """
    builder = _Builder(roots, chosen or {}, faked)
    builder.read_roots(roots)
    builder.check_fakes()
    builder.check_names()
    builder.check_reserved(reserved or {})
    builder.check_choices()
    ordered = builder.callees_first()
    if builder.faults:
        raise DeclarationError(builder.faults)
    return Application({found.name: builder.spec(found) for found in ordered}, builder.meant)


class _Builder:
    """Declarations found so far, in the order they were found, and the faults in them."""

    def __init__(self, roots: Sequence[object], chosen: Mapping[str, str], faked: Collection[type]) -> None:
        self.roots = [root for root in roots if is_component(root)]
        self.chosen = chosen
        self.faked = faked
        self.asked: dict[str, type] = {}  # interfaces that refs ask for, by each key that may choose for them
        self.meant: dict[str, str] = {}
        self.found: dict[type, Declaration] = {}
        self.callees: dict[type, dict[str, type]] = {}
        self.faults: list[str] = []

    def read_roots(self, roots: Sequence[object]) -> None:
        if not roots:
            self.faults.append("No component to deploy: pass at least one component class, such as your Main.")
        for root in roots:
            if is_component(root):
                self._read(root)
            else:
                self.faults.append(_fault_of_root(root))

    def check_fakes(self) -> None:
        """Each fake stands for something that is called: a ref to something else may have been meant."""
        used = {fake_for(cls, self.faked) for cls in self.found}
        for key in self.faked:
            if key not in used:
                names = {target.__name__ for found in self.found.values() for target in found.refs.values()}
                self.faults.append(
                    f"fakes: no ref of this application leads to {key.__name__}.{nearest(key.__name__, names)} "
                    f"Refs lead to: {', '.join(sorted(names)) or 'nothing'}."
                )

    def check_names(self) -> None:
        """Two components, two listeners or two Mains may not share a name or a place."""
        by_name: dict[str, list[type]] = {}
        listeners: dict[str, list[str]] = {}
        for cls, declaration in self.found.items():
            by_name.setdefault(declaration.name, []).append(cls)
            for field, listener in declaration.listeners.items():
                listeners.setdefault(listener, []).append(f"{declaration.name}.{field}")
        for name, classes in by_name.items():
            if len(classes) > 1:
                where = " and ".join(f"{cls.__module__}.{cls.__qualname__}" for cls in classes)
                self.faults.append(f"Two components are called {name!r}: {where}. Rename one.")
        for listener, fields in listeners.items():
            if len(fields) > 1:
                self.faults.append(
                    f"Listener {listener!r} is declared by {' and '.join(fields)}; names of listeners are unique in an "
                    'application. Rename one: `field: Listener = Listener(name="other")`.'
                )
        mains = [declaration.name for declaration in self.found.values() if declaration.is_main]
        if len(mains) > 1:
            self.faults.append(f"An application has one Main, but these are: {', '.join(mains)}. Deploy one of them.")

    def check_reserved(self, reserved: Mapping[str, str]) -> None:
        """No component has a name that means something else already."""
        for cls, declaration in self.found.items():
            if declaration.name in reserved:
                self.faults.append(
                    f"Component {cls.__module__}.{cls.__qualname__}: WeaverLab calls {reserved[declaration.name]} "
                    f"{declaration.name!r}. Give the class another name."
                )

    def check_choices(self) -> None:
        """Each choice is between implementations of an interface that some ref asks for, or would but for a fake."""
        for key, name in self.chosen.items():
            if key not in self.asked:
                if self.faked:
                    continue
                short = sorted({interface.__name__ for interface in self.asked.values()})
                self.faults.append(
                    f"[weaverlab] implementations: no ref of this application asks for {key!r}.{nearest(key, short)} "
                    f"Refs ask for: {', '.join(short) or 'no interface'}."
                )
                continue
            names = sorted({cls.__name__ for cls in self._implementations(self.asked[key])})
            if name not in names:
                self.faults.append(
                    f"[weaverlab] implementations: {key} = {name!r}, but no component of that name implements {key}."
                    f"{nearest(name, names)} There are: {', '.join(names) or 'none'}."
                )

    def callees_first(self) -> list[Declaration]:
        """Return the declarations so that each comes after those it refers to; a cycle is a fault."""
        done: dict[type, Declaration] = {}
        for cls in self.found:
            self._visit(cls, [], done)
        return list(done.values())

    def spec(self, declaration: Declaration) -> ComponentSpec:
        return ComponentSpec(
            name=declaration.name,
            implementation=declaration.cls,
            interface=declaration.interface,
            methods=declaration.methods,
            refs={field: callee.__name__ for field, callee in self.callees[declaration.cls].items()},
            listeners=declaration.listeners,
            agents=declaration.agents,
            config_class=declaration.config_class,
            router=declaration.router,
            is_main=declaration.is_main,
            is_fake=fake_for(declaration.cls, self.faked) is not None,
        )

    def _read(self, root: type) -> None:
        waiting = [root]
        while waiting:
            cls = waiting.pop(0)
            if cls in self.found:
                continue
            declaration = self.found[cls] = stand_in(cls) if fake_for(cls, self.faked) else read(cls)
            self.faults += [fault for fault in dict.fromkeys(declaration.faults) if fault not in self.faults]
            self.callees[cls] = self._callees(declaration)
            waiting += self.callees[cls].values()

    def _callees(self, declaration: Declaration) -> dict[str, type]:
        callees = {}
        for field, target in declaration.refs.items():
            candidates = self._candidates(target)
            if len(candidates) == 1:
                callees[field] = candidates[0]
                if is_interface(target) and is_component(candidates[0]):
                    self.meant[interface_key(target)] = candidates[0].__name__
            else:
                self.faults.append(_fault_of_ref(f"{declaration.name}.{field}", target, candidates))
        return callees

    def _candidates(self, target: type) -> list[type]:
        """Return what a ref to `target` may mean: the only one among the roots, else the chosen one, else all."""
        if is_component(target):
            return [root for root in self.roots if registry.is_same(root, target)] or [registry.current(target)]
        self.asked |= {interface_key(target): target, target.__name__: target}
        if fake_for(target, self.faked):
            return [registry.current(target)]
        deployed = implementations(target, self.roots)
        if len(deployed) == 1:
            return deployed
        name = self.chosen.get(interface_key(target)) or self.chosen.get(target.__name__)
        chosen = [cls for cls in self._implementations(target) if cls.__name__ == name][:1]
        return chosen or deployed or implementations(target, registry.registered())

    def _implementations(self, interface: type) -> list[type]:
        """Return the implementations of `interface` among the roots, and then those among all there are."""
        return [*implementations(interface, self.roots), *implementations(interface, registry.registered())]

    def _visit(self, cls: type, path: list[type], done: dict[type, Declaration]) -> None:
        if cls in done:
            return
        if cls in path:
            cycle = [*path[path.index(cls) :], cls]
            self.faults.append(_fault_of_cycle(cycle, self.callees))
            return
        for callee in self.callees[cls].values():
            self._visit(callee, [*path, cls], done)
        done[cls] = self.found[cls]


def implementations(interface: type, among: Sequence[type]) -> list[type]:
    """Return the components in `among` that implement `interface`; if there is none, an interface derived from it."""
    declared = [(cls, interface_of(cls)) for cls in among if is_component(cls) and not isabstract(cls)]
    exact = [cls for cls, own in declared if isinstance(own, type) and registry.is_same(own, interface)]
    return exact or [cls for cls, own in declared if isinstance(own, type) and extends(own, interface)]


def _fault_of_root(root: object) -> str:
    if is_interface(root):
        names = ", ".join(cls.__name__ for cls in implementations(root, registry.registered()))
        return f"{root.__name__} is an interface; deploy an implementation of it: {names or 'there is none yet'}."
    if is_component(type(root)):
        return f"{root!r} is an instance; deploy the class {type(root).__name__}, and WeaverLab makes the instances."
    name = getattr(root, "__name__", repr(root))
    if is_class(root) and root in FRAMEWORK:
        return f"{name} itself cannot be deployed; derive a class from it."
    if isinstance(root, str):
        known = {cls.__name__ for cls in registry.registered() if is_component(cls)}
        return f"{name} is a name: pass the class itself.{'' if root in known else nearest(root, known)}"
    return f"{name} is not a component: pass a class derived from Implements[...], Component or Main."


def _fault_of_ref(where: str, target: type, candidates: Sequence[type]) -> str:
    if not candidates:
        return (
            f"{where}: no component implements {target.__name__}. "
            f"Write `class ...(Implements[{target.__name__}])`, or run the cell that does."
        )
    doubles = Counter(cls.__name__ for cls in candidates)
    names = [cls.__name__ if doubles[cls.__name__] == 1 else f"{cls.__module__}.{cls.__name__}" for cls in candidates]
    return (
        f"{where}: {target.__name__} is implemented by {', '.join(names)}. Choose one: deploy just one of them as a "
        f"root, name it in the ref (Ref[{candidates[0].__name__}]), or in weaver.toml, below [weaverlab]: "
        f'implementations = {{ {target.__name__} = "{candidates[0].__name__}" }}.'
    )


def _fault_of_cycle(cycle: Sequence[type], callees: dict[type, dict[str, type]]) -> str:
    steps = []
    for caller, callee in pairwise(cycle):
        field = next(field for field, found in callees[caller].items() if found is callee)
        steps.append(f"{caller.__name__}.{field}")
    return (
        f"Refs form a cycle: {' -> '.join([*steps, cycle[-1].__name__])}. No component of it could be started first; "
        "break it, for example by passing what the callee needs as an argument."
    )
