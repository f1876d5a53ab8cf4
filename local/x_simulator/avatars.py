"""Pictures of the accounts, as other sites show them after a sign-in."""

from html import escape
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.x_simulator.accounts import Account, Accounts

# The colours of timeline.css, by an account's `hue`.
COLOURS = (
    "#b0413e", "#31628c", "#5b5a86", "#3e6b3a", "#7d4a75", "#84572c", "#0b6e63", "#353a72", "#35566b", "#a2532b",
    "#6b6340", "#9c2f5d",
)  # fmt: skip


class Avatars:
    """`/avatars/<id>.svg`."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def routes(self) -> list[Route]:
        """All routes."""
        return [Route("/avatars/{account_id}.svg", self._show, methods=["GET"])]

    async def _show(self, request: Request) -> Response:
        account = self._accounts.get(request.path_params["account_id"])
        if account is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        headers = {"cross-origin-resource-policy": "cross-origin"}
        return Response(_svg(account), media_type="image/svg+xml", headers=headers)


def _svg(account: Account) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48">'
        f'<rect width="48" height="48" fill="{COLOURS[account.hue - 1]}"/>'
        '<text x="24" y="31" fill="#fff" font-family="sans-serif" font-size="20" text-anchor="middle">'
        f"{escape(account.initials)}</text></svg>"
    )
