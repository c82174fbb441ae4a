"""Every setting of the server: name, default and help, read once from a mapping such as `os.environ`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, get_type_hints

from backend import forms
from backend.pictures import buckets
from backend.pictures.network.allowed_hosts import reach_of
from model.errors import Misconfigured
from model.presets import PRESETS

PREFIX = "ANYWORD_"
LAST_PORT = 65535
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMATS = ("text", "json")
FLOATS = ("float32", "bfloat16", "float16")
WAYS = tuple(PRESETS)
MOST_THREADS = 256


def _either(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _text(default: str, help: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices})


def _address(help: str) -> Any:
    return field(default="", metadata={"help": help, "check": forms.address})


def _folder(help: str) -> Any:
    return field(default="", metadata={"help": help, "check": forms.folder})


def _secret(help: str, default: str = "") -> Any:
    return field(default=default, repr=False, metadata={"help": help})


def _number(default: float, help: str, least: float, most: float = float("inf")) -> Any:
    return field(default=default, metadata={"help": help, "range": (least, most)})


def _flag(default: bool, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose; the variable of `max_body_mb` is ANYWORD_MAX_BODY_MB."""

    label_studio_url: str = _address("Address of Label Studio, for pictures with a relative address and for the key")
    label_studio_api_key: str = _secret("Key for fetching pictures from Label Studio: legacy or personal access token")
    image_hosts: str = _text(
        "public",
        "Where pictures may come from besides Label Studio, with commas: `public` and `private` for all such hosts, "
        "hosts (`images.example.org`, `*.example.org`), networks (`10.0.0.0/8`)",
    )
    buckets: str = _text(
        "",
        "Places in cloud storage that are read directly, with the server's own cloud credentials, with commas: "
        "`s3://bucket/folder`, `gs://bucket`, `azure-blob://container`; others come through Label Studio",
    )
    local_files_root: str = _folder("Folder behind Label Studio's local files, where the server can read it directly")
    image_timeout: float = _number(10.0, "Seconds until fetching a picture is given up", 0.1, 90)
    max_image_mb: int = _number(64, "Largest picture file in MB", 1)
    max_image_megapixels: int = _number(100, "Largest picture in megapixels", 1, 178)  # Pillow's own limit
    max_body_mb: int = _number(32, "Largest request body in MB", 1)
    backbone: str = _text("", "Stable Diffusion folder or hub name; empty: the embedded model")
    segmenter: str = _text("", "SAM folder, `.pth` file or hub name; empty: the embedded model")
    parser: str = _text("", "spaCy pipeline, folder or package name; empty: the embedded model")
    proposer: str = _text("", "Mask proposer: folder or hub name; empty: the embedded model")
    clip: str = _text("", "CLIP folder or hub name, which names the proposer's masks; empty: their own embedding does")
    lora: str = _text("", "Folder of a LoRA adapter that `python -m model.tuning` made for the backbone; empty: none")
    device: str = _text(
        "", "Device of the models as torch names it, such as `cuda:1`; empty: CUDA where there is one, else the CPU"
    )
    dtype: str = _text("float32", "Numbers the models work in", FLOATS)
    preset_interactive: str = _text("fast", f"How prompts are answered: {_either(WAYS)}", WAYS)
    preset_batch: str = _text("balanced", f"How pre-annotations are made: {_either(WAYS)}", WAYS)
    separate_regions: bool = _flag(True, "One region for each object that a phrase matches, else one for all of them")
    cache_mb: int = _number(256, "Memory for what the models saw of recent pictures, in MB", 1)
    picture_cache_mb: int = _number(256, "Memory for recent pictures as they were decoded, in MB", 1)
    prefetch: int = _number(2, "Pictures after the open task's that are fetched and encoded ahead; 0: none", 0, 20)
    batch_deadline: float = _number(80.0, "Seconds until a batch is answered as far as it got", 1, 95)
    session_seconds: float = _number(900.0, "Seconds without a prompt until the prompts of an object are forgotten", 1)
    database: str = _secret(  # its URL may hold a password
        "Where corrections and what is learned from them are kept: `sqlite:///` and a file, or "
        "`postgresql://user:password@host/name`",
        "sqlite:///anyword.db",
    )
    spool: str = _text(
        "",
        "Folder for webhook events that the database cannot take at the moment; empty: beside the SQLite file, or "
        "`anyword-….spool` in the working folder",
    )
    webhook_secret: str = _secret(
        "What events have to bring: in the address, `/webhook/<secret>`, in the header `X-Anyword-Secret`, or the user "
        "name and password in their place; empty: no check"
    )
    learn_every: int = _number(
        10, "New annotations after which a project is learned from by itself; 0: only on Start Training", 0
    )
    basic_auth_user: str = _text("", "User name that requests have to bring; empty: no check")
    basic_auth_password: str = _secret("Password that requests have to bring")
    host: str = _text("127.0.0.1", "Address to listen on")
    port: int = _number(9090, "Port to listen on", 0, LAST_PORT)
    threads: int = _number(
        32, "Requests served at the same time, more than the queue holds; a longer queue brings more", 2, MOST_THREADS
    )
    queue_size: int = _number(8, "Predictions that may wait for the models; fewer where there are few threads", 1)
    stall_seconds: float = _number(
        300.0, "Seconds that a job may hold the models without a step until `/health` says that they hang", 1
    )
    log_level: str = _text("INFO", "Least level that is logged; DEBUG tells what was asked and answered, too", LEVELS)
    log_format: str = _text("text", "Lines of the log: text, or json with one object a line", FORMATS)


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty value means the default.

    Raises: Misconfigured for an unknown variable with our prefix, and for a value that does not fit its setting.
    """
    known = {PREFIX + setting.name.upper(): setting for setting in fields(Settings)}
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            raise Misconfigured(f"{name} is no setting{_suggestion(name, known)}")
    given = {name: environ[name] for name in known if environ.get(name, "")}
    values: dict[str, Any] = {known[name].name: _value(name, text, known[name]) for name, text in given.items()}
    settings = Settings(**(_room(values) | values))
    reach_of(settings.image_hosts)
    buckets.listed(settings.buckets)
    if bool(settings.basic_auth_user) != bool(settings.basic_auth_password):
        raise Misconfigured("ANYWORD_BASIC_AUTH_USER and ANYWORD_BASIC_AUTH_PASSWORD go together: set both or none")
    if settings.threads <= settings.queue_size:
        threads, queue = f"ANYWORD_THREADS is {settings.threads}", f"ANYWORD_QUEUE_SIZE, {settings.queue_size}"
        raise Misconfigured(f"{threads}, but has to be larger than {queue}: whatever waits has a thread")
    return settings


def table() -> str:
    """All settings as a table in Markdown, one row each, in the order of the code."""
    rows = [
        f"| `{PREFIX}{setting.name.upper()}` | {_shown(setting.default)} | {setting.metadata['help']} |"
        for setting in fields(Settings)
    ]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows]) + "\n"


def _room(values: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults for the threads and the queue that leave threads for /health and webhooks while the queue is full.

    They follow the one that is given; where both are, both count.
    """
    usual = Settings()
    if "threads" in values:
        return {"queue_size": min(usual.queue_size, values["threads"] - 1)}
    spare = usual.threads - usual.queue_size
    return {"threads": min(max(usual.threads, values.get("queue_size", 0) + spare), MOST_THREADS)}


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _value(name: str, text: str, setting: Field[Any]) -> str | bool | float:
    kind = get_type_hints(Settings)[setting.name]
    if kind is bool:
        return _truth(name, text)
    if kind is str and not setting.repr:  # spaces may belong to a secret, the end of its file's line does not
        return text.strip("\r\n")
    if kind is str:
        setting.metadata.get("check", forms.text)(name, text.strip())
        return _choice(name, text.strip(), setting.metadata.get("choices", ()))
    return _within(name, text, kind, setting.metadata["range"])


def _truth(name: str, text: str) -> bool:
    if text.strip().lower() not in TRUTHS:
        raise Misconfigured(f"{name} is {text!r}, but has to be true or false")
    return TRUTHS[text.strip().lower()]


def _choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    if not choices:
        return text
    for choice in choices:
        if choice.casefold() == text.casefold():
            return choice
    raise Misconfigured(f"{name} is {text!r}, but has to be one of {', '.join(choices)}")


def _within(name: str, text: str, kind: type[float], bounds: tuple[float, float]) -> float:
    wanted = "a whole number" if kind is int else "a number"
    try:
        value = kind(text)
    except ValueError:
        raise Misconfigured(f"{name} is {text!r}, but has to be {wanted}") from None
    least, most = bounds
    if not least <= value <= most:
        limit = f"of at least {least:g}" if most == float("inf") else f"from {least:g} to {most:g}"
        raise Misconfigured(f"{name} is {text!r}, but has to be {wanted} {limit}")
    return value


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, int | float) else f"`{default}`" if default else ""
