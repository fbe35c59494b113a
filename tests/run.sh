#!/usr/bin/env bash
# Passes all tests, on SQLite and on a real PostgreSQL, then calls the server as strangers do. Arguments go to `cargo test`; with any,
# the strangers stay at home.
#
# PostgreSQL is a private cluster, made from the installed server binaries and removed again; the Debian package is installed where
# it is missing. CX_TEST_POSTGRES_URL (a superuser's, or one that may create databases) names a server to use instead.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
if [ -n "${CX_TEST_POSTGRES_URL:-}" ]; then
  command -v psql >/dev/null || missing+=(postgresql-client)
else
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
fi
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}" >&2
  root=(); [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -q
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

if [ -z "${CX_TEST_POSTGRES_URL:-}" ]; then
  # One cluster for the tests of every crate. It lives until this shell's end of the pipe closes.
  coproc POSTGRES { exec tests/support/postgres.sh; }
  pid=$POSTGRES_PID
  read -r _ CX_TEST_POSTGRES_URL <&"${POSTGRES[0]}"
  export CX_TEST_POSTGRES_URL
  hold=${POSTGRES[1]}
  trap 'exec {hold}>&-; wait $pid || true' EXIT
fi

export CX_TEST_REQUIRE_POSTGRES=1 # nothing is skipped
cargo test --workspace "$@"
[ $# -gt 0 ] || tests/smoke/run.sh
