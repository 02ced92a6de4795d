"""The HTTP API, `/api/v1`: what an account's programs read and do.

How to add an operation: a line in `operations.py`, with the models of what it takes (`bodies.py`)
and answers (`models.py`), which validate and are the OpenAPI document, and a coroutine that reads
(`reading.py`) or does (`doing.py`). Keys, scopes, limits, other accounts' ids, and answering the
same to the same are seen to in `serving.py`. `cloudtill openapi --out docs/openapi.json` brings the
committed document up to date.
"""
