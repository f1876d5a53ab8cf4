"""The timeline that a fresh network begins with: one post for each way that a reply can end."""

import re
from dataclasses import dataclass

from local.x_simulator.entities import Preview
from local.x_simulator.shelves import Shelf
from local.x_simulator.snowflakes import snowflake
from local.x_simulator.timeline import Post, Timeline

_PRODUCT = re.compile(r"\{(?P<market>us|uk)\}(?P<product>[a-z-]+)")
OTHER_SITE = "https://www.example.com/journal/mending-a-chair"


@dataclass(frozen=True)
class SeedPost:
    """A post of the seed; `{us}mug` and `{uk}mug` stand for the addresses of a product at the marketplaces."""

    author_id: str
    minutes_ago: int
    text: str


SEED = (
    SeedPost("111", 4, "Back from the kiln: the speckled mug, each one a little different. {us}stoneware-mug"),
    SeedPost("111", 16, "The heavy tee is here in moss, S to XL. Pick your size on the page. {us}organic-tee"),
    SeedPost("112", 31, "Three copies left of Night Drive. Numbered, and then never again. {us}night-drive-lp"),
    SeedPost(
        "115",
        52,
        "Sunday corner: the oat linen throw {us}linen-throw and herbs that I have not killed yet {us}herb-planter",
    ),
    SeedPost("111", 74, "You bought them all. The arc lamp returns when the brass does. {us}arc-lamp"),
    SeedPost("113", 96, "Kind, exact and short: the book on migraine that I give to friends. {us}quiet-migraine"),
    SeedPost("114", 125, "Whistles in F sharp. Sent all over Britain, and only there. {uk}copper-kettle"),
    SeedPost("113", 160, "For the bag that has no room: four hundred shells, one e-book. {us}coast-field-guide"),
    SeedPost("116", 190, "LAST CALL. The walnut radio at half price, today only! {us}walnut-radio"),
    SeedPost("115", 240, "How to mend a chair with nothing but glue, string and patience. " + OTHER_SITE),
    SeedPost("115", 300, "Nothing to sell today. The light came in at ten past four and stayed."),
)


def plant(timeline: Timeline, now: float, shelf: Shelf) -> None:
    """Fill an empty timeline, with ids of the minutes before now."""
    if timeline.last_id() > 0:
        return
    for seed in sorted(SEED, key=lambda entry: -entry.minutes_ago):
        post_id = snowflake(int((now - seed.minutes_ago * 60) * 1000))
        text = _PRODUCT.sub(lambda found: shelf.address(found["product"], found["market"]), seed.text)
        timeline.add(Post(post_id, post_id, seed.author_id, text, None, None, post_id))


class Previews:
    """What X's crawler sees of the shop's pages; it reaches no other site but one."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def __call__(self, url: str) -> Preview | None:
        """The preview of a page."""
        if url == OTHER_SITE:
            return Preview("Mending a chair", "A weekend, a clamp, and no screws at all.")
        return self._shelf.preview(url)
