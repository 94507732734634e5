#!/usr/bin/env bash
# Makes .venv: Python's own venv, uv from its wheel inside it, then exactly what the lock files and the members say.
# Called by `make setup`, and only when something it depends on has changed. PYTHON names another interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

UV_VERSION=0.13.9
# Stands while .venv is being changed. One that was left half-made (killed, interrupted) is thrown away.
MAKING=.venv/.making

die() { printf '%s\n' "" "$@" >&2; exit 1; }

check_system() {
  [ "$(uname -s)" = Linux ] || die \
    "This runs on Linux; $(uname -s) was found." \
    "On another system use a Linux machine, a virtual machine, WSL 2 or a container with Python 3.11 or later, make and git."
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.11 python3.12 python3.13; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "Python 3.11 or later is needed; $("${PYTHON:-python3}" --version 2>&1 || true) was found." \
    "Install it (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.11"
}

usable() { [ ! -e "$MAKING" ] && .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

has_uv() { [ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ]; }

make_environment() {
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null || die \
    "This Python cannot make virtual environments: its modules venv and ensurepip are not installed ($python)." \
    "On Debian and Ubuntu: apt-get install python3-venv. Or name another Python: make setup PYTHON=/path/to/python3.11"
  echo "Making .venv with $("$python" --version)"
  rm -rf .venv
  mkdir .venv
  touch "$MAKING"
  "$python" -m venv .venv || die "$python -m venv failed; what it says stands above."
}

install_uv() {
  .venv/bin/python -m pip install --disable-pip-version-check "uv==$UV_VERSION" || die \
    "uv $UV_VERSION could not be installed. The first set-up needs a package index (pip's settings say which); try again." \
    "A later start needs none."
}

# One sync of everything: what is there stays, what is not named goes, nothing is resolved.
sync_packages() {
  local status=0
  touch "$MAKING"
  printf -- '-e ./%s\n' libs/* services/* |
    VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv pip sync --compile-bytecode --no-sources requirements.lock requirements-data.lock - || status=$?
  # 128 and more: a signal ended it in the middle of things. Anything less it noticed before it changed anything.
  [ "$status" -ge 128 ] || rm -f "$MAKING"
  [ "$status" -eq 0 ] || die \
    "The packages could not be installed; what uv says stands above. Try again: what is already there is not downloaded again."
}

check_system
usable || make_environment
has_uv || install_uv
echo "Installing what requirements.lock, requirements-data.lock and the members name"
sync_packages
touch .venv/.ready
echo "Ready."
