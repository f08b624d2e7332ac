"""Pictures of a running deployment follow it, and become stills when it stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.notebook.cells import SHOP
from tests.notebook.kernel import PATIENCE_S, Kernel, Run
from weaverlab.notebook.live import VIEWS_MAX

pytestmark = pytest.mark.slow

WIDGET = "application/vnd.jupyter.widget-view+json"
STILLS = {"image/svg+xml", "image/png", "text/plain"}
WIDGETS = "len(__import__('ipywidgets').Widget.widgets)"


def shown(run: Run) -> dict[str, Any]:
    """Return the one MIME bundle under a cell."""
    (data,) = run.displays.values()
    return data


def model_of(run: Run) -> str:
    return str(shown(run)[WIDGET]["model_id"])


def test_a_picture_shows_as_a_widget_with_stills_beside_it(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()")

    for picture in ("callgraph", "lineage"):
        assert set(shown(kernel.run_all(f"app.{picture}()"))) == {WIDGET, *STILLS}


def test_a_live_view_follows_the_deployment_while_no_cell_runs(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()")
    view = model_of(kernel.run_all("app.callgraph()"))

    kernel.run_all("for n in range(7): app.get(Upload).upload(str(n), 'a')")

    kernel.wait(lambda: "7 calls" in kernel.drawings.get(view, {}).get("text", ""))


def test_nothing_is_sent_while_nothing_changes(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()")
    quiet, busy = (model_of(kernel.run_all(f"app.{picture}()")) for picture in ("lineage", "callgraph"))

    kernel.run_all("app.get(Upload).upload('1', 'a')")  # no request is traced, so there is no lineage
    kernel.wait(lambda: busy in kernel.drawings)

    assert quiet not in kernel.drawings


@pytest.mark.parametrize("stop", ["%weaver stop", "app.stop()", "%weaver deploy"])
def test_when_the_deployment_stops_stills_of_its_last_state_take_the_place_of_a_view(kernel: Kernel, stop: str) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()")
    cell = kernel.run_all("app.lineage()")
    view = model_of(cell)

    kernel.run_all("with weaver.request():\n    app.get(Upload).upload('1', 'a')", stop)
    kernel.wait(lambda: view in kernel.closed_comms)

    assert set(shown(cell)) == STILLS
    assert "Upload" in shown(cell)["text/plain"]


def test_when_the_deployment_fails_its_last_lineage_stays(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "open('never.toml', 'w').write('[multi]\\nrestarts_max = 0\\n')")
    kernel.run_all("class Mortal(Component):\n    def die(self) -> None: os._exit(7)")
    kernel.run_all("%weaver deploy --config never.toml", "app = weaver.current()")
    kernel.run_all("with weaver.request():\n    app.get(Upload).upload('1', 'a')")
    cell = kernel.run_all("app.lineage()")

    kernel.run("app.get('Mortal').die()")
    kernel.wait(lambda: WIDGET not in shown(cell))

    assert "Upload" in shown(cell)["text/plain"]


def test_views_are_forgotten_when_their_cell_runs_again_or_newer_ones_come(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()")
    before = int(kernel.ask(WIDGETS))

    for _ in range(5):
        kernel.run("app.callgraph()", cell_id="one")
    assert int(kernel.ask(WIDGETS)) == before + 2  # the view and its layout

    runs = [kernel.run("app.callgraph()", cell_id=f"cell {n}") for n in range(VIEWS_MAX + 3)]
    assert int(kernel.ask(WIDGETS)) == before + 2 * VIEWS_MAX
    assert [WIDGET in shown(run) for run in runs] == [False] * 3 + [True] * VIEWS_MAX

    kernel.run_all("%weaver stop")
    threads = "[t for t in __import__('threading').enumerate() if t.name == 'weaverlab-views']"
    kernel.run_all(f"for thread in {threads}: thread.join({PATIENCE_S})")
    assert kernel.ask(threads) == "[]"
    assert int(kernel.ask(WIDGETS)) == before


def test_with_static_set_there_are_stills_only(new_kernel: Callable[..., Kernel]) -> None:
    kernel = new_kernel(WEAVERLAB_STATIC="1")
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()")

    assert set(shown(kernel.run_all("app.callgraph()"))) == STILLS
    assert kernel.ask(WIDGETS) == "0"


def test_a_picture_of_what_has_stopped_is_a_still(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()", "%weaver stop")

    assert set(shown(kernel.run_all("app.callgraph()"))) == STILLS
