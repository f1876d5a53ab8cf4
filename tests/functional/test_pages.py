"""The pages' kit and the home page, through the function's handler."""

import json
from pathlib import Path

import pytest

from tests.fakes.aws import Aws
from tests.fakes.browser import FakeBrowser
from tests.fakes.handlers import Bundle
from tests.fakes.internet import Internet

EVENTS = Path(__file__).parents[2] / "events"


@pytest.fixture
def bundle(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return Bundle(aws, Internet(), monkeypatch)


@pytest.fixture
def browser(bundle: Bundle) -> FakeBrowser:
    return FakeBrowser(bundle.invoke)


def test_the_good_event_gets_the_home_page_in_the_browsers_language(bundle: Bundle) -> None:
    answer = bundle.invoke("cart_page", json.loads((EVENTS / "cart_page__good.json").read_text()))
    assert answer["statusCode"] == 200
    assert '<html lang="de">' in answer["body"]


def test_amazons_marketplaces_are_where_forms_may_lead(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    amazon = Bundle(aws, Internet(), monkeypatch, STORE="amazon", STORE_SITE_URL="", STORE_BASE_URL="")
    page = FakeBrowser(amazon.invoke).get("/?" + "&".join(f"field{number}=1" for number in range(200)))
    assert page.status == 200
    assert " https://www.amazon.de " in page.headers["content-security-policy"]
