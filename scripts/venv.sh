#!/usr/bin/env bash
# Make the virtual environment VENV hold this checkout with what LEVEL needs, starting from any state.
# usage: scripts/venv.sh VENV PYTHON core|test|dev
#
# VENV/.weaverlab says how far an earlier run came: "installing", or what it installed and from which files. So a
# second run does nothing, a changed pyproject.toml or lock installs again, and a half-made environment is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 python=$2 level=$3
stamp=$venv/.weaverlab
say() { echo "$venv: $*"; }
fail() {
    echo "$venv: $*" >&2
    exit 1
}

case $level in # each level holds the one before it
    core) extras="" covered="core|test|dev" ;;
    test) extras="[test]" covered="test|dev" ;;
    dev) extras="[dev]" covered="dev" ;;
    *) fail "no level '$level'; there are core, test and dev" ;;
esac

# `sys._base_executable` is the interpreter itself when $python is that of an active virtual environment,
# perhaps of this very one, which could not make itself anew.
describe="import sys; print('%d.%d %s' % (sys.version_info[0], sys.version_info[1], getattr(sys, '_base_executable', sys.executable)))"
found=$("$python" -c "$describe" 2>/dev/null) ||
    fail "'$python' does not run. Name a Python 3.10 to 3.13: make PYTHON=/path/to/python3.12"
version=${found%% *} base=${found#* }
case $version in
    2.* | 3.[0-9]) fail "'$python' is Python $version; WeaverLab needs 3.10 to 3.13: make PYTHON=/path/to/python3.12" ;;
esac

state=$(cat "$stamp" 2>/dev/null || true)
key="$PWD $version $(cat pyproject.toml requirements.lock | sha256sum | cut -c1-16)"
usable() { # it is an environment, of this version, with pip
    local is="import pip, sys; sys.exit(sys.prefix == sys.base_prefix or '%d.%d' % sys.version_info[:2] != '$version')"
    "$venv/bin/python" -c "$is" 2>/dev/null
}
moved() { [ -n "$state" ] && [ "${state% * * *}" != "$PWD" ]; } # its scripts begin with a path that is no more

if usable && [[ $state =~ ^"$key "($covered)$ ]]; then
    say "ready (Python $version)"
    exit 0
fi
if [ "$state" = installing ] || moved || ! usable; then
    [ -e "$venv" ] && say "half-made, moved or of another Python: making it anew"
    say "new environment with Python $version"
    rm -rf "$venv"
    mkdir "$venv"
    state=installing
    echo "$state" >"$stamp"
    "$base" -c "import ensurepip" 2>/dev/null || scripts/debian.sh "python$version-venv" # Debian ships it apart
    "$base" -m venv "$venv" || fail "could not be made with $base"
fi

say "installing weaverlab$extras and what it needs, as in requirements.lock"
echo installing >"$stamp"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$1" -qq --constraint requirements.lock "${@:2}"; }
# The build backend comes first and from the lock: pip would otherwise fetch its newest version on the side.
if ! { pip install hatchling editables && pip install --no-build-isolation --editable ".$extras"; }; then
    [ -n "$state" ] && echo "$state" >"$stamp" || rm -f "$stamp" # pip fails before it changes anything
    fail "pip could not install; what it says is above"
fi
echo "$key $level" >"$stamp"
say "ready (Python $version)"
