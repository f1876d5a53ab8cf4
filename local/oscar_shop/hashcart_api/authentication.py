"""Who may use this: HashCart by its service key, for one customer at a time.

Settings: `HASHCART_API_KEYS`, a list of keys, two while one is being replaced (none closes the door);
`HASHCART_SUBJECT_FIELD`, the field of the user model whose value the shop's sign-in tells others as the subject.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

KEY_HEADER = "X-HashCart-Key"
SUBJECT_HEADER = "X-HashCart-Subject"
MAX_SUBJECT = 255


def has_service_key(request: Request) -> bool:
    """Whether the request brings a configured key; they are compared in constant time."""
    given = request.headers.get(KEY_HEADER, "")
    return any(key and constant_time_compare(given, key) for key in getattr(settings, "HASHCART_API_KEYS", ()))


class HasServiceKey(BasePermission):
    """For what concerns no customer."""

    def has_permission(self, request: Request, view: object) -> bool:  # noqa: ARG002 - the framework's signature
        """Whether HashCart asks."""
        return has_service_key(request)


class CustomerByServiceKey(BaseAuthentication):
    """Makes the customer named by the subject the user of the request."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        """The customer. Nothing tells a wrong key from an unknown customer."""
        if not has_service_key(request):
            raise AuthenticationFailed
        field = getattr(settings, "HASHCART_SUBJECT_FIELD", "pk")
        subject = request.headers.get(SUBJECT_HEADER, "")[:MAX_SUBJECT]
        users = get_user_model().objects
        try:
            return users.get(**{field: subject}, is_active=True), None
        except (users.model.DoesNotExist, ValueError):
            raise AuthenticationFailed from None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's signature
        """What turns a refusal into a 401."""
        return KEY_HEADER
