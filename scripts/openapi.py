"""Prints the API's OpenAPI 3.1 document: `python -m scripts.openapi` (`make openapi`)."""

from __future__ import annotations

import json
import sys

from app.main import create_app
from app.settings import Settings

json.dump(create_app(Settings()).openapi(), sys.stdout, ensure_ascii=False, indent=2)
