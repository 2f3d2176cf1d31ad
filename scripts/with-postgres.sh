#!/usr/bin/env bash
# Runs a command with TEST_POSTGRES_URL set to the URL of a private PostgreSQL cluster, made
# for it on a free port and removed after it. Needs PostgreSQL's server programs; on Debian and
# Ubuntu, as root, installs them if they are missing.
#
#   scripts/with-postgres.sh cargo test --workspace
#
# TEST_POSTGRES_URL that is set already is used as it is.
set -euo pipefail

if [ -n "${TEST_POSTGRES_URL:-}" ]; then
    exec "$@"
fi

server_programs() {
    local dir
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
            echo "$dir"
        fi
    done | sort -V | tail -n 1
}

bin=$(server_programs)
if [ -z "$bin" ] && command -v initdb >/dev/null && command -v postgres >/dev/null; then
    bin=$(dirname "$(command -v initdb)")
fi
if [ -z "$bin" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing PostgreSQL for the tests" >&2
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql >&2
    bin=$(server_programs)
fi
if [ -z "$bin" ]; then
    echo "PostgreSQL's server programs (initdb, postgres) are needed to run the tests: install the" >&2
    echo "package 'postgresql', or set TEST_POSTGRES_URL to the URL of a cluster's superuser." >&2
    exit 1
fi

parent=${TMPDIR:-/tmp}
if [ -d /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR==2 {print $4}')" -gt 2000000 ]; then
    parent=/dev/shm
fi
work=$(mktemp -d "$parent/callout-postgres.XXXXXX")
as_owner=()
if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    owner=nobody
    id postgres >/dev/null 2>&1 && owner=postgres
    chown "$owner" "$work"
    as_owner=(setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups)
fi

stop() {
    "${as_owner[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT

free_port() {
    local port
    for port in $(seq 15432 15999); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    echo "no free port between 15432 and 15999" >&2
    return 1
}

cd "$work"
"${as_owner[@]}" "$bin/initdb" -D "$work/data" -U callout --auth=trust --no-sync --encoding=UTF8 \
    --locale=C >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log" >&2; exit 1; }
port=$(free_port)
"${as_owner[@]}" "$bin/pg_ctl" -D "$work/data" -w -l "$work/server.log" -o \
    "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work -c max_connections=400 \
     -c shared_buffers=128MB -c fsync=on -c synchronous_commit=on" start >/dev/null \
    || { cat "$work/server.log" >&2; exit 1; }
cd "$OLDPWD"

export TEST_POSTGRES_URL="postgres://callout@127.0.0.1:$port/postgres"
export TEST_POSTGRES_DATA="$work/data"
status=0
"$@" || status=$?
exit "$status"
