"""The query for X's recent search."""

import pytest

from hashcart.social.x.search_queries import MAX_QUERY_LENGTH, replies_with


@pytest.mark.parametrize(
    ("hashtags", "query"),
    [
        (["AmazonCart"], "(#AmazonCart) is:reply -is:retweet"),
        (["AmazonCart", "アマゾンポチ", "AmazonCart"], "(#AmazonCart OR #アマゾンポチ) is:reply -is:retweet"),
        (["سلة", "कार्ट"], "(#سلة OR #कार्ट) is:reply -is:retweet"),
        (['cart" OR from:somebody', "a:b", "(x)", "123", "cart"], "(#cart) is:reply -is:retweet"),
        (["OR"], "(#OR) is:reply -is:retweet"),
        (["123"], None),
        ([], None),
    ],
)
def test_only_what_can_be_a_hashtag_is_asked_for(hashtags: list[str], query: str | None) -> None:
    assert replies_with(hashtags) == query


@pytest.mark.parametrize(
    ("author", "query"),
    [
        ("ben_browses", "from:ben_browses (#cart) is:reply -is:retweet"),
        ("ben OR from:ada", None),
        ("", None),
        ("é", None),
    ],
)
def test_an_author_is_a_handle_and_nothing_else(author: str, query: str | None) -> None:
    assert replies_with(["cart"], author=author) == query


def test_what_the_template_allows_fits_a_query() -> None:
    longest = ["a" * 36 + str(number) for number in range(9)] + ["b" * 58]
    assert len(",".join(longest)) == 400
    assert len(replies_with(longest, author="a" * 15) or "") <= MAX_QUERY_LENGTH
    with pytest.raises(ValueError, match="too long"):
        replies_with(["a" * 500])
