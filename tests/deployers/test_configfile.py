"""What may be given as a configuration: a path, or one that has been parsed."""

from __future__ import annotations

from typing import Any

import pytest

from weaverlab.deployers import load_config
from weaverlab.errors import ConfigError


@pytest.mark.parametrize(("wrong", "kind"), [({"password": "hush"}, "dict"), (3, "int"), (b"weaver.toml", "bytes")])
def test_something_else_than_a_path_says_what_may_be_given(wrong: Any, kind: str) -> None:
    with pytest.raises(ConfigError, match=rf"expected the path of a weaver\.toml, or .*parse.*, saw {kind} ") as raised:
        load_config(wrong)

    assert "hush" not in str(raised.value)
