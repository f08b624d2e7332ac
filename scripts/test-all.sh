#!/usr/bin/env bash
# Run the whole suite under each Python from 3.10 to 3.13 that is on PATH or among pyenv's; fail if it fails under any.
# usage: scripts/test-all.sh [PYTEST ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."

interpreter() { # print the first Python $1 that runs: a name on PATH may be a shim with nothing behind it
    local candidate
    for candidate in "python$1" ~/.pyenv/versions/"$1".*/bin/python; do
        "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null && echo "$candidate" && return
    done
    return 1
}

passed=() failed=() not_found=()
for version in 3.10 3.11 3.12 3.13; do
    python=$(interpreter "$version") || { not_found+=("$version") && continue; }
    echo "test-all: Python $version ($python)"
    if scripts/venv.sh ".venv-$version" "$python" test && ".venv-$version/bin/python" -m pytest "$@"; then
        passed+=("$version")
    else
        failed+=("$version")
    fi
done
echo "test-all: passed: ${passed[*]:-none}; failed: ${failed[*]:-none}; not found: ${not_found[*]:-none}"
[ ${#failed[@]} = 0 ] && [ ${#passed[@]} -gt 0 ]
