"""The commands: `python -m backend serve`, `demo`, `sync`, `preannotate`, `revisions`, `connect` and `doctor`."""

from __future__ import annotations

import signal

if __name__ == "__main__":  # Ctrl+C during an import ends the command without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend import __version__, certificates
from backend.settings import LAST_PORT, Settings, read
from model.errors import Misconfigured


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "doctor":
        from backend.cli import doctor  # the database and the models come with it

        return doctor.run(options, environ)  # wrong settings are one of its findings
    try:
        certificates.share(environ)
        settings = read(environ)
    except Misconfigured as error:
        print(f"python -m backend: {error}", file=sys.stderr)
        return 2
    if options.command == "demo":
        from backend.cli.demo import show  # the models come with it; serving must not wait for them

        return show(options.out)
    if options.command == "sync":
        from backend.cli.sync import run  # a database comes with it

        return run(settings, options.project)
    if options.command == "preannotate":
        from backend.cli import preannotate  # the whole service comes with it

        return preannotate.run(settings, options)
    if options.command == "connect":
        from backend.cli import connect  # Label Studio's API comes with it

        return connect.run(settings, options)
    if options.command == "revisions":
        from backend.cli import revisions  # a database comes with it

        return revisions.run(settings, options)
    return _serve(settings, options)


def _serve(settings: Settings, options: argparse.Namespace) -> int:
    # gunicorn comes with it, which handles SIGINT once the port is open
    from backend.server.gunicorn import GunicornServer

    try:
        GunicornServer(
            settings, options.host or settings.host, settings.port if options.port is None else options.port
        ).run()
    except Misconfigured as error:
        print(f"python -m backend: {error}", file=sys.stderr)
        return 2
    return 0


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: take a number from 0 to {LAST_PORT}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m backend", description=__doc__)
    parser.add_argument("--version", action="version", version=f"anyword {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer Label Studio; settings come from ANYWORD_ variables")
    serve.add_argument("--host", help="address to listen on, in place of ANYWORD_HOST")
    serve.add_argument("--port", type=_port, help="port to listen on, in place of ANYWORD_PORT")
    demo = commands.add_parser("demo", help="serve, send sample tasks, check the masks, write pictures and a page")
    demo.add_argument("--out", type=Path, default=Path("out/demo"), help="folder to write to (default: %(default)s)")
    sync = commands.add_parser("sync", help="read annotations again through Label Studio's API, and say what was found")
    sync.add_argument("--project", default="", help="Label Studio's id of one project (default: every known one)")
    _add_preannotate(commands)
    _add_revisions(commands)
    _add_connect(commands)
    _add_doctor(commands)
    return parser


def _add_preannotate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bulk = commands.add_parser("preannotate", help="predict every task of a project and store that in Label Studio")
    bulk.add_argument("--url", default="", help="Label Studio's address, in place of ANYWORD_LABEL_STUDIO_URL")
    bulk.add_argument("--api-key", default="", help="its key, in place of ANYWORD_LABEL_STUDIO_API_KEY")
    bulk.add_argument("--project", type=int, required=True, help="Label Studio's id of the project")
    bulk.add_argument("--label", action="append", default=[], help="look for this label alone; may be given again")
    bulk.add_argument("--text", action="append", default=[], help="what to type for it, in place of its name")
    bulk.add_argument("--limit", type=int, help="predict this many tasks at most")
    bulk.add_argument("--dry-run", action="store_true", help="count the tasks and predict nothing")
    bulk.add_argument("--cluster", nargs="?", const="auto", help="predict on every GPU of this Ray cluster; host:port")


def _add_revisions(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    revisions = commands.add_parser("revisions", help="what was learned for a project, and the way back")
    revisions.add_argument("--project", help="its id in Label Studio; may be left out where only one is known")
    actions = revisions.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="all revisions with their scores")
    actions.add_parser("show", help="figures and lessons of one").add_argument("number", type=int)
    diff = actions.add_parser("diff", help="what differs between two, label by label; 0: nothing learned")
    diff.add_argument("number", type=int)
    diff.add_argument("other", type=int)
    rollback = actions.add_parser("rollback", help="put another revision in force, from the next request on")
    rollback.add_argument("number", type=int, help="0: nothing learned")
    actions.add_parser("pin", help="stay at the revision in force and learn nothing")
    actions.add_parser("unpin", help="learn again")
    actions.add_parser("reset", help="nothing learned is in force, and what annotators left is learned from anew")


def _add_connect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    connect = commands.add_parser("connect", help="connect a project to a backend, with its password and webhook")
    connect.add_argument("--url", default="", help="Label Studio's address, in place of ANYWORD_LABEL_STUDIO_URL")
    connect.add_argument("--api-key", default="", help="its key, in place of ANYWORD_LABEL_STUDIO_API_KEY")
    connect.add_argument("--project", type=int, required=True, help="Label Studio's id of the project")
    connect.add_argument("--at", required=True, help="the backend's address, as Label Studio's machine reaches it")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser("doctor", help="see what is wrong with models, database, Label Studio and webhooks")
    doctor.add_argument("--url", default="", help="Label Studio's address, in place of ANYWORD_LABEL_STUDIO_URL")
    doctor.add_argument("--api-key", default="", help="its key, in place of ANYWORD_LABEL_STUDIO_API_KEY")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.add_argument("--repair", action="store_true", help="make and repair webhooks in Label Studio")


if __name__ == "__main__":
    if sys.argv[1:2] != ["serve"]:  # the others clean up; gunicorn has a handler of its own
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:], os.environ))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # as shells have it
