"""X's errors: problem details (RFC 7807) and the partial errors of an answer that is otherwise good."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

PROBLEMS = "https://api.x.com/2/problems/"


class ProblemError(Exception):
    """An error that X answers with problem JSON."""

    def __init__(self, status: HTTPStatus, problem: str, title: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.body: dict[str, Any] = {
            "type": f"{PROBLEMS}{problem}" if problem else "about:blank",
            "title": title,
            "detail": detail,
            "status": status.value,
            **more,
        }

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.body, self.status, headers, media_type="application/problem+json")


def unauthorized() -> ProblemError:
    """No token, or one that is not known or has expired."""
    return ProblemError(HTTPStatus.UNAUTHORIZED, "", "Unauthorized", "Unauthorized")


def unsupported_authentication(allowed: str) -> ProblemError:
    """A token of a kind that the call does not take."""
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        "unsupported-authentication",
        "Unsupported Authentication",
        f"Authenticating with this kind of token is forbidden for this endpoint. Supported: [{allowed}].",
    )


def too_many_requests() -> ProblemError:
    """The window's calls are used up."""
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "", "Too Many Requests", "Too Many Requests")


def invalid_request(message: str, parameters: Mapping[str, list[str]] | None = None) -> ProblemError:
    """A parameter or a body that X does not take."""
    return ProblemError(
        HTTPStatus.BAD_REQUEST,
        "invalid-request",
        "Invalid Request",
        "One or more parameters to your request was invalid.",
        errors=[{"message": message, "parameters": dict(parameters or {})}],
    )


def forbidden(detail: str, post_id: str = "") -> ProblemError:
    """What the platform's rules do not allow."""
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        "disallowed-resource",
        "Forbidden",
        detail,
        resource_id=post_id,
        resource_type="tweet",
        section="data",
    )


def not_found(parameter: str, value: str, resource_type: str = "tweet") -> dict[str, Any]:
    """A partial error: there is no such thing, or no longer."""
    return {
        "type": f"{PROBLEMS}resource-not-found",
        "title": "Not Found Error",
        "detail": f"Could not find {resource_type} with {parameter}: [{value}].",
        "parameter": parameter,
        "value": value,
        "resource_id": value,
        "resource_type": resource_type,
    }


def not_authorized(parameter: str, value: str, resource_type: str = "tweet") -> dict[str, Any]:
    """A partial error: it is protected."""
    return {
        "type": f"{PROBLEMS}not-authorized-for-resource",
        "title": "Authorization Error",
        "detail": f"Sorry, you are not authorized to see the {resource_type} with {parameter}: [{value}].",
        "parameter": parameter,
        "value": value,
        "resource_id": value,
        "resource_type": resource_type,
        "section": "data",
    }


def suspended(parameter: str, value: str) -> dict[str, Any]:
    """A partial error: the account is suspended, which only title and detail tell from one that is not there."""
    detail = f"User has been suspended: [{value}]."
    return not_found(parameter, value, "user") | {"title": "Forbidden", "detail": detail}
