#!/usr/bin/env bash
# A private PostgreSQL for as long as standard input stays open.
#
# Prints the URL of a database from which others can be created, and waits. When standard input ends, also because whoever held
# it was killed, the server is stopped and everything is removed. Where CX_TEST_POSTGRES_URL is set that server is used, and only
# the databases whose names begin with "cx_test_$1" are removed. Needs the server binaries of the package "postgresql".
set -euo pipefail
trap '' INT TERM HUP # the end of standard input is the one signal
prefix="cx_test_${1:-}"

bin=""
for dir in "$(dirname "$(command -v initdb || echo /)")" /usr/local/pgsql/bin /usr/lib/postgresql/*/bin; do
  if [ -x "$dir/initdb" ]; then bin=$dir; fi # the last one is the newest of Debian's
done
fail() { echo "$*" >&2; exit 1; }

if [ -n "${CX_TEST_POSTGRES_URL:-}" ]; then
  psql=$(command -v psql || echo "$bin/psql")
  echo "$psql $CX_TEST_POSTGRES_URL"
  cat >/dev/null
  "$psql" "$CX_TEST_POSTGRES_URL" -XqAtc "SELECT datname FROM pg_database WHERE starts_with(datname, '$prefix')" |
    while read -r name; do "$psql" "$CX_TEST_POSTGRES_URL" -Xqc "DROP DATABASE IF EXISTS \"$name\" WITH (FORCE)"; done
  exit
fi

[ -n "$bin" ] || fail "no PostgreSQL server binaries here: install the package 'postgresql', or set CX_TEST_POSTGRES_URL"
as=() # the server refuses to run as root
if [ "$(id -u)" = 0 ]; then
  user=postgres; id -u $user >/dev/null 2>&1 || user=nobody
  as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env -u XDG_RUNTIME_DIR HOME=/)
fi

home=$(cd / && "${as[@]}" mktemp -d /tmp/cx-postgres.XXXXXX)
cd "$home"
remove() {
  "${as[@]}" "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap remove EXIT

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
"${as[@]}" sh -c 'umask 077; cat > "$1"' - "$home/password" <<<"$password"
"${as[@]}" "$bin/initdb" -D "$home/data" -U cx -A scram-sha-256 --pwfile="$home/password" -E UTF8 --locale=C.UTF-8 --no-sync >"$home/initdb.log" 2>&1 ||
  fail "initdb: $(cat "$home/initdb.log")"

# PostgreSQL cannot choose a free port by itself, so ports are tried. fsync and everything else stay as in production.
for _ in 1 2 3 4 5 6 7 8; do
  port=$((20000 + RANDOM % 10000))
  if "${as[@]}" "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w -t 60 \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300" start >/dev/null 2>&1; then
    echo "$bin/psql postgres://cx:$password@127.0.0.1:$port/postgres"
    cat >/dev/null
    exit
  fi
done
fail "the private PostgreSQL does not start: $(cat "$home/log" 2>&1)"
