"""What a run leaves behind: rows as CSV and JSON, and the manifest that says how to repeat it."""

from __future__ import annotations

import csv
import json

from weaverlab.experiment import manifest, write_csv, write_json
from weaverlab.experiment.manifest import commit


def test_rows_with_different_columns_share_one_csv_file(tmp_path):
    path = tmp_path / "rows.csv"

    write_csv(path, [{"n": 1, "share": 0.1234567891}, {"n": 2, "error": 'refused, "twice"'}, {"n": 3, "share": None}])

    with path.open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"n": "1", "share": "0.123457", "error": ""},
            {"n": "2", "share": "", "error": 'refused, "twice"'},
            {"n": "3", "share": "", "error": ""},
        ]


def test_results_and_manifest_are_one_readable_json_file(tmp_path):
    path = tmp_path / "results.json"
    about = manifest("example", {"seed": 7}, "[weaverlab]\n")

    write_json(path, {"manifest": about, "rows": [{"lag": "60 to 100 ms ± 0"}]})

    read = json.loads(path.read_text(encoding="utf-8"))
    assert read["manifest"] == about
    assert "±" in path.read_text(encoding="utf-8")


def test_a_manifest_says_what_is_needed_to_repeat_the_run():
    about = manifest("example", {"seed": 7}, "[weaverlab]\n")

    assert about["options"] == {"seed": 7}
    assert about["config"] == "[weaverlab]\n"
    assert about["processors"] >= 1
    assert about["started"].endswith("+00:00")
    assert about["versions"].keys() >= {"weaverlab", "dill", "msgspec"}


def test_outside_of_a_repository_a_manifest_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert commit() is None
