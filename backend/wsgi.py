"""What gunicorn serves: `backend.wsgi:app` in one worker, as the models are in memory once."""

from __future__ import annotations

import logging
import os

from backend.app import create_app
from backend.settings import read

# Before torch is loaded: threads that spin while they wait make a busy machine thirty times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings = read(os.environ)
logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
app = create_app(settings)
