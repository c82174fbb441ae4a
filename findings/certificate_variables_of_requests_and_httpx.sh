#!/bin/sh
# requests 2.34.2 and httpx 0.28.1 in one process read different variables for a private certificate authority.
#
# Expected: REQUESTS_CA_BUNDLE, or SSL_CERT_FILE, which operators set once, serves every HTTPS client of a program.
# Seen: requests trusts REQUESTS_CA_BUNDLE and ignores SSL_CERT_FILE; httpx the reverse. A program that fetches with
# requests and talks to an API through a client on httpx (Label Studio's SDK does) works half with either.
# Ours: one variable is copied to the others at the start (certificates.py, with tests).
set -eu
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check requests==2.34.2 httpx==0.28.1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$folder/key.pem" -out "$folder/ca.pem" \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >"$folder/serve.py" <<'PY'
import http.server
import ssl
import sys

folder = sys.argv[1]
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/ca.pem", f"{folder}/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
open(f"{folder}/port", "w").write(str(server.server_port))
server.serve_forever()
PY
(cd "$folder" && exec "$folder/venv/bin/python" serve.py "$folder" 2>/dev/null) &
server=$!
while [ ! -s "$folder/port" ]; do sleep 0.1; done
cat >"$folder/ask.py" <<'PY'
import sys

import httpx
import requests

url = sys.argv[1]
told = []
for name, get in (("requests", requests.get), ("httpx", httpx.get)):
    try:
        told.append(f"{name} {get(url).status_code}")
    except (requests.exceptions.SSLError, httpx.ConnectError) as error:
        told.append(f"{name} {type(error).__name__}")
print(", ".join(told))
PY
url="https://localhost:$(cat "$folder/port")/"
ask() { env -u REQUESTS_CA_BUNDLE -u SSL_CERT_FILE -u CURL_CA_BUNDLE -u SSL_CERT_DIR "$1=$folder/ca.pem" \
    "$folder/venv/bin/python" "$folder/ask.py" "$url"; }
one=$(ask REQUESTS_CA_BUNDLE)
other=$(ask SSL_CERT_FILE)
echo "REQUESTS_CA_BUNDLE: $one"
echo "SSL_CERT_FILE: $other"
[ "$one" = "requests 200, httpx ConnectError" ]
[ "$other" = "requests SSLError, httpx 200" ]
