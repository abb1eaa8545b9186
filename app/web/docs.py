"""/docs: the API's documentation, from files inside this package, so that it works with no internet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Router
from litestar.connection import Request
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.static_files import create_static_files_router

from app.accounts.permissions import PUBLIC

STATIC = Path(__file__).parent / "static"

_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Concord API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/swagger/swagger-ui.css">
<link rel="stylesheet" href="/static/docs.css">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript; the plain document is at <a href="/docs/openapi.json">openapi.json</a>.</noscript>
<script src="/static/swagger/swagger-ui-bundle.js"></script>
<script src="/static/docs.js"></script>
</body>
</html>
"""

_DESCRIPTION = """Compare two Oracle tables exactly, follow the work live, read what differs.

Log in with `POST /api/v1/auth/login`, press **Authorize**, paste the token. Every answer has the shape
`{"success", "data", "message", "timestamp"}`, errors too. Changes of jobs are pushed over the WebSocket `/ws`:
send `{"type": "auth", "token": "..."}`, then `{"type": "subscribe", "topic": "job:ID"}` (or `table:OWNER.TABLE`,
`mine`, `everything`, `system`); each change comes as one message with the newest state."""

_TAGS = [
    Tag("Jobs", "Submit comparisons, follow them, read their results."),
    Tag("Schedules", "Comparisons that come again by the clock."),
    Tag("Live", "Server-sent events, for who has no WebSocket."),
    Tag("Dashboard", "Figures over all jobs."),
    Tag("Accounts", "Log in and out, users, keys of services."),
    Tag("Audit", "Who did what, and whether anybody tampered with the answer."),
    Tag("Operations", "Is it alive, is it ready."),
]


class OfflineDocs(OpenAPIRenderPlugin):
    """Swagger UI from our own files."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return _PAGE


def docs_config(version: str) -> OpenAPIConfig:
    """How the OpenAPI document is made and where it is shown."""
    bearer = SecurityScheme(
        type="http", scheme="bearer", bearer_format="JWT", description="From POST /api/v1/auth/login."
    )
    return OpenAPIConfig(
        title="Concord",
        version=version,
        description=_DESCRIPTION,
        openapi_router=Router("/docs", route_handlers=[], opt=PUBLIC, include_in_schema=False),
        render_plugins=[OfflineDocs(path="/"), JsonRenderPlugin(path="/openapi.json")],
        components=Components(security_schemes={"bearer": bearer}),
        security=[{"bearer": []}],
        tags=_TAGS,
        use_handler_docstrings=False,
    )


def static_router() -> Router:
    """The files of the pages; long-lived in browsers' caches only within a session."""
    return create_static_files_router(
        path="/static", directories=[STATIC], opt=PUBLIC, include_in_schema=False
    )
