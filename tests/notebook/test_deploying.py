"""`%weaver deploy` in a real kernel: components defined in cells run in other processes, and are replaced."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.notebook.cells import IMPORTS, RECORDS, SHOP, STORAGE, UPLOAD
from tests.notebook.kernel import Kernel

pytestmark = pytest.mark.slow

FASTER_STORAGE = STORAGE.replace("2 * number", "20 * number")


def test_components_of_cells_run_in_processes_of_their_own(kernel: Kernel) -> None:
    run = kernel.run_all(*SHOP, "%weaver deploy")

    assert "2 components in 2 weavelets" in run.all_text and "Storage" in run.all_text and "Upload" in run.all_text
    pid = int(kernel.ask("weaver.current().get(Storage).store(Post(id='1', text='a'))"))
    assert pid not in (kernel.pid, int(kernel.ask("weaver.current().replicas('Upload')[0].pid")))


def test_records_and_exceptions_of_cells_are_the_notebooks_own_when_they_come_back(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "upload = weaver.current().get(Upload)")
    kernel.run_all(
        "post = upload.upload('1', 'hello')\n"
        "try:\n    upload.upload('2', 'bad')\nexcept Censored as error:\n    caught = error"
    )

    assert kernel.ask("type(post) is Post, post") == "(True, Post(id='1', text='hello'))"
    assert kernel.ask("caught.post == Post(id='2', text='bad'), caught.why") == "(True, 'a bad word')"


def test_async_handles_are_awaited_at_the_top_of_a_cell(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "storage = weaver.current().get('Storage')")

    assert kernel.ask("await asyncio.gather(*(storage.double(n) for n in range(3)))") == "[0, 2, 4]"


def test_a_deployment_with_mtls_is_used_and_replaced_like_any_other(kernel: Kernel) -> None:
    toml = "open('mtls.toml', 'w').write('[multi]\\nmtls = true\\n')"
    kernel.run_all(*SHOP, toml, "%weaver deploy --config mtls.toml", "upload = weaver.current().get(Upload)")
    assert kernel.ask("upload.upload('1', 'a').text, await weaver.current().get('Storage').double(1)") == "('a', 2)"

    kernel.run_all(FASTER_STORAGE, "%weaver deploy --config mtls.toml")

    assert kernel.ask("upload.upload('1', 'a').text, await weaver.current().get('Storage').double(1)") == "('a', 20)"


def test_running_the_deploy_cell_again_replaces_what_runs_and_handles_lead_to_it(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "before = weaver.current()\npids = {r.pid for r in before.replicas()}")
    kernel.run_all("upload = before.get(Upload)", FASTER_STORAGE)

    kernel.run_all("%weaver deploy")

    assert kernel.ask("before.is_running, weaver.current() is before") == "(True, True)"
    alive = "{pid for pid in pids if os.path.exists(f'/proc/{pid}')}"
    assert kernel.ask(alive) == "set()"
    assert kernel.ask("upload.upload('1', 'a').text") == "'a'"


def test_after_a_cell_was_edited_the_deployment_is_stale_until_it_is_replaced(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy")
    assert "stale" not in kernel.run("%weaver status").all_text

    kernel.run_all(STORAGE)  # the same text again is the same code
    assert "stale" not in kernel.run("%weaver status").all_text
    kernel.run_all(FASTER_STORAGE)
    assert "It is stale" in kernel.run("%weaver status").all_text
    assert kernel.ask("await weaver.current().get('Storage').double(1)") == "2"

    kernel.run_all("%weaver deploy")
    assert "stale" not in kernel.run("%weaver status").all_text
    assert kernel.ask("await weaver.current().get('Storage').double(1)") == "20"


def test_an_edited_record_makes_the_deployment_stale_too(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", RECORDS.replace("text: str", 'text: str = "nothing"'))

    assert "It is stale" in kernel.run("%weaver status").all_text


def test_a_new_component_makes_a_deployment_of_everything_stale_but_not_one_of_names(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", "class Extra(Component):\n    def f(self) -> int: return 1")
    assert "It is stale" in kernel.run("%weaver status").all_text

    kernel.run_all("%weaver deploy Upload")
    assert "stale" not in kernel.run("%weaver status").all_text
    assert kernel.ask("sorted(c.name for c in weaver.current().status().components)") == "['Storage', 'Upload']"


def test_replicas_colocation_and_configuration_are_as_asked(kernel: Kernel) -> None:
    kernel.run_all(
        *SHOP,
        "open('weaver.toml', 'w').write('[regions]\\neu = [\"Storage\"]\\n')",
        "%weaver deploy Upload --replicas Storage=2,Upload=2 --colocate Storage,Upload --config weaver.toml",
    )

    replicas = kernel.ask("[r.components for r in weaver.current().replicas()]")
    assert ast.literal_eval(replicas) == [("Storage", "Upload")] * 2
    assert kernel.ask("weaver.current().status().components[0].region") == "'eu'"


def test_single_runs_everything_in_the_kernel(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy --deployer single")

    assert kernel.ask("weaver.current().get(Storage).store(Post(id='1', text='a')) == os.getpid()") == "True"
    kernel.run_all(FASTER_STORAGE)
    assert "It is stale" in kernel.run("%weaver status").all_text


@pytest.mark.parametrize("deployer", ["multi", "single"])
def test_the_next_version_has_the_port_of_the_one_before(kernel: Kernel, deployer: str) -> None:
    kernel.run_all(
        *(IMPORTS, "import socket\nwith socket.create_server(('127.0.0.1', 0)) as s:\n    port = s.getsockname()[1]"),
        "class Web(Component):\n    web: Listener\n    def addr(self) -> str: return self.web.proxy_addr",
        "open('port.toml', 'w').write(f'[listeners]\\nweb = \"127.0.0.1:{port}\"\\n')",
        f"%weaver deploy --config port.toml --deployer {deployer}",
    )

    run = kernel.run_all(f"%weaver deploy --config port.toml --deployer {deployer}")

    # Only where a proxy stands before it can two versions have it for a moment.
    assert ("Stopping what runs first, since both versions listen on port" in run.text) is (deployer == "single")
    assert kernel.ask("weaver.current().get(Web).addr() == f'127.0.0.1:{port}'") == "True"


def test_stop_and_status_say_what_there_is(kernel: Kernel) -> None:
    assert "Nothing is deployed" in kernel.run("%weaver stop").text
    kernel.run_all(*SHOP, "%weaver deploy", "app = weaver.current()")

    assert "Stopped." in kernel.run("%weaver stop").text
    assert "It has been stopped" in kernel.run("%weaver status").text
    assert "has been stopped. Run %weaver deploy again" in kernel.run("weaver.current()").traceback


CACHES = """
class Cache(weaver.Interface):
    def kind(self) -> str: ...

class Small(weaver.Implements[Cache]):
    def kind(self) -> str: return "small"

class Large(weaver.Implements[Cache]):
    def kind(self) -> str: return "large"

class Reader(weaver.Component):
    cache: weaver.Ref[Cache]
    def kind(self) -> str: return self.cache.kind()
"""


def test_the_file_chooses_between_two_implementations_of_the_notebook(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "weaver.toml").write_text('[weaverlab]\nimplementations = { Cache = "Large" }')
    kernel.run_all(IMPORTS, CACHES)
    assert "Cache is implemented by Small, Large" in kernel.run("%weaver deploy").traceback

    kernel.run_all(f"%weaver deploy --config {tmp_path / 'weaver.toml'}")

    assert kernel.ask("weaver.current().get(Reader).kind()") == "'large'"
    assert "stale" not in kernel.run("%weaver status").all_text


def test_what_deploys_in_plain_python_shows_its_lines_under_its_cell_too(kernel: Kernel) -> None:
    kernel.run_all(IMPORTS, RECORDS, STORAGE)

    run = kernel.run("with weaver.deploy(Storage) as app:\n    pass")

    kernel.wait(lambda: "storage opens" in run.text)


def test_the_extension_can_be_loaded_twice_and_taken_out(kernel: Kernel) -> None:
    kernel.run_all(IMPORTS, RECORDS, STORAGE, UPLOAD, "%load_ext weaverlab", "%weaver deploy", "app = weaver.current()")

    kernel.run_all("%unload_ext weaverlab")

    assert kernel.ask("app.is_running") == "False"
    assert "not found" in kernel.run("%weaver status").all_text
    kernel.run_all("%load_ext weaverlab")


def test_verbs_and_components_are_completed(kernel: Kernel) -> None:
    kernel.run_all(*SHOP)

    assert kernel.complete("%weaver st") == ["status", "stop"]
    assert kernel.complete("%weaver deploy Up") == ["Upload"]
    assert "--replicas" in kernel.complete("%weaver deploy --repl")
