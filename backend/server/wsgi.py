"""What gunicorn serves: `backend.wsgi:app` in one worker, as the models are in memory once."""

from __future__ import annotations

import logging.config
import os
import sys

from backend import certificates, logs
from backend.app import create_app
from backend.settings import read
from backend.threads import wait_briefly

wait_briefly()
certificates.share()

# The lane lets go of the interpreter with every operation of a model, hundreds for a click. With Python's own 5 ms it
# may wait that long each time until another thread hands it back: a click among many requests took twice as long.
sys.setswitchinterval(0.0005)

settings = read(os.environ)
logging.config.dictConfig(logs.config(settings))
app = create_app(settings)
