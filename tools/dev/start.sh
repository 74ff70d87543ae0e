#!/bin/sh
# Finds (or installs) python3 and hands over to dev.py; everything else happens there.
here=$(dirname "$0")
if ! command -v python3 >/dev/null 2>&1; then
  echo "dev: python3 is missing, installing it"
  if [ "$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi
  $as_root apt-get update -q && $as_root apt-get install -y -q --no-install-recommends python3 || {
    echo "dev: error: could not install python3" >&2
    echo "dev: help: as root, run: apt-get install python3" >&2
    exit 1
  }
fi
exec python3 -B "$here/dev.py" "$@"
