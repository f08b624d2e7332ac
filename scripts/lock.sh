#!/usr/bin/env bash
# Write requirements.lock from pyproject.toml: one file of exact versions for every Python from 3.10 to 3.13.
# usage: scripts/lock.sh PYTHON [--upgrade]    without --upgrade, versions already locked stay where they can
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
shift

# uv lives in an environment of its own: the one that is made from the lock cannot be what makes the lock.
tool=.venv-lock
[ -x "$tool/bin/uv" ] || { "$python" -m venv --clear "$tool" && "$tool/bin/python" -m pip install -qq "uv>=0.13,<0.14"; }

echo "lock: resolving pyproject.toml for Python 3.10 to 3.13"
"$tool/bin/uv" pip compile --quiet --universal --python-version 3.10 --all-extras \
    --no-header --no-annotate --no-emit-index-url "$@" --output-file requirements.lock pyproject.toml
sed -i '1i # Made by `make lock` from pyproject.toml: the constraints of every install that make does. Do not edit.' requirements.lock
echo "lock: requirements.lock has $(grep -c '==' requirements.lock) versions"
