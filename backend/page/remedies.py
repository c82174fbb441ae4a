"""What to do about an error, where its message does not say so itself."""

from __future__ import annotations

import re

from backend import certificates

REMEDIES = tuple(
    (re.compile(pattern), remedy)
    for pattern, remedy in (
        (
            "set ANYWORD_LABEL_STUDIO_URL",
            "Start the backend with Label Studio's address in ANYWORD_LABEL_STUDIO_URL and a key in "
            "ANYWORD_LABEL_STUDIO_API_KEY.",
        ),
        (
            "set ANYWORD_LABEL_STUDIO_API_KEY",
            "In Label Studio: Account & Settings, Personal Access Token (or Legacy Token); start the backend with it.",
        ),
        (
            "leads to a page in HTML",
            "The address answers with a page instead of a picture: it may want a log-in, or be that of a viewer.",
        ),
        (
            "check (the personal access token in )?ANYWORD_LABEL_STUDIO_API_KEY",
            "The key is refused: it may have run out, belong to another server or to somebody who may not see the "
            "project, or be a legacy token where those are switched off.",
        ),
        (
            "gets no key because",
            "Where the picture lies on Label Studio, write its address in the task as in ANYWORD_LABEL_STUDIO_URL; "
            "else its server has to give it without a key.",
        ),
        (
            "image: 404 from",
            "The task names a picture that is no longer there: sync the storage, or import the task again.",
        ),
        (
            "ANYWORD_IMAGE_HOSTS",
            "Whoever makes tasks chooses what is fetched, so hosts of your own network have to be listed. Where it is "
            "Label Studio itself, set ANYWORD_LABEL_STUDIO_URL to the address that tasks have.",
        ),
        *certificates.REMEDIES,
        (
            "cannot be reached",
            "Try the address from the backend's own machine. In a container, localhost is the container: use the "
            "host's name.",
        ),
        (
            "no answer from|took longer than",
            "Try the address from the backend's own machine, or raise ANYWORD_IMAGE_TIMEOUT.",
        ),
        (
            "ANYWORD_LOCAL_FILES_ROOT",
            "ANYWORD_LOCAL_FILES_ROOT has to be the folder that Label Studio knows as "
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT.",
        ),
        ("is larger than .* MB", "Raise ANYWORD_MAX_IMAGE_MB, or use smaller files."),
        ("megapixels", "Raise ANYWORD_MAX_IMAGE_MEGAPIXELS, or use smaller pictures."),
        (
            "has no picture under",
            'The labelling config\'s <Image value="$..."> has to name the key under which tasks keep their picture.',
        ),
        ("Label(l)?ing config", "Copy one of the labelling configs below; the rest of yours can stay."),
        (
            "requests are waiting already",
            "Work arrives faster than it is done: pre-annotate fewer tasks at once, choose a quicker preset in "
            "ANYWORD_PRESET_BATCH, or use an accelerator.",
        ),
        (
            "has held the models for|runs the models has ended",
            "The log has the stack of the thread. The worker is replaced after two more minutes. Where it happens "
            "again, look at the accelerator and its driver, or raise ANYWORD_STALL_SECONDS for large models on a CPU.",
        ),
        ("too little memory", "Use a smaller picture or smaller models, or lower ANYWORD_CACHE_MB."),
        (
            "The database",
            "Corrections are not recorded and nothing is learned until it answers again; a sync brings in what was "
            "missed.",
        ),
        ("did not load", "Correct the setting and start the backend anew."),
        (
            "ANYWORD_MAX_BODY_MB",
            "Tasks carry all their annotations: raise ANYWORD_MAX_BODY_MB, or use the Bitmask config, whose masks "
            "are small.",
        ),
        (
            "user name and password",
            "In Label Studio: Settings, Model, the backend's menu, Edit; choose basic authentication and enter both.",
        ),
        ("Unexpected error", "This is a bug: please report it with the trace that the log has under this id."),
    )
)


def remedy(message: str) -> str:
    """What to do about an error with this message; empty where the message says it already."""
    return next((remedy for pattern, remedy in REMEDIES if pattern.search(message)), "")
