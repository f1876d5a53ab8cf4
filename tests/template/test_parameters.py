"""Every parameter is described, checked and used."""

import re

import pytest

from tests.template.loading import documentation, references, template

PARAMETERS = sorted(template()["Parameters"])


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_says_what_it_is(name: str) -> None:
    assert template()["Parameters"][name]["Description"].endswith(".")


@pytest.mark.parametrize("name", PARAMETERS)
def test_its_values_are_limited(name: str) -> None:
    assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(template()["Parameters"][name])


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_refused_value_is_explained(name: str) -> None:
    parameter = template()["Parameters"][name]
    assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter


@pytest.mark.parametrize("name", PARAMETERS)
def test_its_default_is_allowed(name: str) -> None:
    parameter = template()["Parameters"][name]
    default = parameter.get("Default")
    if default is not None and "AllowedPattern" in parameter:
        assert re.search(parameter["AllowedPattern"], default)


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_is_used(name: str) -> None:
    source = template()
    used = references([source["Resources"], source["Globals"], source["Conditions"]])
    assert name in used


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_has_a_place_and_a_label_on_the_consoles_page(name: str) -> None:
    interface = template()["Metadata"]["AWS::CloudFormation::Interface"]
    assert [group for group in interface["ParameterGroups"] if name in group["Parameters"]]
    assert interface["ParameterLabels"][name]["default"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_is_documented(name: str) -> None:
    assert f"`{name}`" in documentation()


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("CartHashtags", ["AmazonCart", "AmazonCart,アマゾンポチ"], ["", "#AmazonCart", "Amazon Cart", "A,,B"]),
        ("AllowedCountries", ["default", "US", "US,CA", "*"], ["", "us", "default,US", "USA", "US, CA", "US,*"]),
        ("BotUserId", ["900", "2090000000000000001"], ["", "shopbot", "-1"]),
        ("BotUsername", ["shopbot"], ["", "@shopbot", "a_name_that_is_too_long"]),
        (
            "StoreBaseUrl",
            ["", "https://shop.example.com", "http://127.0.0.1:8401"],
            ["shop.example.com", "https://a/b"],
        ),
        (
            "AssociateTags",
            ["", "shop-20", "shop-20,amazon.co.uk=shop-21", "amazon.de=a-21,amazon.fr=b-21"],
            ["shop 20", "shop-20,other-20", "amazon.co.uk=", "a" * 65],
        ),
        (
            "HandOffUrlTemplate",
            ["", "https://{host}/?add-to-cart={id}&quantity={quantity}", "https://{host}/cart/[{id}:{quantity}|,]"],
            ["http://{host}/{id}", "https://{host}/a b", 'https://{host}/"', "https://" + "x" * 491],
        ),
        (
            "StoreHosts",
            ["", "shop.example.com", "shop.example.com,www.shop.example.co.uk", "127.0.0.1"],
            ["https://shop.example.com", "shop.example.com/x", "a b", "a,,b", "shop.example.com:8401"],
        ),
        (
            "ShortLinkHosts",
            ["", "bit.ly", "go.example.com,bit.ly"],
            ["https://bit.ly", "bit.ly/x", "localhost", "a.b,"],
        ),
        ("XApiBaseUrl", ["https://api.x.com"], ["", "https://api.x.com/2"]),
        ("PublicUrl", ["", "https://cart.shop.example"], ["cart.shop.example", "https://cart.shop.example/"]),
        ("DomainName", ["", "cart.shop.example", "a-b.co.uk"], ["https://a.b", "a.b/", "A.B", "shop", "-a.b", "a..b"]),
        (
            "CertificateArn",
            [
                "",
                "arn:aws:acm:eu-west-1:123456789012:certificate/0b6d-1",
                "arn:aws-cn:acm:cn-north-1:123456789012:certificate/a",
            ],
            ["arn:aws:iam::123456789012:server-certificate/a", "0b6d-1"],
        ),
        (
            "CustomerKeyArn",
            ["", "arn:aws:kms:eu-west-1:123456789012:key/1f3b-4a", "arn:aws:kms:eu-west-1:123456789012:key/mrk-1f3b"],
            ["alias/hashcart", "arn:aws:kms:eu-west-1:123456789012:alias/hashcart", "1f3b-4a"],
        ),
        ("HostedZoneId", ["", "Z1D633PJN98FT9"], ["/hostedzone/Z1D633PJN98FT9", "shop.example"]),
        ("StoreName", ["Northwind", "Böcker & Co"], ["", " x", "<b>", "n" * 41]),
        ("AccentColor", ["#3b4cc0", "#FFF000"], ["", "red", "#fff", "#3b4cc0;"]),
        ("PrivacyUrl", ["", "https://shop.example/privacy?of=us"], ["javascript:alert(1)", "https://a b", "/x"]),
        ("ImageOrigins", ["", "https://a.example,https://b.example"], ["a.example", "https://a.example/x"]),
        (
            "EmailSender",
            ["", "cart@shop.example.com", "cart+x@shop.example"],
            ["shop.example", "a@b", "Shop <cart@shop.example>", "a@b.c,d@e.fg", "a@-", "*@shop.example"],
        ),
        ("AlarmEmail", ["", "ops@shop.example.com"], ["ops", "ops@shop", "a b@c.de"]),
    ],
)
def test_patterns_tell_good_from_bad(name: str, good: list[str], bad: list[str]) -> None:
    pattern = template()["Parameters"][name]["AllowedPattern"]
    assert [value for value in good if not re.search(pattern, value)] == []
    assert [value for value in bad if re.search(pattern, value)] == []


def test_every_output_says_what_it_is() -> None:
    assert [name for name, output in template()["Outputs"].items() if not output.get("Description")] == []
