"""What is asked of Shopify's Storefront API, version 2026-04. The tests validate each document against its schema."""

VERSION = "2026-04"

# A token may see stock levels and tags; without one, asking for them would refuse the whole product.
_VARIANT = """
fragment VariantParts on ProductVariant {
  id title availableForSale currentlyNotInStock requiresShipping
  quantityAvailable @include(if: $withToken)
  price { amount currencyCode }
  image { url }
  selectedOptions { name value }
  quantityRule { minimum maximum increment }
}
"""

SHOP = "query Shop { shop { name } }"

PRODUCT = (
    """
query Product($handle: String!, $variant: ID!, $isChosen: Boolean!, $withToken: Boolean!) {
  product(handle: $handle) {
    title productType isGiftCard availableForSale
    tags @include(if: $withToken)
    category { name ancestors { name } }
    featuredImage { url }
    variants(first: 250) { nodes { ...VariantParts } }
  }
  chosen: node(id: $variant) @include(if: $isChosen) {
    ... on ProductVariant { ...VariantParts product { handle } }
  }
}
"""
    + _VARIANT
)

_CART = """
fragment CartParts on Cart {
  id checkoutUrl
  lines(first: 250) {
    nodes {
      id quantity
      merchandise { ... on ProductVariant { id product { handle variantsCount { count } } } }
    }
  }
}
"""

CART = (
    """
query Cart($id: ID!, $country: CountryCode, $language: LanguageCode)
@inContext(country: $country, language: $language) {
  cart(id: $id) { ...CartParts }
}
"""
    + _CART
)


def _mutation(name: str, variables: str, arguments: str) -> str:
    return (
        f"""
mutation Change({variables}, $country: CountryCode, $language: LanguageCode)
@inContext(country: $country, language: $language) {{
  change: {name}({arguments}) {{
    cart {{ ...CartParts }}
    userErrors {{ code field message }}
    warnings {{ code target }}
  }}
}}
"""
        + _CART
    )


CART_CREATE = _mutation("cartCreate", "$input: CartInput!", "input: $input")
LINES_ADD = _mutation("cartLinesAdd", "$id: ID!, $lines: [CartLineInput!]!", "cartId: $id, lines: $lines")
LINES_UPDATE = _mutation("cartLinesUpdate", "$id: ID!, $lines: [CartLineUpdateInput!]!", "cartId: $id, lines: $lines")
LINES_REMOVE = _mutation("cartLinesRemove", "$id: ID!, $lineIds: [ID!]!", "cartId: $id, lineIds: $lineIds")

DOCUMENTS = {
    "Shop": SHOP,
    "Product": PRODUCT,
    "Cart": CART,
    "cartCreate": CART_CREATE,
    "cartLinesAdd": LINES_ADD,
    "cartLinesUpdate": LINES_UPDATE,
    "cartLinesRemove": LINES_REMOVE,
}
