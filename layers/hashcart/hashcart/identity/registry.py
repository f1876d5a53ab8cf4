"""Which sign-in a deployment uses."""

import importlib
from collections.abc import Callable

from hashcart.http import HttpClient
from hashcart.identity.protocol import StoreSignIn
from hashcart.secrets import Secret
from hashcart.settings import SettingError, text


def open_sign_in(kind: str, client_secret: Secret, *, http: HttpClient, clock_ms: Callable[[], int]) -> StoreSignIn:
    """The sign-in of the setting `SIGN_IN_KIND`: `oidc` with the issuer `SIGN_IN_ISSUER`, or `amazon`."""
    sign_in: StoreSignIn
    match kind:
        # Each loads its own libraries only: Amazon's needs no cryptography.
        case "oidc":
            oidc = importlib.import_module("hashcart.identity.oidc")
            sign_in = oidc.OpenIdSignIn(http, text("SIGN_IN_ISSUER"), client_secret, clock_ms)
        case "amazon":
            amazon = importlib.import_module("hashcart.identity.login_with_amazon")
            sign_in = amazon.LoginWithAmazon(http, client_secret)
        case _:
            raise SettingError("SIGN_IN_KIND must be oidc or amazon")
    return sign_in
