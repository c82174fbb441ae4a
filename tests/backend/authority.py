"""A certificate authority of a test's own, and servers' certificates that it signs; made anew each time."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIG = """[req]
prompt = no
distinguished_name = name
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:false
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


@dataclass(frozen=True)
class Authority:
    """`file` is what has to be trusted."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def hashed(self) -> str:
        """The name under which OpenSSL looks for it in a folder."""
        return f"{_openssl('x509', '-hash', '-noout', '-in', self.file).strip()}.0"

    def server(self, names: str = "IP:127.0.0.1, DNS:localhost", *dates: str) -> ssl.SSLContext:
        """A server's side with a certificate for these names; dates as `openssl x509` takes them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._signed(names, *dates))
        return context

    def _signed(self, names: str, *dates: str) -> tuple[Path, Path]:
        config, key, asked, signed = (self.folder / f"server.{end}" for end in ("cnf", "key", "csr", "pem"))
        config.write_text(CONFIG.format(name="a server of the tests", names=names))
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key)
        _openssl("req", "-new", *new, "-config", config, "-out", asked)
        by = ("-CA", self.file, "-CAkey", self.folder / "authority.key", "-extfile", config, "-extensions", "server")
        _openssl("x509", "-req", "-in", asked, *by, *(dates or ("-days", "2")), "-out", signed)
        return signed, key


def authority(folder: Path) -> Authority:
    """Make one; skips where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes certificates")
    (folder / "authority.cnf").write_text(CONFIG.format(name="an authority of the tests", names="DNS:unused"))
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "authority.key")
    own = ("-x509", "-days", "2", "-config", folder / "authority.cnf", "-extensions", "authority")
    _openssl("req", *own, *new, "-out", folder / "authority.pem")
    return Authority(folder)


def _openssl(*arguments: str | Path) -> str:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout
