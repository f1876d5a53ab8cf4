"""`make store-check PRODUCT=https://…`: whether the store works as a deployment has it set up, and what to mend.

The parameters are those of a deployed stack (STACK=…), else template.yaml's defaults and what samconfig.toml says;
those of the command line come last. The credentials are those of the deployed stack's secret, or of a file. The product
is looked up; where the store has carts that HashCart fills, one piece goes into a cart, is read back and taken out
again. Nothing is ever bought.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.product_links import ProductReference, StoreLinks, find_product
from hashcart.domain.products import Product
from hashcart.observability import clock_ms, logger
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.settings import SettingError, names, text
from hashcart.stores.protocol import (
    AccessProblemError,
    CartStore,
    CheckableStore,
    Customer,
    Store,
    StoreCart,
    StoreRefusedError,
    StoreUnavailableError,
)
from hashcart.stores.registry import open_store
from local.findings import CheckFailedError, Finding, Mark, failed, good
from local.operations.stack import connect, find_stack
from local.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

type Client = Callable[[str], Any]
"""Makes a client of an AWS service, as `boto3.client` does."""

FUNCTIONS = ("HashtagParsingFunction", "CartInsertionFunction")
DEFAULT_SUBJECT = "store-check"


# ------------------------------------------------------------------ Parameters


def parameters(
    template: Mapping[str, Any],
    samconfig: Mapping[str, Any],
    config_env: str,
    given: Sequence[str],
    deployed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The template's parameters as a deployment has them, or would. Raises CheckFailedError for an unknown name."""
    known = template["Parameters"]
    values = {name: str(parameter.get("Default", "")) for name, parameter in known.items()}
    if deployed is not None:
        values |= {name: value for name, value in deployed.items() if name in known}
        samconfig = {}
    overrides = samconfig.get(config_env, {}).get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
    if isinstance(overrides, Mapping):
        overrides = [f"{name}={value}" for name, value in overrides.items()]
    entries = shlex.split(overrides) if isinstance(overrides, str) else [str(entry) for entry in overrides]
    for entry in [*entries, *given]:
        name, separator, value = entry.partition("=")
        if name not in known or not separator:
            raise CheckFailedError(
                Finding(Mark.BAD, "Parameters", f"{name} is no parameter", "Write Name=value, as in template.yaml.")
            )
        values[name] = value
    return values


def variables(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """The variables that the template makes of parameters for the functions that know the store."""
    found: dict[str, str] = {}
    for function in FUNCTIONS:
        own = template["Resources"][function]["Properties"]["Environment"]["Variables"]
        found |= {
            name: values[value["Ref"]]
            for name, value in own.items()
            if isinstance(value, Mapping) and value.get("Ref") in values
        }
    return found


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """The process's variables, with `values` among them for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class SecretFile:
    """Stands where Secrets Manager stands, for credentials that are not deployed yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: ARG002, N803 - Secrets Manager's own name
        """The file's text."""
        try:
            return {"SecretString": self._path.read_text()}
        except OSError as error:
            raise SecretUnavailableError(f"the file {self._path} cannot be read") from error


class NoSecret:
    """Stands where Secrets Manager stands where nothing is deployed."""

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: ARG002, N803 - Secrets Manager's own name
        """There is none."""
        raise SecretUnavailableError("nothing is deployed")


def secret_of(stack_name: str | None, file: Path | None, client: Client) -> tuple[Secret, Finding]:
    """The store's credentials: those of the file, else those of the deployed stack."""
    if file is not None:
        return _secret(SecretFile(file), "file"), Finding(Mark.GOOD, "Secret", f"read from {file}")
    try:
        stack = client("cloudformation").describe_stacks(StackName=stack_name or "")["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        arn = outputs["StoreApiSecretArn"]
    except (BotoCoreError, ClientError, KeyError) as error:
        finding = Finding(
            Mark.NOTE,
            "Secret",
            f"the stack {stack_name} tells of none ({type(error).__name__}); going on without credentials",
            "Deploy first and sign in to AWS, or give SECRET=file.json.",
        )
        return _secret(NoSecret(), "none"), finding
    return _secret(client("secretsmanager"), arn), Finding(Mark.GOOD, "Secret", f"that of the stack {stack_name}")


def _secret(client: object, arn: str) -> Secret:
    return Secret(cast("SecretsManagerClient", client), arn, clock_ms=clock_ms)


# ------------------------------------------------------------------ The check


@dataclass(frozen=True)
class StoreCheck:
    """One store, one product link, and the customer whose cart is used where the store has carts."""

    store: Store
    links: StoreLinks
    url: str
    subject: str = DEFAULT_SUBJECT

    def __call__(self) -> Iterator[Finding]:
        """The findings, step by step."""
        try:
            reference, finding = self.link()
            yield finding
            yield from self.access(reference)
            product, finding = self.product(reference)
            yield finding
            reference, product = self.choose(reference, product)
            yield from self.shown(product)
            cart = None
            if isinstance(self.store, CartStore):
                cart, findings = self.cart(self.store, reference)
                yield from findings
            yield from self.hand_off(reference, product, cart)
        except CheckFailedError as error:
            yield error.finding

    def link(self) -> tuple[ProductReference, Finding]:
        """Whether the link is one of the store's."""
        reference = find_product(self.url, self.links)
        if reference is None:
            hosts = ", ".join(sorted(self.links.hosts)) or "those known of this store"
            raise failed(
                "Product link",
                f"{self.url} is no product page of the store {self.links.store}",
                f"Give the address of a product's page. Its host must be one of StoreHosts ({hosts}).",
            )
        variant = f", variant {reference.variant_id}" if reference.variant_id else ""
        return reference, good("Product link", f"{reference.product_id} of {reference.marketplace}{variant}")

    def access(self, reference: ProductReference) -> Iterator[Finding]:
        """Whether the store's API lets HashCart in."""
        if not isinstance(self.store, CheckableStore):
            yield good("Access", "this kind of store needs no credentials")
            return
        try:
            yield good("Access", self.store.check_access(reference))
        except AccessProblemError as error:
            if error.is_fatal:
                raise failed("Access", error.reason, error.mend) from error
            yield Finding(Mark.NOTE, "Access", error.reason, error.mend)
        except StoreUnavailableError as error:
            raise _unavailable("Access", error) from error

    def product(self, reference: ProductReference) -> tuple[Product, Finding]:
        """What the store tells of the product."""
        try:
            product = self.store.product(reference)
        except StoreUnavailableError as error:
            raise _unavailable("Product", error) from error
        if product is None:
            mend = "Give a product that is on sale."
            if self.links.store == "generic":
                mend = "The page must have schema.org's Product as JSON-LD, or Open Graph's og:type product."
            raise failed("Product", "the store has none at this address", mend)
        price = f"{product.price} {product.currency}" if product.price else "no price"
        stock = {True: "in stock", False: "sold out", None: "stock unknown"}[product.in_stock]
        most = f", {product.max_quantity} at most" if product.max_quantity is not None else ""
        return product, good("Product", f"“{product.title or 'no title'}”, {price}, {stock}{most}")

    def choose(self, reference: ProductReference, product: Product) -> tuple[ProductReference, Product]:
        """Go on with the first option that can be bought, where there are some."""
        on_sale = [variant for variant in product.variants if variant.in_stock is not False]
        if not product.needs_options or not on_sale:
            return reference, product
        chosen = on_sale[0].reference(reference)
        try:
            found = self.store.product(chosen)
        except StoreUnavailableError as error:
            raise _unavailable("Options", error) from error
        if found is None:
            raise failed("Options", f"{on_sale[0].id} is listed, but not there", "Look at the product in the shop.")
        return chosen, found

    def shown(self, product: Product) -> Iterator[Finding]:
        """What shoppers will miss."""
        if product.needs_options:
            yield Finding(
                Mark.NOTE,
                "Options",
                "there is something to choose, and the store lists nothing that can be bought",
                "Shoppers choose on the product's own page.",
            )
        missing = [name for name in ("title", "price", "image_url") if getattr(product, name) is None]
        if missing:
            yield Finding(
                Mark.NOTE, "Cart page", f"the store tells no {', '.join(missing)}", "The cart shows what X does."
            )

    def cart(self, store: CartStore, reference: ProductReference) -> tuple[StoreCart | None, Sequence[Finding]]:
        """Put one more into a cart, read it back and take it out again."""
        customer = Customer(self.subject)
        try:
            before = store.read_cart(customer)
            customer = replace(customer, cart_id=before.cart_id)
            held = before.quantities.get(reference.line_id, 0)
            filled = store.set_quantity(customer, reference, held + 1, expected=held)
        except StoreRefusedError as error:
            raise failed("Test cart", f"the store refused: {error}", "Look at the product in the shop.") from error
        except StoreUnavailableError as error:
            known = "" if self.subject != DEFAULT_SUBJECT else " Carts that belong to customers need CUSTOMER=subject."
            mend = f"Is the store up, and does it let programs change carts?{known}"
            raise failed("Test cart", f"the store did not answer as it should ({error})", mend) from error
        now = filled.quantities.get(reference.line_id, 0)
        if now != held + 1:
            did = f"asked for {held + 1}, and the cart holds {now}"
            return filled, [Finding(Mark.BAD, "Test cart", did, "Is the product in stock, and is there a maximum?")]
        customer = replace(customer, cart_id=filled.cart_id)
        return filled, [
            good("Test cart", f"set to {now} and read back"),
            self._restore(store, customer, reference, held),
        ]

    def _restore(self, store: CartStore, customer: Customer, reference: ProductReference, held: int) -> Finding:
        try:
            left = store.set_quantity(customer, reference, held, expected=held + 1).quantities.get(reference.line_id, 0)
        except (StoreRefusedError, StoreUnavailableError) as error:
            return Finding(Mark.BAD, "Test cart", f"not taken out again: {error}", f"Empty the cart of {self.subject}.")
        if left != held:
            return Finding(Mark.BAD, "Test cart", f"holds {left} still", f"Empty the cart of {self.subject}.")
        return good("Test cart", f"as it was before: {left}")

    def hand_off(self, reference: ProductReference, product: Product, cart: StoreCart | None) -> Iterator[Finding]:
        """Where shoppers are sent."""
        if cart is not None and cart.checkout_url:
            yield good("Hand-off", cart.checkout_url)
            return
        line = HandOffLine(reference, 1, item_id=product.item_id)
        urls = [hand_off.url for hand_off in self.store.hand_off([line])]
        page = self.store.product_url(line)
        if urls == [page]:
            yield Finding(
                Mark.NOTE,
                "Hand-off",
                f"opens the product's page, {page}",
                "With HandOffUrlTemplate, and an id in the page, the hand-off fills the shop's cart.",
            )
            return
        yield good("Hand-off", f"open it and see what the shop does: {', '.join(urls)}")


def _unavailable(step: str, error: StoreUnavailableError) -> CheckFailedError:
    mend = "Are StoreBaseUrl and StoreHosts right, is the store up, and does it let programs in? Then try again."
    return failed(step, f"the store did not answer as it should ({error})", mend)


def check(
    arguments: Sequence[str],
    say: Callable[[str], object] = print,
    root: Path = PROJECT_ROOT,
    client: Client | None = None,
) -> int:
    """Run the check and tell each finding; 0 if all is well, 1 if something has to be mended."""
    options = _options(arguments)
    findings = []
    for finding in _run(options, root, client or connect(options.stack or "", options.region)):
        say(str(finding))
        findings.append(finding)
    is_well = not any(finding.mark is Mark.BAD for finding in findings)
    say("The store works." if is_well else "Mend what is marked ✗, and check again.")
    return 0 if is_well else 1


def _run(options: argparse.Namespace, root: Path, client: Client) -> Iterator[Finding]:
    template = yaml_parse((root / "template.yaml").read_text())
    samconfig = tomllib.loads((root / "samconfig.toml").read_text())
    stack_name = samconfig.get(options.config_env, {}).get("deploy", {}).get("parameters", {}).get("stack_name")
    deployed = None
    try:
        if options.stack is not None:
            stack = find_stack(options.stack, client)
            stack_name, deployed = stack.name, stack.deployment.parameters
        values = parameters(template, samconfig, options.config_env, options.parameters, deployed)
    except CheckFailedError as error:
        yield error.finding
        return
    with environment(variables(template, values)):
        try:
            secret, finding = secret_of(stack_name, options.secret, client)
            links = StoreLinks.of(text("STORE"), names("STORE_HOSTS"), names("SHORT_LINK_HOSTS"))
            store = open_store(text("STORE"), lambda: secret)
        except (SettingError, ValueError) as error:
            yield Finding(Mark.BAD, "Parameters", str(error), "docs/configuration.md, “Stores”, has what each needs.")
            return
        yield good("Parameters", f"store {links.store}, {', '.join(sorted(links.hosts)) or 'its known hosts'}")
        if isinstance(store, CheckableStore):
            yield finding
        yield from StoreCheck(store, links, options.product, options.customer)()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make store-check", description="Check HashCart's store.")
    parser.add_argument("product", help="address of a product's page")
    parser.add_argument("parameters", nargs="*", metavar="Name=value", help="parameters of template.yaml")
    parser.add_argument(
        "--stack", help="a deployed stack to read parameters and credentials from; local: the embedded one"
    )
    parser.add_argument("--region", help="region of the stack; else that of your AWS configuration")
    parser.add_argument("--config-env", default="default", help="else: section of samconfig.toml")
    parser.add_argument("--secret", type=Path, help="JSON file with the store's credentials; else the stack's secret")
    parser.add_argument("--customer", default=DEFAULT_SUBJECT, help="subject of the customer whose cart is used")
    return parser.parse_args(arguments)


if __name__ == "__main__":  # pragma: no cover - `check` is what the tests run
    logger.setLevel("CRITICAL")
    sys.exit(check(sys.argv[1:]))
