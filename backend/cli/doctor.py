"""`python -m backend doctor`: examine everything, print what was found, and end with a status for scripts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from backend import certificates
from backend.doctor import here, studio
from backend.doctor.finding import Diagnosis, exit_status
from backend.settings import Settings, read
from model.errors import Misconfigured

ONE_FILE = (
    "Let both name one file, or set one of them: pictures, doctor and connect read the first, preannotate, sync and "
    "the hub the second."
)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Examine and print; 0 where all is well, 1 where there are warnings only, 2 where there is a problem."""
    findings = []
    for finding in _findings(options, environ):
        findings.append(finding)
        if not options.json:
            print(finding.line, flush=True)
    if options.json:
        json.dump([asdict(finding) for finding in findings], sys.stdout, indent=2)
        print()
    return exit_status(findings)


def _findings(options: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    try:
        settings = _settings(options, environ)
    except Misconfigured as error:
        yield Diagnosis("settings", "problem", str(error), "Correct the variable; the table in README has them all.")
        return
    try:
        certificates.share(environ)
    except Misconfigured as error:
        what, _, remedy = str(error).partition("; ")
        yield Diagnosis("certificates", "problem", what, f"{remedy[:1].upper()}{remedy[1:]}.")
        return
    if certificates.differ(environ):
        what = f"{certificates.BUNDLE} and {certificates.FILE} name different files"
        yield Diagnosis("certificates", "warning", what, ONE_FILE)
    given = len([name for name in environ if name.startswith("ANYWORD_")])
    yield Diagnosis("settings", "ok", f"readable, {given} given")
    yield from here.examine(settings)
    yield from studio.examine(settings, repair=options.repair)


def _settings(options: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    settings = read(environ)
    return replace(
        settings,
        label_studio_url=options.url or settings.label_studio_url,
        label_studio_api_key=options.api_key or settings.label_studio_api_key,
    )
