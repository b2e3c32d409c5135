# PostgreSQL, Redis and pgbouncer of the distribution, on loopback in a scratch folder, as an account that is not root.
# start_services sets database_url, pooler_url and redis_url; stop_services ends all three and removes the folder.
scratch=""
pids=()

postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
random() { python3 -c 'import secrets; print(secrets.token_hex(24))'; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
if [ "$(id -u)" = 0 ]; then unprivileged=(setpriv --reuid postgres --regid postgres --clear-groups); else unprivileged=(env); fi

until_ready() { # until_ready NAME COMMAND...: poll for 30 seconds
    local name=$1 tries=150
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "$name did not start:"; tail -n 20 "$scratch/$name.log"; return 1; }
        sleep 0.2
    done
}

start_services() {
    local bin password pg_port redis_port pooler_port
    bin=$(postgres_bin) password=$(random)
    pg_port=$(free_port) redis_port=$(free_port) pooler_port=$(free_port)
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/ipai-ci.XXXXXX")
    [ "$(id -u)" != 0 ] || chown postgres "$scratch"
    chmod 711 "$scratch"
    (umask 077 && echo "$password" >"$scratch/password" && printf '"ipai" "%s"\n' "$password" >"$scratch/users.txt")
    [ "$(id -u)" != 0 ] || chown postgres "$scratch/password" "$scratch/users.txt"

    "${unprivileged[@]}" "$bin/initdb" -D "$scratch/pg" -U postgres -A scram-sha-256 --pwfile "$scratch/password" -E UTF8 --no-locale >/dev/null
    "${unprivileged[@]}" "$bin/postgres" -D "$scratch/pg" -h 127.0.0.1 -p "$pg_port" -k "$scratch" -c fsync=off -c max_connections=200 \
        >"$scratch/postgres.log" 2>&1 &
    pids+=($!)
    "${unprivileged[@]}" redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
    pids+=($!)
    until_ready postgres "$bin/pg_isready" -h 127.0.0.1 -p "$pg_port"
    PGPASSWORD=$password "$bin/psql" -q -h 127.0.0.1 -p "$pg_port" -U postgres -v ON_ERROR_STOP=1 \
        -c "CREATE ROLE ipai LOGIN CREATEROLE CREATEDB PASSWORD '$password'" -c "CREATE DATABASE ipai OWNER ipai"

    cat >"$scratch/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$pg_port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pooler_port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $scratch/users.txt
pool_mode = transaction
max_client_conn = 200
default_pool_size = 30
INI
    "${unprivileged[@]}" pgbouncer -q "$scratch/pgbouncer.ini" >"$scratch/pgbouncer.log" 2>&1 &
    pids+=($!)
    database_url="postgres://ipai:$password@127.0.0.1:$pg_port/ipai"
    pooler_url="postgres://ipai:$password@127.0.0.1:$pooler_port/ipai"
    redis_url="redis://127.0.0.1:$redis_port/0"
    until_ready redis redis-cli -p "$redis_port" ping
    until_ready pgbouncer "$bin/psql" "$pooler_url" -c "SELECT 1"
}

stop_services() {
    local pid
    # TERM ends it and Redis at once; QUIT ends PostgreSQL without waiting for clients.
    for pid in ${pids[@]+"${pids[@]:1}"}; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in ${pids[@]+"${pids[@]:0:1}"}; do kill -QUIT "$pid" 2>/dev/null || true; done
    for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid" 2>/dev/null || true; done
    pids=()
    [ -z "$scratch" ] || rm -rf "$scratch"
}
