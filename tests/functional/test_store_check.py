"""`make store-check`: what it tells a merchant, for a store that works and for each way in which one does not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError
from moto import mock_aws

from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.stores.protocol import Customer, StoreCart, StoreRefusedError, StoreUnavailableError
from local.findings import Finding, Mark
from local.store_check import StoreCheck, check, environment, parameters
from local.x_operations.deployment import OUTPUTS, PARAMETERS
from tests.fakes.creators_api import CATALOG, CREDENTIALS, CreatorsApiFake, item
from tests.fakes.internet import Answer, Internet
from tests.fakes.shopify import ENDPOINT, SHOP, ShopifyFake, product, variant
from tests.fakes.stores import CASES, StoreCase, demo, generic, shopify
from tests.template.loading import template

MUG_URL = "https://shop.example/products/mug"


def findings(case: StoreCase, url: str | None = None) -> list[Finding]:
    return list(StoreCheck(case.store, case.links, url or case.store.product_url(case.line()))())


def marks(found: list[Finding]) -> dict[str, Mark]:
    return {finding.step: finding.mark for finding in found}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_store_that_works(name: str) -> None:
    found = findings(CASES[name]())
    assert [finding for finding in found if finding.mark is Mark.BAD] == []
    assert {"Product link", "Access", "Product", "Hand-off"} <= set(marks(found))


def test_a_cart_is_filled_read_back_and_left_as_it_was() -> None:
    case = shopify()
    told = [finding.did for finding in findings(case) if finding.step in ("Test cart", "Hand-off")]
    assert told == ["set to 1 and read back", "as it was before: 0", f"{SHOP}/cart/c/1?key=k"]


def test_a_link_to_something_else() -> None:
    [finding] = findings(generic(), "https://elsewhere.example/mug")
    assert (finding.mark, finding.step) == (Mark.BAD, "Product link")
    assert "StoreHosts (shop.example)" in (finding.mend or "")


@pytest.mark.parametrize("make", [demo, generic, shopify])
def test_a_product_that_is_not_there(make: Callable[[], StoreCase]) -> None:
    case = make()
    assert case.gone is not None
    found = findings(case, case.store.product_url(replace(case.line(), reference=case.gone)))
    assert (found[-1].mark, found[-1].step) == (Mark.BAD, "Product")
    assert ("JSON-LD" in (found[-1].mend or "")) is (make is generic)


@pytest.mark.parametrize("make", [demo, generic])
def test_a_store_that_is_down(make: Callable[[], StoreCase]) -> None:
    case = make()
    url = case.store.product_url(case.line())
    case.fail((503, {}))
    found = findings(case, url)
    assert (found[-1].mark, found[-1].step) == (Mark.BAD, "Product")
    assert "503" in found[-1].did


def test_the_first_option_that_can_be_bought_is_checked() -> None:
    case = shopify()
    assert case.with_options is not None
    found = findings(case, case.store.product_url(replace(case.line(), reference=case.with_options)))
    assert marks(found)["Test cart"] is Mark.GOOD


class StoreStub:
    """A cart store that answers as told."""

    def __init__(self, **answers: Any) -> None:
        real = shopify()
        self.display = real.store.display
        self.product_url = real.store.product_url
        self.hand_off = real.store.hand_off
        self.links = real.links
        self.answers = answers
        self.sets = 0

    def _answer(self, name: str, otherwise: Any) -> Any:
        answer = self.answers.get(name, otherwise)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def product(self, reference: ProductReference) -> Product | None:
        name = "chosen" if reference.variant_id else "product"
        found: Product | None = self._answer(name, Product("Mug", "1", "EUR", "https://a/b.jpg"))
        return found

    def read_cart(self, customer: Customer) -> StoreCart:
        cart: StoreCart = self._answer("read", StoreCart("1", {}))
        return cart

    def set_quantity(
        self, customer: Customer, reference: ProductReference, quantity: int, *, expected: int
    ) -> StoreCart:
        self.sets += 1
        held = self._answer(f"set{self.sets}", quantity)
        return StoreCart("1", {reference.line_id: held}, None)


def last(**answers: Any) -> Finding:
    store = StoreStub(**answers)
    return list(StoreCheck(store, store.links, MUG_URL)())[-1]


WITH_OPTIONS = Product("Tee", needs_options=True, variants=(Variant("1", in_stock=False), Variant("2")))


@pytest.mark.parametrize(
    ("answers", "step", "did"),
    [
        ({"read": StoreUnavailableError("503")}, "Test cart", "503"),
        ({"set1": StoreUnavailableError("503")}, "Test cart", "503"),
        ({"set1": StoreRefusedError("MINIMUM_NOT_MET")}, "Test cart", "refused: MINIMUM_NOT_MET"),
        ({"product": WITH_OPTIONS, "chosen": None}, "Options", "2 is listed, but not there"),
        ({"product": WITH_OPTIONS, "chosen": StoreUnavailableError("503")}, "Options", "503"),
    ],
)
def test_where_the_check_ends(answers: dict[str, Any], step: str, did: str) -> None:
    finding = last(**answers)
    assert (finding.mark, finding.step) == (Mark.BAD, step)
    assert did in finding.did
    assert finding.mend


def test_a_store_whose_carts_belong_to_customers_wants_one_named() -> None:
    assert "CUSTOMER=subject" in (last(read=StoreUnavailableError("status 404")).mend or "")


@pytest.mark.parametrize(
    ("answers", "did"),
    [
        ({"set1": 0}, "asked for 1, and the cart holds 0"),
        ({"set2": 1}, "holds 1 still"),
        ({"set2": StoreUnavailableError("503")}, "not taken out again: 503"),
        ({"set2": StoreRefusedError("INVALID")}, "not taken out again: INVALID"),
    ],
)
def test_a_cart_that_does_not_do_what_it_should(answers: dict[str, Any], did: str) -> None:
    store = StoreStub(**answers)
    found = list(StoreCheck(store, store.links, MUG_URL)())
    bad = [finding for finding in found if finding.mark is Mark.BAD]
    assert [(finding.step, finding.did) for finding in bad] == [("Test cart", did)]
    assert found[-1].step == "Hand-off"


def test_a_customers_own_cart_is_left_as_it_was() -> None:
    store = StoreStub(read=StoreCart("1", {"shop.example#mug#": 2}))
    found = list(StoreCheck(store, store.links, MUG_URL, "ada")())
    told = [finding.did for finding in found if finding.step == "Test cart"]
    assert told == ["set to 3 and read back", "as it was before: 2"]


def test_what_shoppers_will_miss_is_noted() -> None:
    store = StoreStub(product=Product("Tee", needs_options=True))
    found = [finding for finding in StoreCheck(store, store.links, MUG_URL)() if finding.mark is Mark.NOTE]
    assert [finding.step for finding in found] == ["Options", "Cart page", "Hand-off"]
    assert "price, image_url" in found[1].did


# ------------------------------------------------------------------ As it is run


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    internet = Internet()
    monkeypatch.setattr(urllib3, "PoolManager", internet)
    return internet


@pytest.fixture
def root(tmp_path: Path) -> Path:
    source = Path(__file__).parents[2] / "template.yaml"
    (tmp_path / "template.yaml").write_text(source.read_text())
    (tmp_path / "samconfig.toml").write_text(
        '[shop.deploy.parameters]\nstack_name = "hashcart-shop"\n'
        f'parameter_overrides = "Store=shopify StoreHosts=shop.example StoreBaseUrl={SHOP}"\n'
        '[default.deploy.parameters]\nparameter_overrides = ["Store=amazon", "AssociateTags=shop-20"]\n'
    )
    return tmp_path


class AwsFake:
    """CloudFormation with one stack, or none, and Secrets Manager."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] | None = None
        self.parameters: dict[str, str] = {}

    def client(self, service: str) -> Any:
        return self if service == "cloudformation" else boto3.client("secretsmanager")

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - CloudFormation's own name
        if self.outputs is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "no stack"}}, "DescribeStacks")
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"StackName": StackName, "Outputs": outputs, "Parameters": parameters}]}


@pytest.fixture
def aws() -> AwsFake:
    return AwsFake()


@pytest.fixture
def run(root: Path, aws: AwsFake) -> Iterator[Callable[..., tuple[int, str]]]:
    def run(*arguments: str, secret: object = None) -> tuple[int, str]:
        said: list[str] = []
        if secret is not None:
            (root / "secret.json").write_text(secret if isinstance(secret, str) else json.dumps(secret))
            arguments = (*arguments, "--secret", str(root / "secret.json"))
        status = check(arguments, said.append, root, aws.client)
        return status, "\n".join(said)

    with mock_aws():
        yield run


Run = Callable[..., tuple[int, str]]


def test_parameters_of_the_template_then_of_samconfig_then_those_given() -> None:
    config = {"shop": {"deploy": {"parameters": {"parameter_overrides": 'Store=shopify SensitiveCategories="a b,c"'}}}}
    values = parameters(template(), config, "shop", ["Store=generic"])
    assert (values["Store"], values["SensitiveCategories"], values["KeepAssociateTags"]) == ("generic", "a b,c", "true")
    assert parameters(template(), {}, "default", [])["Store"] == "amazon"


def test_parameters_are_read_from_a_table_of_samconfig_as_sam_does() -> None:
    table = {"Store": "generic", "StoreName": "Example Shop", "MaxQuantity": 5}
    config = {"default": {"deploy": {"parameters": {"parameter_overrides": table}}}}
    values = parameters(template(), config, "default", [])
    assert (values["Store"], values["StoreName"], values["MaxQuantity"]) == ("generic", "Example Shop", "5")


def test_the_processs_variables_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE", "before")
    with environment({"STORE": "within", "STORE_HOSTS": "x"}):
        pass
    with pytest.raises(KeyError):
        monkeypatch.delenv("STORE_HOSTS")


@pytest.mark.parametrize("given", ["Shop=x", "Store"])
def test_a_parameter_that_does_not_exist(run: Run, given: str) -> None:
    status, said = run("https://www.amazon.com/dp/B08N5WRWNW", given)
    assert status == 1
    assert "is no parameter" in said


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (["Store=generic"], "host"),
        (["Store=generic", "StoreHosts=shop.example", "HandOffUrlTemplate=https://{host}"], "HAND_OFF_URL_TEMPLATE"),
        (["Store=shopify", "StoreHosts=shop.example"], "STORE_BASE_URL"),
    ],
)
def test_a_parameter_that_is_missing_or_wrong(run: Run, given: list[str], name: str) -> None:
    status, said = run(MUG_URL, *given)
    assert status == 1
    assert "✗ Parameters: " in said
    assert name in said


def test_a_shop_at_shopify(run: Run, internet: Internet) -> None:
    shop = ShopifyFake(internet, {"mug": product("mug", variant(1))}, tokens=("storefront-secret",))
    status, said = run(MUG_URL, "--config-env", "shop", secret={"public_token": "storefront-secret"})
    assert (status, said.splitlines()[-1]) == (0, "The store works.")
    assert "✓ Access: Demo shop, with a token that sees stock levels and tags" in said
    assert "storefront-secret" not in said
    assert [lines for lines in shop.carts.values() if lines] == []


@pytest.mark.parametrize(
    ("secret", "tokens", "told"),
    [
        ({"public_token": "wrong"}, ("right",), "✗ Access: the Storefront API refuses the token"),
        ({"public_token": "2"}, ("1", "2"), "! Access: Demo shop, with a token that may not see stock levels or tags"),
        ({}, (), "✓ Access: Demo shop, without a token: stock levels and tags are not seen"),
    ],
)
def test_each_token_of_shopify(
    run: Run, internet: Internet, secret: dict[str, str], tokens: tuple[str, ...], told: str
) -> None:
    ShopifyFake(internet, {"mug": product("mug", variant(1))}, tokens=tokens)
    status, said = run(MUG_URL, "--config-env", "shop", secret=secret)
    assert told in said.splitlines()
    assert status == (1 if told.startswith("✗") else 0)


@pytest.mark.parametrize(("answer", "did"), [((404, {}), "status 404"), ((403, {}), "wants a token")])
def test_shopify_at_another_address(run: Run, internet: Internet, answer: Answer, did: str) -> None:
    internet.answer(ENDPOINT, answer)
    status, said = run(MUG_URL, "--config-env", "shop", secret={})
    assert status == 1
    assert did in said


@pytest.mark.parametrize(
    ("secret", "status", "did"),
    [({}, 200, "there is no service key"), ({"key": "k"}, 403, "refuses the service key"), ({"key": "k"}, 503, "503")],
)
def test_a_shop_of_oscar_that_does_not_let_hashcart_in(
    run: Run, internet: Internet, secret: dict[str, str], status: int, did: str
) -> None:
    given = ["Store=oscar", "StoreHosts=shop.example", f"StoreBaseUrl={SHOP}", "StoreSiteUrl=https://shop.example"]
    internet.answer(f"GET {SHOP}/api/hashcart/products/11/", (status, {}))
    ended, said = run("https://shop.example/catalogue/mug_11/", *given, secret=secret)
    assert ended == 1
    assert did in said


AMAZON_URL = "https://www.amazon.com/dp/B08N5WRWNW"


def test_amazon_with_its_catalogue(run: Run, internet: Internet) -> None:
    CreatorsApiFake(internet, {"B08N5WRWNW": item("B08N5WRWNW")})
    status, said = run(AMAZON_URL, secret=CREDENTIALS)
    assert status == 0
    assert "✓ Access: Amazon's catalogue is open to shop-20" in said
    assert "Title of B08N5WRWNW" in said
    assert [value for value in CREDENTIALS.values() if value in said and value != "3.1"] == []


@pytest.mark.parametrize(
    ("changes", "status", "reason", "mend"),
    [
        ({"credential_id": ""}, 200, "no_credentials", "Fill the secret"),
        ({"version": "1.0"}, 200, "unknown_version", "3.1"),
        ({"credential_secret": "wrong"}, 200, "credentials_refused", "Copy"),
        ({}, 403, "AssociateNotEligible", "ten qualifying sales"),
        ({}, 400, "InvalidPartnerTag", "AssociateTags"),
        ({}, 400, "Other", "Compare"),
    ],
)
def test_amazon_without_its_catalogue_works_and_says_why(  # noqa: PLR0917
    run: Run, internet: Internet, changes: dict[str, str], status: int, reason: str, mend: str
) -> None:
    CreatorsApiFake(internet, {})
    internet.answer(f"POST {CATALOG}/getItems", (status, {"reason": reason}))
    ended, said = run(AMAZON_URL, secret=CREDENTIALS | changes)
    assert ended == 0
    assert f"! Access: Amazon's catalogue is closed ({reason})" in said
    assert mend in said


def test_amazon_that_is_down_or_silent(run: Run, internet: Internet) -> None:
    fake = CreatorsApiFake(internet, {"B000000001": item("B000000001")}, errors={"B08N5WRWNW": "ItemNotAccessible"})
    status, said = run(AMAZON_URL, secret=CREDENTIALS)
    assert (status, "silent about this product" in said) == (0, True)
    fake.instead = [(503, {})]
    status, said = run(AMAZON_URL, secret=CREDENTIALS)
    assert (status, "503" in said) == (1, True)


def test_amazon_without_a_tag(run: Run) -> None:
    status, said = run(AMAZON_URL, "AssociateTags=", secret={})
    assert (status, "no Associate's tag for amazon.com" in said) == (0, True)


def test_the_secret_of_the_deployed_stack(run: Run, internet: Internet, aws: AwsFake) -> None:
    CreatorsApiFake(internet, {"B08N5WRWNW": item("B08N5WRWNW")})
    made = boto3.client("secretsmanager").create_secret(Name="store", SecretString=json.dumps(CREDENTIALS))
    aws.outputs = {"StoreApiSecretArn": made["ARN"]}
    status, said = run(AMAZON_URL, "Store=amazon", "AssociateTags=shop-20", "--config-env", "shop")
    assert status == 0
    assert "✓ Secret: that of the stack hashcart-shop" in said
    assert "catalogue is open" in said


def test_the_parameters_of_a_deployed_stack(run: Run, internet: Internet, aws: AwsFake) -> None:
    CreatorsApiFake(internet, {"B08N5WRWNW": item("B08N5WRWNW")})
    made = boto3.client("secretsmanager").create_secret(Name="store", SecretString=json.dumps(CREDENTIALS))
    aws.outputs = {**dict.fromkeys(OUTPUTS, "x"), "StoreApiSecretArn": made["ARN"]}
    aws.parameters = {**dict.fromkeys(PARAMETERS, ""), "Store": "amazon", "AssociateTags": "shop-20", "OfBefore": "1"}
    status, said = run(AMAZON_URL, "--stack", "hashcart-prod", "--config-env", "shop")
    assert status == 0
    assert "✓ Secret: that of the stack hashcart-prod" in said
    assert "catalogue is open" in said


def test_a_stack_that_is_not_deployed(run: Run) -> None:
    status, said = run(AMAZON_URL, "--stack", "hashcart-prod")
    assert (status, "✗ Stack: there is no stack hashcart-prod" in said) == (1, True)


@pytest.mark.parametrize("outputs", [None, {}])
def test_nothing_is_deployed_yet(run: Run, aws: AwsFake, outputs: dict[str, str] | None) -> None:
    aws.outputs = outputs
    status, said = run(AMAZON_URL, "Store=amazon", "--config-env", "shop")
    assert status == 0
    assert "! Secret: the stack hashcart-shop tells of none" in said
    assert "Deploy first" in said


@pytest.mark.parametrize("secret", ["not JSON", "[]"])
def test_a_secret_that_is_none(run: Run, secret: str) -> None:
    status, said = run(AMAZON_URL, secret=secret)
    assert (status, "no_credentials" in said) == (0, True)


def test_a_file_that_is_not_there(run: Run, root: Path) -> None:
    status, said = run(AMAZON_URL, "--secret", str(root / "nowhere.json"))
    assert (status, "no_credentials" in said) == (0, True)
