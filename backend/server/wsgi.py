"""What gunicorn serves: `backend.server.wsgi:app` in one worker, as the models are in memory once."""

from __future__ import annotations

import logging.config
import os
import sys

from backend import certificates
from backend.observability import logs
from backend.server.app import create_app
from backend.server.threads import wait_briefly
from backend.settings import read

wait_briefly()
certificates.share()

# The lane lets go of the interpreter with every operation of a model, hundreds for a click. With Python's own 5 ms it
# may wait that long each time until another thread hands it back: a click among many requests took twice as long.
sys.setswitchinterval(0.0005)

settings = read(os.environ)
logging.config.dictConfig(logs.config(settings))
app = create_app(settings)
