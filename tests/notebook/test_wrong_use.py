"""What goes wrong is said in one piece, at once, with the cell and its line; nothing is left running."""

from __future__ import annotations

import pytest

from tests.notebook.cells import IMPORTS, RECORDS, SHOP, STORAGE, UPLOAD
from tests.notebook.kernel import Kernel, Run

pytestmark = pytest.mark.slow


def message(run: Run) -> str:
    """Return what an error says; it has no traceback of ours around it."""
    assert run.error
    assert "weaverlab/" not in run.traceback and "Traceback (most recent call last)\nCell" not in run.traceback
    return run.traceback


def test_without_a_verb_the_usage_is_shown_and_for_a_wrong_one_the_nearest(kernel: Kernel) -> None:
    assert "%weaver status" in message(kernel.run("%weaver"))
    wrong = message(kernel.run("%weaver stauts"))
    assert "there is no verb 'stauts'. Did you mean 'status'? There are: deploy, run, status" in wrong
    assert "--colocate" not in wrong
    assert "nothing is deployed" in message(kernel.run("%weaver stop now"))  # which would be the beginning of an id
    assert kernel.ask("1 + 1") == "2"


def test_all_faults_of_a_line_are_reported_together(kernel: Kernel) -> None:
    kernel.run_all(*SHOP)

    said = message(kernel.run("%weaver deploy Uplaod Post os --replicas Storage=none --deployer mutli --confg x"))

    assert "6 faults" in said
    for fault in (
        "there is no component 'Uplaod' in this notebook. Did you mean 'Upload'? It has: Storage, Upload.",
        "Post is the class Post, not a component.",
        "os is a module, not a component.",
        "--replicas Storage=none: expected a component and a number from 1, such as Reader=2.",
        "--deployer mutli: expected multi or single.",
        "there is no option --confg. Did you mean '--config'?",
    ):
        assert fault in said


def test_a_notebook_without_components_is_told_what_to_define(kernel: Kernel) -> None:
    assert "this notebook defines no component. Define a class derived from" in message(kernel.run("%weaver deploy"))


def test_a_typo_in_a_name_given_to_an_option_names_the_nearest(kernel: Kernel) -> None:
    kernel.run_all(*SHOP)

    said = message(kernel.run("%weaver deploy --replicas Storge=2 --colocate Upload,Storag"))

    assert "2 faults" in said and said.count("Did you mean 'Storage'?") == 2


def test_without_a_deployment_current_says_what_to_do(new_kernel) -> None:
    kernel = new_kernel()
    kernel.run_all(IMPORTS)

    assert "nothing is deployed in this notebook. Run %weaver deploy first." in kernel.run("weaver.current()").traceback


def test_a_failing_init_is_shown_with_its_cell_and_line_and_leaves_no_process(kernel: Kernel) -> None:
    cell = kernel.run_all(IMPORTS, RECORDS, STORAGE.strip().replace("self.posts = {}", "1 / 0"))

    run = kernel.run("%weaver deploy")

    assert f"Cell In[{cell.number}], line 3, in init\n    1 / 0" in message(run)
    assert "ZeroDivisionError: division by zero" in message(run)
    assert "Deploying: failed" in run.all_text
    assert kernel.children() == []


def test_a_new_version_that_fails_leaves_the_old_one_running(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, "%weaver deploy", STORAGE.replace("self.posts = {}", "1 / 0"))

    run = kernel.run("%weaver deploy")

    assert run.error == "DeployError" and "still runs, with the code of before" in run.text
    assert kernel.ask("weaver.current().get(Upload).upload('1', 'a').text") == "'a'"
    assert len(kernel.children()) == 2


def test_an_import_that_fails_in_the_child_is_shown_with_its_cell(kernel: Kernel) -> None:
    kernel.run_all(
        "import sys, types\nsys.modules['only_here'] = types.ModuleType('only_here')",
        IMPORTS,
        "import only_here\nclass User(Component):\n    def use(self) -> str: return only_here.__name__",
    )

    said = message(kernel.run("%weaver deploy"))

    assert "No module named 'only_here'" in said
    assert "line 1, in <module>\n    import only_here" in said and "Cell In[" in said
    assert kernel.children() == []


def test_a_global_that_cannot_be_shipped_is_named_with_the_way_to_it_and_the_remedy(kernel: Kernel) -> None:
    cell = kernel.run_all(f"{IMPORTS}\nimport socket", "server = socket.create_server(('127.0.0.1', 0))")
    kernel.run_all(
        "class User(Component):\n    def port(self) -> int: return server.getsockname()[1]",
    )

    said = message(kernel.run("%weaver deploy"))

    assert "server" in said and "open socket" in said and "User.port -> server" in said and "init" in said
    assert f"cell {cell.number}" in said
    assert kernel.children() == []
    kernel.run_all("server.close()")


def test_a_component_that_keeps_dying_says_so_under_the_deploying_cell(kernel: Kernel) -> None:
    kernel.run_all(
        IMPORTS,
        "class Mortal(Component):\n    def die(self) -> None: os._exit(7)",
        "open('once.toml', 'w').write('[multi]\\nrestarts_max = 1\\n')",
    )
    deploying = kernel.run_all("%weaver deploy --config once.toml")
    kernel.run_all("mortal = weaver.current().get(Mortal)")

    kernel.run("for _ in range(9):\n    try: mortal.die()\n    except weaver.errors.RemoteCallError: pass")

    kernel.wait(lambda: "restarts_max = 1" in deploying.text)
    assert "It has failed: Mortal/0" in kernel.run("%weaver status").text
    assert "the deployment has failed: Mortal/0" in kernel.run("weaver.current()").traceback


def test_an_error_does_not_hide_what_the_author_raises_in_the_notebook(kernel: Kernel) -> None:
    kernel.run_all(IMPORTS, RECORDS, STORAGE, UPLOAD, "%weaver deploy")

    run = kernel.run("weaver.current().get(Upload).upload('1', 'bad')")

    assert run.error == "Censored" and "a bad word" in run.traceback
