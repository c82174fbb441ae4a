#!/bin/sh
# PostgreSQL's image runs this once, for an empty data folder: the backend gets a database and a role of its own.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$BACKEND_DATABASE_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE anyword LOGIN PASSWORD :'password';
CREATE DATABASE anyword OWNER anyword;
REVOKE CONNECT ON DATABASE anyword FROM PUBLIC;
REVOKE CONNECT ON DATABASE labelstudio FROM PUBLIC;
SQL
