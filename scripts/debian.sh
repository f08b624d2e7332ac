#!/usr/bin/env bash
# Install the Debian packages named and missing; only as root and where there is apt, else say what to do.
# usage: scripts/debian.sh PACKAGE...
set -euo pipefail

command -v dpkg-query >/dev/null || { echo "debian: no dpkg here; your system must have its own $*" && exit 0; }
missing=()
for package in "$@"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || { echo "debian: ready ($*)" && exit 0; }

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "debian: missing, and only root may install: sudo apt-get install ${missing[*]}"
    exit 0
fi
echo "debian: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -qq -o DPkg::Lock::Timeout=120"
# Only apt's complaints are worth reading; its progress fills pages.
{ $apt update && $apt install --yes --no-install-recommends "${missing[@]}"; } >/dev/null ||
    echo "debian: apt could not install ${missing[*]}; what uses them will fail" >&2
