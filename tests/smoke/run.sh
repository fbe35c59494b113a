#!/usr/bin/env bash
# Starts `cx serve` on a new SQLite file and calls it as strangers do: Python's grpcio through reflection, then grpcurl.
# Needs python3 with venv; grpcurl comes from the Go module proxy, where Go is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools="${CARGO_TARGET_DIR:-target}/smoke"
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)

[ -x "$tools/venv/bin/python" ] || python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install -q --disable-pip-version-check 'grpcio>=1.70,<2' 'grpcio-reflection>=1.70,<2' 'protobuf>=5'
if command -v go >/dev/null && [ ! -x "$tools/grpcurl" ]; then
  GOBIN="$tools" go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
fi
cargo build --quiet --bin cx

folder=$(mktemp -d)
port=$("$tools/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${CARGO_TARGET_DIR:-target}/debug/cx" serve --database "sqlite://$folder/cx.db" --listen "127.0.0.1:$port" 2>"$folder/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server || true; rm -rf "$folder"' EXIT
trap 'tail -n 40 "$folder/log" >&2' ERR

"$tools/venv/bin/python" tests/smoke/reflection.py "127.0.0.1:$port"
if [ -x "$tools/grpcurl" ]; then
  "$tools/venv/bin/python" tests/smoke/every_rpc.py "$tools/grpcurl" "127.0.0.1:$port"
else
  echo "grpcurl: left out, there is no Go here to build it"
fi
grep -q 'IngestInteractions" code=Ok' "$folder/log" || { echo "the log does not tell how a request ended" >&2; false; }
kill -TERM $server
wait $server
trap 'rm -rf "$folder"' EXIT
echo "smoke: the server stopped cleanly"
