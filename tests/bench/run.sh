#!/usr/bin/env bash
# Measures `cx` against the bare tools, interleaved, and prints medians as ratios. Arguments: ingest, segment, churn, kmeans, metrics, or nothing
# for all but metrics, which loads 10,000,000 interactions (or as many as CX_BENCH_INTERACTIONS says).
# Needs psql and sqlite3 as rivals, and python3 for pandas, scikit-learn and LightGBM; what is missing is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
command -v sqlite3 >/dev/null || missing+=(sqlite3)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
ldconfig -p | grep -q libgomp.so.1 || missing+=(libgomp1)
if [ ${#missing[@]} -gt 0 ]; then
  root=(); [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -q
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

venv="${CARGO_TARGET_DIR:-target}/bench-venv"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check 'pandas>=2.2' 'scikit-learn>=1.6' 'lightgbm>=4.5' 'psycopg[binary]>=3.2'
CX_BENCH_PYTHON=$(cd "$venv" && pwd)/bin/python
export CX_BENCH_PYTHON

[ $# -gt 0 ] || set -- ingest segment churn kmeans
rest=()
for what; do
  if [ "$what" = kmeans ]; then cargo bench -p cx-analytics --bench kmeans; else rest+=("$what"); fi
done
[ ${#rest[@]} -eq 0 ] || cargo bench --bench speed -- "${rest[@]}"
