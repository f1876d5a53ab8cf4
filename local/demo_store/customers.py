"""The customers of the demo store, as its sign-in knows them. Whoever opens the page chooses who to be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Customer:
    """A customer; `subject` is what the store tells other sites instead of a name."""

    subject: str
    name: str
    email: str
    email_verified: bool = True
    note: str = ""


CUSTOMERS = {
    customer.subject: customer
    for customer in (
        Customer("ada", "Ada Bright", "ada@example.com"),
        Customer("ben", "Ben Okafor", "ben@example.com", note="Linked with no profile"),
        Customer("cleo", "Cleo Marsh", "cleo@example.com"),
        Customer("dieter", "Dieter Krause", "dieter@example.com"),
        Customer("quinn", "Quinn Hale", "quinn@example.com"),
        Customer("noor", "Noor Aziz", "noor@example.com", email_verified=False, note="E-mail address not verified"),
    )
}
