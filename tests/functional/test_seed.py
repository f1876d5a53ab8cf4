"""The seeded shoppers are real accounts of the demo store."""

from hashcart.domain.account_links import StoreAccount
from hashcart.storage.account_links import AccountLinks
from local.demo_store.customers import CUSTOMERS
from local.seed import link_shoppers
from tests.fakes.aws import aws_account
from tests.fakes.clock import NOW_MS

ISSUER = "http://127.0.0.1:8401"


def test_seeded_shoppers_are_found_when_they_sign_in() -> None:
    with aws_account() as aws:
        links = AccountLinks(aws.dynamodb, "AccountLinksTable")
        link_shoppers(links, ISSUER, NOW_MS)
        for x_user_id, subject in (("222", "ada"), ("555", "dieter"), ("666", "quinn"), ("444", "cleo")):
            account = StoreAccount(ISSUER, subject, CUSTOMERS[subject].name)
            shopper = links.shopper_of(account, now_ms=NOW_MS)
            link = links.link_of_shopper(shopper.shopper_id, now_ms=NOW_MS)
            assert link is not None
            assert (link.x_user_id, link.protected) == (x_user_id, subject == "cleo")


def test_seeding_again_changes_nothing() -> None:
    with aws_account() as aws:
        links = AccountLinks(aws.dynamodb, "AccountLinksTable")
        link_shoppers(links, ISSUER, NOW_MS)
        before = links.current_link("222")
        link_shoppers(links, ISSUER, NOW_MS + 1)
        assert links.current_link("222") == before
