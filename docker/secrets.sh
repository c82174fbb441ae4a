#!/bin/sh
# Write .env beside env.example, each secret made up. The argument is the e-mail of Label Studio's first account.
#   sh docker/secrets.sh you@example.org
set -eu
[ $# -eq 1 ] || { echo "usage: sh $0 EMAIL" >&2; exit 2; }
cd "$(dirname "$0")"
[ ! -e .env ] || { echo "$0: .env is there already, and a new password would not open the old database" >&2; exit 1; }
secret() { od -An -vtx1 -N20 /dev/urandom | tr -d ' \n'; }
umask 077
while IFS= read -r line; do
    case $line in
        LABEL_STUDIO_USERNAME=) echo "$line$1" ;;
        ANYWORD_BASIC_AUTH_USER=) echo "${line}label-studio" ;;
        HF_TOKEN=) echo "$line" ;;
        *_PASSWORD= | *_TOKEN= | *_SECRET=) echo "$line$(secret)" ;;
        *) echo "$line" ;;
    esac
done <env.example >.env.new
mv .env.new .env
echo "docker/.env is written. Label Studio opens to $1 with its LABEL_STUDIO_PASSWORD."
