# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by what starts Postgres in a container: adds TLS to $configuration/pg_hba.conf and to the
# server's options where the secret internal-postgres-certificate is there; whoever comes without is
# then refused. Clients, a standby and psql among them, go by PGSSLMODE and PGSSLROOTCERT.
# The result is in $tls, options without blanks in them.
tls=
certificate=/run/secrets/internal-postgres-certificate
if [ -e $certificate ]; then
    sed -i 's/^host /hostssl /' "$configuration/pg_hba.conf"
    # Postgres takes no key that others may read.
    cat /run/secrets/internal-postgres-key >"$configuration/key"
    tls="-c ssl=on -c ssl_cert_file=$certificate -c ssl_key_file=$configuration/key"
fi
