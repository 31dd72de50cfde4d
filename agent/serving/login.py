"""The login of browsers: a bearer token given once on a page becomes a session in a cookie."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from agent.serving.access import SESSION_COOKIE, SESSION_SECONDS, Access
from agent.serving.bodies import TooLarge, capped
from agent.serving.gate import LOGIN
from agent.serving.pages import page, page_policy
from tools.errors import Unavailable

_LARGEST_BODY = 32 * 1024
"""Bytes."""


def login_routes(access: Access) -> list[Route]:
    """None where the server is open to this machine and nobody has to log in."""
    if not access.asked:
        return []
    wanted = "STEADFACE_TOKEN of this server" if access.token else "Access token of your OAuth issuer"

    async def ask(request: Request) -> Response:
        return _form(wanted, _own_page(request.query_params.get("next", "")))

    async def enter(request: Request) -> Response:
        try:
            async with capped(request, _LARGEST_BODY).form(max_files=0, max_fields=4) as form:
                given, target = str(form.get("token", "")).strip(), _own_page(str(form.get("next", "")))
            caller = await access.holder(given)
        except TooLarge as error:
            return _form(wanted, "/", str(error), 413)
        except Unavailable as error:
            return _form(wanted, target, str(error), 503)
        if caller is None:
            return _form(wanted, target, "This is not the token; copy it again, whole.", 401)
        entered = RedirectResponse(target, 303)
        entered.set_cookie(
            SESSION_COOKIE,
            access.sessions.open(caller),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return entered

    return [Route(LOGIN, ask, methods=["GET"]), Route(LOGIN, enter, methods=["POST"])]


def _own_page(target: str) -> str:
    """Where to go on after the login: a path of this server and nothing else."""
    parts = urlsplit(target)
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and not parts.scheme and not parts.netloc else "/"


def _form(wanted: str, target: str, wrong: str = "", status: int = 200) -> Response:
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    body = f"""
<h1>Steadface</h1>
{told}
<form method="post" action="{LOGIN}">
<input type="hidden" name="next" value="{escape(target)}">
<label for="token">{escape(wanted)}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
</form>"""
    html = page("Steadface: log in", body)
    return HTMLResponse(html, status, {"Content-Security-Policy": page_policy(html)})
