"""The call graph of a snapshot in words: as a text tree, as Mermaid, and the labels that the drawing shows."""

from __future__ import annotations

from collections.abc import Iterator

from weaverlab.observe.snapshot import EdgeStats, Snapshot
from weaverlab.observe.units import bytes_text, count_text, duration_text


def callgraph_text(snapshot: Snapshot) -> str:
    """Return the call graph as a tree of components, callers above callees; repeated parts are shown once.

    App  [1 replica]
      -> PostUpload  [eu, 1 replica]  1,204 calls · 0.26 ms
           ~> posts
    """
    lines: list[str] = []
    children = _children(snapshot)
    called = {callee for _, callee in _pairs(snapshot)}
    names = [*outside_callers(snapshot), *(component.name for component in snapshot.components)]
    shown: set[str] = set()
    for name in sorted(names, key=lambda name: (name in called, name)):
        if name not in shown:
            lines += _tree(snapshot, children, name, "", shown)
    for store, origin, target, is_mutual, lag in links_of(snapshot):
        lines.append(f"{store}: {origin} {'<->' if is_mutual else '->'} {target}, lag {lag}")
    return "\n".join(lines)


def callgraph_mermaid(snapshot: Snapshot) -> str:
    """Return the call graph as a Mermaid flowchart, for documents that render it."""
    ids = {name: f"n{i}" for i, name in enumerate([*outside_callers(snapshot), *(c.name for c in snapshot.components)])}
    lines = ["flowchart LR"]
    for region in sorted({component.region for component in snapshot.components}):
        inside = [c for c in snapshot.components if c.region == region]
        nodes = [f'  {ids[c.name]}["{_mermaid(_title(snapshot, c.name))}"]' for c in inside]
        lines += [f'subgraph "{_mermaid(region)}"', *nodes, "end"] if region else nodes
    lines += [f'  {ids[name]}(["{_mermaid(name)}"])' for name in outside_callers(snapshot)]
    live = snapshot.edge_calls()
    for pair in _pairs(snapshot):
        label = edge_label(live.get(pair))
        lines.append(f"  {ids[pair[0]]} " + (f'-->|"{_mermaid(label)}"|' if label else "-.->") + f" {ids[pair[1]]}")
    for i, store in enumerate(snapshot.stores):
        lines.append(f'  s{i}[("{_mermaid(store.name)}")]')
        lines += [f"  {ids[user]} -.-> s{i}" for user in sorted(store.users) if user in ids]
    return "\n".join(lines) + "\n"


def edge_label(stats: EdgeStats | None) -> str:
    """Return `"1,204 calls · 260 µs"`, with the errors if there were any; `""` for an edge nobody used."""
    if not stats or not stats.calls:
        return ""
    noun = "call" if stats.calls == 1 else "calls"
    parts = [f"{count_text(stats.calls)} {noun}"]
    if stats.p50_s is not None:
        parts.append(duration_text(stats.p50_s))
    if stats.errors:
        parts.append(f"{count_text(stats.errors)} failed")
    return " · ".join(parts)


def edge_hover(snapshot: Snapshot, caller: str, callee: str) -> str:
    """Return one line for each method that `caller` called on `callee`."""
    methods = [stats for stats in snapshot.calls() if (stats.caller, stats.callee) == (caller, callee)]
    lines = [
        f"{m.method}: {edge_label(m)}, p95 {duration_text(m.p95_s)}, {m.retries} retries, {bytes_text(m.bytes)}"
        for m in methods
    ]
    return "\n".join([f"{caller} → {callee}", *(lines or ["not called yet"])])


def node_hover(snapshot: Snapshot, name: str) -> str:
    """Return the facts of one component: its replicas and its listeners."""
    lines = [_title(snapshot, name)]
    for replica in snapshot.replicas_of(name):
        health = "healthy" if replica.healthy else f"down ({replica.state})"
        restarts = f", restarted {replica.restarts} times" if replica.restarts else ""
        death = f"; the last one {first_line(replica.last_death)}" if replica.last_death else ""
        lines.append(f"{replica.id}: process {replica.pid}, {health}{restarts}{death}")
    lines += [f"listens on {x.address or '(not open)'} as {x.name}" for x in snapshot.listeners if x.component == name]
    return "\n".join(lines)


def first_line(text: str) -> str:
    """Return what stands before the first line end."""
    return text.partition("\n")[0]


def outside_callers(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the callers that are no components, such as a notebook, sorted."""
    names = {component.name for component in snapshot.components}
    return tuple(sorted({counts.key.caller for counts in snapshot.counts} - names))


def links_of(snapshot: Snapshot) -> list[tuple[str, str, str, bool, str]]:
    """Return (store, origin, target, is mutual, lag) for each pair of regions that a store replicates between.

    Two links of equal lag in opposite directions are one; so are unequal ones, with both lags in words.
    """
    found: list[tuple[str, str, str, bool, str]] = []
    for store in snapshot.stores:
        lags = {(x.origin, x.target): x.lag for x in store.links if {x.origin, x.target} <= set(store.regions)}
        for (origin, target), lag in sorted(lags.items()):
            back = lags.get((target, origin))
            if back is None:
                found.append((store.name, origin, target, False, lag))
            elif origin < target:
                found.append((store.name, origin, target, True, lag if lag == back else f"{lag}, back {back}"))
    return found


def _pairs(snapshot: Snapshot) -> list[tuple[str, str]]:
    known = {*outside_callers(snapshot), *(component.name for component in snapshot.components)}
    return sorted(pair for pair in {*snapshot.edges, *snapshot.edge_calls()} if set(pair) <= known)


def _children(snapshot: Snapshot) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for caller, callee in _pairs(snapshot):
        children.setdefault(caller, []).append(callee)
    return children


def _tree(snapshot: Snapshot, children: dict[str, list[str]], name: str, indent: str, shown: set[str]) -> Iterator[str]:
    if not indent:
        yield _title(snapshot, name)
    is_repeated = name in shown
    shown.add(name)
    if is_repeated:
        return
    live = snapshot.edge_calls()
    for store in sorted(store.name for store in snapshot.stores if name in store.users):
        yield f"{indent}  ~> {store}"
    for child in children.get(name, []):
        label = edge_label(live.get((name, child))) or "not called"
        yield f"{indent}  -> {_title(snapshot, child)}  {label}"
        yield from _tree(snapshot, children, child, indent + "     ", shown)


def _title(snapshot: Snapshot, name: str) -> str:
    for component in snapshot.components:
        if component.name == name:
            replicas = snapshot.replicas_of(name)
            count = f"{len(replicas)} replica" + ("" if len(replicas) == 1 else "s")
            down = sum(not replica.healthy for replica in replicas)
            facts = [component.region, count, f"{down} down" if down else ""]
            return f"{name}  [{', '.join(fact for fact in facts if fact)}]"
    return f"{name}  [outside]"


def _mermaid(text: str) -> str:
    """Mermaid has no escape but HTML entities, and ends a label at a quote."""
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
