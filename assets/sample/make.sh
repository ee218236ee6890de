#!/bin/sh
# Makes the sample repository that howdah carries in its binary: sample.tar.zst beside this script, and sample.sha256.
#
# It holds what pg_basebackup of PostgreSQL 15 really writes, of three small clusters, so that each reader is used:
#
#   orders/   two backups, tar+zstd, with a tablespace, CRC32C manifest
#   crm/      one backup, tar+gzip, SHA256 manifest
#   depot/    one backup, uncompressed tar, CRC32C manifest
#
# Needs: PostgreSQL 15 (built with zstd), GNU tar, zstd. Set PGBIN if its programs are not found. PostgreSQL refuses to
# run as root, so for root the user in PGUSER_OS (postgres unless set) does that part.
#
# The clusters listen on a Unix socket in a private directory only, and are stopped and removed at the end.
# Each run makes new clusters with new system identifiers, so the packed file is never the same twice.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PGBIN=${PGBIN:-/usr/lib/postgresql/15/bin}
[ -x "$PGBIN/initdb" ] || PGBIN=$(pg_config --bindir)
case $("$PGBIN/postgres" --version) in
    *' 15.'*) ;;
    *) echo "make.sh: $PGBIN does not hold PostgreSQL 15: set PGBIN" >&2; exit 1 ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/howdah-sample.XXXXXX")
if [ "$(id -u)" = 0 ]; then
    PGUSER_OS=${PGUSER_OS:-postgres}
    chown "$PGUSER_OS" "$work"
    as() { runuser -u "$PGUSER_OS" -- "$@"; }
else
    as() { "$@"; }
fi
running=
finish() {
    [ -z "$running" ] || as "$PGBIN/pg_ctl" -D "$running" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

# start NAME: a new cluster with segments of 1 MiB, small enough to start anywhere. Without template0, which nothing
# here needs, an archive that gzip packed is a third smaller.
start() {
    running=$work/$1.data
    as "$PGBIN/initdb" -D "$running" --username=postgres --auth-local=trust --auth-host=scram-sha-256 \
        --locale=C --encoding=UTF8 --wal-segsize=1 --no-instructions >/dev/null
    as tee -a "$running/postgresql.conf" >/dev/null <<CONF
listen_addresses = 'localhost'
shared_buffers = 16MB
max_connections = 20
max_wal_size = 16MB
min_wal_size = 2MB
timezone = 'UTC'
log_timezone = 'UTC'
cluster_name = '$1'
CONF
    as "$PGBIN/pg_ctl" -D "$running" -l "$work/$1.log" -w start \
        -o "-c listen_addresses='' -c unix_socket_directories='$work' -c fsync=off" >/dev/null
    sql "UPDATE pg_database SET datistemplate = false WHERE datname = 'template0'"
    sql "DROP DATABASE template0"
}

stop() {
    as "$PGBIN/pg_ctl" -D "$running" -m fast -w stop >/dev/null
    running=
}

sql() {
    as "$PGBIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$work" -U postgres -d postgres -c "$1"
}

# backup INSTANCE LABEL OPTION...: one backup, in a directory named after the moment.
backup() {
    instance=$1 label=$2
    shift 2
    sql "VACUUM FREEZE"
    as mkdir -p "$work/repo/$instance"
    as "$PGBIN/pg_basebackup" -h "$work" -U postgres -D "$work/repo/$instance/$(date -u +%Y-%m-%dT%H%M%SZ)" \
        --format=tar --wal-method=stream --checkpoint=fast --label="$label" "$@"
}

as mkdir "$work/history"
start orders
sql "CREATE TABLESPACE history LOCATION '$work/history'"
sql "CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, city text NOT NULL)"
sql "INSERT INTO customer SELECT n,
        (ARRAY['Ada','Bruno','Chiara','Daan','Edith','Farid','Greta','Hugo','Ines','Jonas'])[1 + n % 10] || ' '
            || (ARRAY['Albers','Bianchi','Costa','Dubois','Eriksen','Fischer','Garcia'])[1 + n % 7],
        (ARRAY['Bremen','Ghent','Lyon','Porto','Turin','Utrecht'])[1 + n % 6]
    FROM generate_series(1, 120) AS n"
sql "CREATE TABLE purchase (id int PRIMARY KEY, customer int NOT NULL REFERENCES customer, placed timestamptz NOT NULL,
        cents int NOT NULL CHECK (cents > 0))"
sql "INSERT INTO purchase SELECT n, 1 + n * 37 % 120, '2026-01-05 08:00+00'::timestamptz + n * interval '17 hours',
        499 + n * 7919 % 20000 FROM generate_series(1, 360) AS n"
sql "CREATE TABLE purchase_2025 (LIKE purchase) TABLESPACE history"
sql "INSERT INTO purchase_2025 SELECT n, 1 + n * 41 % 120, '2025-01-02 09:00+00'::timestamptz + n * interval '21 hours',
        599 + n * 6007 % 18000 FROM generate_series(1, 400) AS n"
backup orders nightly --compress=client-zstd:19
sql "INSERT INTO purchase SELECT n, 1 + n * 37 % 120, '2026-01-05 08:00+00'::timestamptz + n * interval '17 hours',
        499 + n * 7919 % 20000 FROM generate_series(361, 420) AS n"
# The name of a backup is its second.
sleep 1
backup orders nightly --compress=client-zstd:19
stop

start crm
sql "CREATE TABLE contact (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, since date NOT NULL)"
sql "INSERT INTO contact SELECT n,
        (ARRAY['Kim','Lena','Marek','Noor','Oskar','Pia','Quirin','Rosa'])[1 + n % 8] || ' '
            || (ARRAY['Hansen','Ivanova','Jensen','Keller','Lefevre','Moreau','Nowak','Olsen','Peters'])[1 + n % 9],
        'contact' || n || '@example.org', date '2019-03-01' + n * 5 FROM generate_series(1, 300) AS n"
sql "CREATE TABLE note (id int PRIMARY KEY, contact int NOT NULL REFERENCES contact, body text NOT NULL)"
sql "INSERT INTO note SELECT n, 1 + n * 13 % 300,
        (ARRAY['asked for an offer','wants to be called back','renewed the contract','met at the fair'])[1 + n % 4]
    FROM generate_series(1, 500) AS n"
backup crm 'before the upgrade' --compress=client-gzip:9 --manifest-checksums=SHA256
stop

start depot
sql "CREATE TABLE article (id int PRIMARY KEY, name text NOT NULL, grams int NOT NULL)"
sql "INSERT INTO article SELECT n,
        (ARRAY['bolt','nut','washer','hinge','bracket','screw'])[1 + n % 6] || ' M' || 3 + n % 12, 2 + n * 3 % 90
    FROM generate_series(1, 180) AS n"
sql "CREATE TABLE stock (shelf text, article int REFERENCES article, pieces int NOT NULL, PRIMARY KEY (shelf, article))"
sql "INSERT INTO stock SELECT chr(65 + n % 8) || lpad((n % 40)::text, 2, '0'), 1 + n % 180, n * 97 % 1000
    FROM generate_series(1, 320) AS n"
backup depot weekly
stop

# Long-distance matching finds that the clusters are the same but for a few pages: 24 MB of bare tar cost little more.
tar -C "$work/repo" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar -cf - \
    orders crm depot | zstd -q --ultra -22 --long=27 -f -o "$work/sample.tar.zst"
cp "$work/sample.tar.zst" "$here/sample.tar.zst"
# The name of the directory it is unpacked into is made of this, so that nobody hashes 4 MB at each start.
sha256sum <"$work/sample.tar.zst" | cut -c1-64 >"$here/sample.sha256"
ls -l "$here/sample.tar.zst"
