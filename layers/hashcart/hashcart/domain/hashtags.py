"""Hashtags in a text, by the rules of twitter-text 3.1, for posts that come without entities.

Names such as "valid domain" or "preceding characters" are twitter-text's. Its regular expressions need quadratic
time on hostile texts and Python's `re` lacks their character classes, so domains and hashtags are scanned by hand.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from hashcart.domain.posts import HashtagSpan

type Span = tuple[int, int]

MAX_HASHTAG_LENGTH = 280
"""Code points. No configured hashtag is longer, and normalising a long row of combining marks takes quadratic time."""

# A hash sign of a keycap or before another hash sign begins no hashtag.
_HASH_SIGN = "[#＃](?![#＃\ufe0f\u20e3])"
_END_HASHTAG_MATCH = ("#", "＃", "://")
_VARIATION_SELECTORS = "\ufe0e\ufe0f"
_SPECIAL_CHARACTERS = frozenset(
    "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
)
# Private use characters of Apple's fonts that twitter-text counts among the letters and marks.
_CORPORATE_LETTERS = "[\uf870-\uf87f\uf882\uf884-\uf89f\uf8b8\uf8c1-\uf8d6]"

_MAX_URL_LENGTH = 4096
_MAX_DOMAIN_LABEL_LENGTH = 63
_MAX_TCO_SLUG_LENGTH = 40
_DEFAULT_PROTOCOL = "https://"
_PROTOCOLS = ("https://", "http://")
_INVALID_URL_WITHOUT_PROTOCOL_PRECEDING = ("-", "_", ".", "/")
_IDNA_DOTS = "[.\u3002\uff0e\uff61]"

_SPACES = r"\x09-\x0d \x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_DIRECTIONAL_MARKERS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVALID_CHARACTERS = r"\ufffe\ufeff\uffff"
_LATIN_ACCENTS = (
    r"\xc0-\xd6\xd8-\xf6\xf8-\xff\u0100-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272"
    r"\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_NOT_IN_DOMAIN_RUN = rf"!'#%&()*+,\\/:;<=>?@\[\]^{{|}}~${_SPACES}{_DIRECTIONAL_MARKERS}{_INVALID_CHARACTERS}"

_VALID_URL_PRECEDING = rf"(?<![A-Za-z0-9@＠$#＃{_INVALID_CHARACTERS}])"
_DOMAIN_RUN = f"[^{_NOT_IN_DOMAIN_RUN}]+"
_DOMAIN_START = f"{_VALID_URL_PRECEDING}[^-_.{_NOT_IN_DOMAIN_RUN}]"
_ASCII_LABELS = rf"(?:[-A-Za-z0-9{_LATIN_ACCENTS}]++\.)++"
_ASCII_TOP_LEVEL_DOMAIN = r"[A-Za-z]++(?![0-9@+-])"
_PUNYCODE = "[xX][nN]--[-0-9A-Za-z]+"

# Paths and queries are runs of allowed characters that end in an ending one, written so that nothing backtracks.
_PATH_ENDING = rf"A-Za-z0-9\u0400-\u04ff{_LATIN_ACCENTS}=_#/+-"
_PATH_INNER = r"!*';:,.$%\[\]\u2013~@|&"
_PATH_CHARACTER = f"[{_PATH_INNER}{_PATH_ENDING}]"
_BALANCED_PARENTHESES = rf"\((?:{_PATH_CHARACTER}++|{_PATH_CHARACTER}*+\({_PATH_CHARACTER}++\){_PATH_CHARACTER}*+)\)"
_PATH = rf"/(?:[{_PATH_INNER}]*+(?:[{_PATH_ENDING}]++|{_BALANCED_PARENTHESES}))*+"
_QUERY = r"\?(?:[!?*'@();:+$%\[\].,~|]*+[A-Za-z0-9_&=#/-]++)++"
_URL_TAIL = rf"(?::[0-9]+)?(?P<path>{_PATH})?(?:{_QUERY})?"
_TCO_URL = rf"[hH][tT][tT][pP][sS]?://[tT]\.[cC][oO]/(?P<slug>[A-Za-z0-9]+)(?:{_QUERY})?"

# Compiled at first use: importing this module must cost next to nothing where entities make it needless.
_compiled = cache(re.compile)


def extract_hashtags(text: str) -> list[str]:
    """The hashtags of `text` without their `#`, in order, repeated ones repeated."""
    return [hashtag.tag for hashtag in extract_hashtags_with_indices(text)]


def extract_hashtags_with_indices(text: str) -> list[HashtagSpan]:
    """The hashtags of `text` in order; `start` is at the `#`, indices are code points."""
    hashtags = list(_hashtag_candidates(text))
    if all(hashtag.start == 0 or text[hashtag.start - 1] in " \n" for hashtag in hashtags):
        return hashtags
    return _without_overlaps(hashtags, url_spans(text))


def fold_hashtag(tag: str) -> str:
    """The form in which hashtags compare equal: Unicode's compatibility caseless matching (D146)."""
    if len(tag) > MAX_HASHTAG_LENGTH:
        return tag.casefold()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", tag).casefold())
    return unicodedata.normalize("NFKC", decomposed.casefold())


def same_hashtag(first: str, second: str) -> bool:
    """Whether two hashtags differ in nothing but case, width and composition."""
    return fold_hashtag(first) == fold_hashtag(second)


def url_spans(text: str) -> list[Span]:
    """Where the URLs of `text` are, with and without a protocol, in order."""
    return [span for url in _urls(text) for span in _url_entities(text, url)]


def _hashtag_candidates(text: str) -> Iterator[HashtagSpan]:
    position = 0
    for sign in re.finditer(_HASH_SIGN, text):
        start = sign.start()
        if start and (start <= position or not _may_precede_hashtag(text[start - 1])):
            continue
        end = _tag_end(text, start + 1)
        tag = text[start + 1 : end]
        if not any(map(_is_letter_or_mark, tag)):
            continue
        position = end
        if not text.startswith(_END_HASHTAG_MATCH, end):
            yield HashtagSpan(tag, start, end)


def _may_precede_hashtag(character: str) -> bool:
    return character in _VARIATION_SELECTORS or not (character == "&" or _is_tag_character(character))


def _tag_end(text: str, start: int) -> int:
    return next((index for index in range(start, len(text)) if not _is_tag_character(text[index])), len(text))


def _is_tag_character(character: str) -> bool:
    return character.isdecimal() or character in _SPECIAL_CHARACTERS or _is_letter_or_mark(character)


def _is_letter_or_mark(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or (category == "Co" and re.match(_CORPORATE_LETTERS, character) is not None)


def _without_overlaps(hashtags: list[HashtagSpan], urls: list[Span]) -> list[HashtagSpan]:
    """Of overlapping entities the one that starts first stays, so a URL that starts inside a hashtag hides nothing."""
    entities = [*((hashtag.start, hashtag.end, hashtag) for hashtag in hashtags), *((*url, None) for url in urls)]
    entities.sort(key=lambda entity: entity[0])
    kept = []
    position = 0
    for start, end, hashtag in entities:
        if start >= position:
            position = end
            if hashtag is not None:
                kept.append(hashtag)
    return kept


class _Url(NamedTuple):
    """A match of twitter-text's `extractUrl`."""

    start: int
    domain_start: int
    domain_end: int
    end: int
    has_path: bool

    @property
    def has_protocol(self) -> bool:
        return self.domain_start > self.start


class _Label(NamedTuple):
    """A label of a domain, up to the dot at `dot`.

    `domain_end` is where the longest domain ends that has this label. `underscore` is the last one that must not be
    part of that domain: a domain name has none, a subdomain may.
    """

    dot: int
    underscore: int
    domain_end: int | None


def _urls(text: str) -> Iterator[_Url]:
    position = 0
    for run in re.finditer(_DOMAIN_RUN, text):
        if "." not in run[0]:
            continue
        for start, domain_start, domain_end in _domains(text, run.span()):
            if position and start <= position:
                continue
            url = _read_url(text, start, (domain_start, domain_end))
            position = url.end
            if _is_valid_url(text, url):
                yield url


def _domains(text: str, run: Span) -> Iterator[tuple[int, int, int]]:
    """Start of the URL, start and end of the domain, for each place of the run where a URL could start."""
    labels = _labels(text, run)
    if not any(label.domain_end for label in labels):
        return
    protocol = _protocol_before(text, run[0])
    if protocol and (domain_end := _domain_end(text, run[0], labels[0])):
        yield run[0] - len(protocol), run[0], domain_end
    starts = [match.start() for match in _compiled(_DOMAIN_START).finditer(text, run[0], labels[-1].dot)]
    if starts[:2] == [0, 1]:  # twitter-text first takes a text's first character for the one before the URL
        starts[:2] = [1, 0]
    remaining = iter(labels)
    label = next(remaining)
    for start in starts:
        while label.dot < start:
            label = next(remaining)
        if domain_end := _domain_end(text, start, label):
            yield start, start, domain_end


def _labels(text: str, run: Span) -> list[_Label]:
    labels: list[_Label] = []
    onward_end = None
    dot = text.rfind(".", *run)
    while dot >= 0:
        start = text.rfind(".", run[0], dot) + 1 or run[0]
        if onward_end is None:
            label = _Label(dot, text.rfind("_", start, dot), _top_level_domain_end(text, dot + 1))
        else:
            label = _Label(dot, -1, onward_end)
        labels.append(label)
        onward_end = _domain_end(text, start, label)
        dot = start - 1 if start > run[0] else -1
    labels.reverse()
    return labels


def _domain_end(text: str, start: int, label: _Label) -> int | None:
    if text[start] in "-_." or text[label.dot - 1] in "-_.":
        return None
    return label.domain_end if label.underscore < start else None


def _top_level_domain_end(text: str, start: int, limit: int = sys.maxsize) -> int | None:
    word = _compiled(_ASCII_TOP_LEVEL_DOMAIN).match(text, start, limit)
    if word and word[0].lower() in _ascii_top_level_domains():
        return word.end()
    other = _unicode_top_level_domain().match(text, start, limit) or _compiled(_PUNYCODE).match(text, start, limit)
    return other.end() if other else None


@cache
def _ascii_top_level_domains() -> frozenset[str]:
    return frozenset(_ASCII_TLDS.split())


@cache
def _unicode_top_level_domain() -> re.Pattern[str]:
    return re.compile(f"(?i:{'|'.join(_UNICODE_TLDS.split())})(?![0-9A-Za-z@+-])")


def _protocol_before(text: str, domain_start: int) -> str | None:
    before = text[max(0, domain_start - len(_DEFAULT_PROTOCOL)) : domain_start].lower()
    for protocol in _PROTOCOLS:
        if before.endswith(protocol):
            start = domain_start - len(protocol)
            return protocol if _compiled(_VALID_URL_PRECEDING).match(text, start) else None
    return None


def _read_url(text: str, start: int, domain: Span) -> _Url:
    tail = next(_compiled(_URL_TAIL).finditer(text, domain[1]))
    return _Url(start, *domain, tail.end(), tail["path"] is not None)


def _is_valid_url(text: str, url: _Url) -> bool:
    protocol = text[url.start : url.domain_start] or _DEFAULT_PROTOCOL
    if len(protocol) + url.end - url.start > _MAX_URL_LENGTH:
        return False
    domain = text[url.domain_start : url.domain_end]
    if domain.startswith("xn--") and not _ascii_domains(text, (url.domain_start, url.domain_end)):
        return False
    return all(_encoded_length(label) <= _MAX_DOMAIN_LABEL_LENGTH for label in domain.split("."))


def _encoded_length(label: str) -> int:
    """Length of the label in ASCII. Dots that only IDNA knows part it once more."""
    if label.isascii() or len(label) > _MAX_DOMAIN_LABEL_LENGTH:
        return len(label)
    parts = re.split(_IDNA_DOTS, label)
    return len(parts) - 1 + sum(map(_encoded_part_length, parts))


def _encoded_part_length(part: str) -> int:
    return len(part) if part.isascii() else len("xn--") + len(part.encode("punycode"))


def _url_entities(text: str, url: _Url) -> list[Span]:
    if url.has_protocol:
        return _tco_span(text, url)
    if text.endswith(_INVALID_URL_WITHOUT_PROTOCOL_PRECEDING, 0, url.start):
        return []
    spans = _ascii_domains(text, (url.domain_start, url.domain_end))
    if spans and url.has_path:
        spans[-1] = (spans[-1][0], url.end)
    return spans


def _tco_span(text: str, url: _Url) -> list[Span]:
    tco = _compiled(_TCO_URL).match(text, url.start, url.end)
    if tco is None:
        return [(url.start, url.end)]
    return [tco.span()] if len(tco["slug"]) <= _MAX_TCO_SLUG_LENGTH else []


def _ascii_domains(text: str, domain: Span) -> list[Span]:
    """The parts of a domain that twitter-text links where there is no protocol: CJK text around it stays out."""
    spans = []
    for labels in _compiled(_ASCII_LABELS).finditer(text, *domain):
        dots = (index for index in range(labels.end() - 1, labels.start(), -1) if text[index] == ".")
        ends = (_top_level_domain_end(text, dot + 1, domain[1]) for dot in dots)
        end = next((end for end in ends if end is not None), None)
        if end is not None:
            spans.append((labels.start(), end))
    return spans


# Generic and country-code top-level domains as twitter-text 3.1.0 lists them. Those that begin alike: longest first.
_ASCII_TLDS = """
    aaa aarp abarth abb abbott abbvie abc able abogado abudhabi ac academy accenture accountant accountants aco
    active actor ad adac ads adult ae aeg aero aetna af afamilycompany afl africa ag agakhan agency ai aig aigo
    airbus airforce airtel akdn al alfaromeo alibaba alipay allfinanz allstate ally alsace alstom am americanexpress
    americanfamily amex amfam amica amsterdam an analytics android anquan anz ao aol apartments app apple aq
    aquarelle ar arab aramco archi army arpa art arte as asda asia associates at athleta attorney au auction audi
    audible audio auspost author auto autos avianca aw aws ax axa az azure ba baby baidu banamex bananarepublic band
    bank bar barcelona barclaycard barclays barefoot bargains baseball basketball bauhaus bayern bb bbc bbt bbva bcg
    bcn bd be beats beauty beer bentley berlin best bestbuy bet bf bg bh bharti bi bible bid bike bing bingo bio biz
    bj bl black blackfriday blanco blockbuster blog bloomberg blue bm bms bmw bn bnl bnpparibas bo boats boehringer
    bofa bom bond boo book booking boots bosch bostik boston bot boutique box bq br bradesco bridgestone broadway
    broker brother brussels bs bt budapest bugatti build builders business buy buzz bv bw by bz bzh ca cab cafe cal
    call calvinklein cam camera camp cancerresearch canon capetown capital capitalone car caravan cards care career
    careers cars cartier casa case caseih cash casino cat catering catholic cba cbn cbre cbs cc cd ceb center ceo
    cern cf cfa cfd cg ch chanel channel charity chase chat cheap chintai chloe christmas chrome chrysler church ci
    cipriani circle cisco citadel citi citic city cityeats ck cl claims cleaning click clinic clinique clothing
    cloud club clubmed cm cn co coach codes coffee college cologne com comcast commbank community company compare
    computer comsec condos construction consulting contact contractors cooking cookingchannel cool coop corsica
    country coupon coupons courses cpa cr credit creditcard creditunion cricket crown crs cruise cruises csc cu
    cuisinella cv cw cx cy cymru cyou cz dabur dad dance data date dating datsun day dclk dds de deal dealer deals
    degree delivery dell deloitte delta democrat dental dentist desi design dev dhl diamonds diet digital direct
    directory discount discover dish diy dj dk dm dnp do docs doctor dodge dog doha domains doosan dot download
    drive dtv dubai duck dunlop duns dupont durban dvag dvr dz earth eat ec eco edeka edu education ee eg eh email
    emerck energy engineer engineering enterprises epost epson equipment er ericsson erni es esq estate esurance et
    etisalat eu eurovision eus events everbank exchange expert exposed express extraspace fage fail fairwinds faith
    family fan fans farm farmers fashion fast fedex feedback ferrari ferrero fi fiat fidelity fido film final
    finance financial fire firestone firmdale fish fishing fit fitness fj fk flickr flights flir florist flowers
    flsmidth fly fm fo foo food foodnetwork football ford forex forsale forum foundation fox fr free fresenius frl
    frogans frontdoor frontier ftr fujitsu fujixerox fun fund furniture futbol fyi ga gal gallery gallo gallup game
    games gap garden gay gb gbiz gd gdn ge gea gent genting george gf gg ggee gh gi gift gifts gives giving gl glade
    glass gle global globo gm gmail gmbh gmo gmx gn godaddy gold goldpoint golf goo goodhands goodyear goog google
    gop got gov gp gq gr grainger graphics gratis green gripe grocery group gs gt gu guardian gucci guge guide
    guitars guru gw gy hair hamburg hangout haus hbo hdfc hdfcbank health healthcare help helsinki here hermes hgtv
    hiphop hisamitsu hitachi hiv hk hkt hm hn hockey holdings holiday homedepot homegoods homes homesense honda
    honeywell horse hospital host hosting hot hoteles hotels hotmail house how hr hsbc ht htc hu hughes hyatt
    hyundai ibm icbc ice icu id ie ieee ifm iinet ikano il im imamat imdb immo immobilien in inc industries infiniti
    info ing ink institute insurance insure int intel international intuit investments io ipiranga iq ir irish is
    iselect ismaili ist istanbul it itau itv iveco iwc jaguar java jcb jcp je jeep jetzt jewelry jio jlc jll jm jmp
    jnj jo jobs joburg jot joy jp jpmorgan jprs juegos juniper kaufen kddi ke kerryhotels kerrylogistics
    kerryproperties kfh kg kh ki kia kim kinder kindle kitchen kiwi km kn koeln komatsu kosher kp kpmg kpn kr krd
    kred kuokgroup kw ky kyoto kz la lacaixa ladbrokes lamborghini lamer lancaster lancia lancome land landrover
    lanxess lasalle lat latino latrobe law lawyer lb lc lds lease leclerc lefrak legal lego lexus lgbt li liaison
    lidl life lifeinsurance lifestyle lighting like lilly limited limo lincoln linde link lipsy live living lixil lk
    llc llp loan loans locker locus loft lol london lotte lotto love lpl lplfinancial lr ls lt ltd ltda lu lundbeck
    lupin luxe luxury lv ly ma macys madrid maif maison makeup man management mango map market marketing markets
    marriott marshalls maserati mattel mba mc mcd mcdonalds mckinsey md me med media meet melbourne meme memorial
    men menu meo merckmsd metlife mf mg mh miami microsoft mil mini mint mit mitsubishi mk ml mlb mls mm mma mn mo
    mobi mobile mobily moda moe moi mom monash money monster montblanc mopar mormon mortgage moscow moto motorcycles
    mov movie movistar mp mq mr ms msd mt mtn mtpc mtr mu museum mutual mutuelle mv mw mx my mz na nab nadex nagoya
    name nationwide natura navy nba nc ne nec net netbank netflix network neustar new newholland news next
    nextdirect nexus nf nfl ng ngo nhk ni nico nike nikon ninja nissan nissay nl no nokia northwesternmutual norton
    now nowruz nowtv np nr nra nrw ntt nu nyc nz obi observer off office okinawa olayan olayangroup oldnavy ollo om
    omega one ong onion onl online onyourside ooo open oracle orange org organic orientexpress origins osaka otsuka
    ott ovh pa page pamperedchef panasonic panerai paris pars partners parts party passagens pay pccw pe pet pf
    pfizer pg ph pharmacy phd philips phone photo photography photos physio piaget pics pictet pictures pid pin ping
    pink pioneer pizza pk pl place play playstation plumbing plus pm pn pnc pohl poker politie porn post pr
    pramerica praxi press prime pro prod productions prof progressive promo properties property protection pru
    prudential ps pt pub pw pwc py qa qpon quebec quest qvc racing radio raid re read realestate realtor realty
    recipes red redstone redumbrella rehab reise reisen reit reliance ren rent rentals repair report republican rest
    restaurant review reviews rexroth rich richardli ricoh rightathome ril rio rip rmit ro rocher rocks rodeo rogers
    room rs rsvp ru rugby ruhr run rw rwe ryukyu sa saarland safe safety sakura sale salon samsclub samsung sandvik
    sandvikcoromant sanofi sap sapo sarl sas save saxo sb sbi sbs sc sca scb schaeffler schmidt scholarships school
    schule schwarz science scjohnson scor scot sd se search seat secure security seek select sener services ses
    seven sew sex sexy sfr sg sh shangrila sharp shaw shell shia shiksha shoes shop shopping shouji show showtime
    shriram si silk sina singles site sj sk ski skin sky skype sl sling sm smart smile sn sncf so soccer social
    softbank software sohu solar solutions song sony soy space spiegel sport spot spreadbetting sr srl srt ss st
    stada staples star starhub statebank statefarm statoil stc stcgroup stockholm storage store stream studio study
    style su sucks supplies supply support surf surgery suzuki sv swatch swiftcover swiss sx sy sydney symantec
    systems sz tab taipei talk taobao target tatamotors tatar tattoo tax taxi tc tci td tdk team tech technology tel
    telecity telefonica temasek tennis teva tf tg th thd theater theatre tiaa tickets tienda tiffany tips tires
    tirol tj tjmaxx tjx tk tkmaxx tl tm tmall tn to today tokyo tools top toray toshiba total tours town toyota toys
    tp tr trade trading training travel travelchannel travelers travelersinsurance trust trv tt tube tui tunes tushu
    tv tvs tw tz ua ubank ubs uconnect ug uk um unicom university uno uol ups us uy uz va vacations vana vanguard vc
    ve vegas ventures verisign versicherung vet vg vi viajes video vig viking villas vin vip virgin visa vision
    vista vistaprint viva vivo vlaanderen vn vodka volkswagen volvo vote voting voto voyage vu vuelos wales walmart
    walter wang wanggou warman watch watches weather weatherchannel webcam weber website wed wedding weibo weir wf
    whoswho wien wiki williamhill win windows wine winners wme wolterskluwer woodside work works world wow ws wtc
    wtf xbox xerox xfinity xihuan xin xperia xxx xyz yachts yahoo yamaxun yandex ye yodobashi yoga yokohama you
    youtube yt yun za zappos zara zero zip zippo zm zone zuerich zw
"""

_UNICODE_TLDS = """
    삼성 닷컴 닷넷 香格里拉 餐厅 食品 飞利浦 電訊盈科 集团 通販 购物 谷歌 诺基亚 联通 网络 网站
    网店 网址 组织机构 移动 珠宝 点看 游戏 淡马锡 机构 書籍 时尚 新闻 政府 政务 招聘 手表 手机
    我爱你 慈善 微博 广东 工行 家電 娱乐 天主教 大拿 大众汽车 在线 嘉里大酒店 嘉里 商标 商店 商城
    公益 公司 八卦 健康 信息 佛山 企业 中文网 中信 世界 ポイント ファッション セール ストア コム
    グーグル クラウド みんな คอม संगठन नेट कॉम همراه موقع موبايلي كوم
    كاثوليك عرب شبكة بيتك بازار العليان ارامكو اتصالات
    ابوظبي קום сайт рус орг онлайн москва ком католик дети
    vermögensberatung vermögensberater 한국 香港 澳門 新加坡 台灣 台湾
    中國 中国 გე ລາວ ไทย ලංකා ഭാരതം ಭಾರತ భారత్ சிங்கப்பூர்
    இலங்கை இந்தியா ଭାରତ ભારત ਭਾਰਤ ভাৰত ভারত বাংলা भारोत
    भारतम् भारत ڀارت پاکستان موريتانيا مليسيا مصر قطر
    فلسطين عمان عراق سورية سودان تونس بھارت بارت ایران
    امارات المغرب السعودية الجزائر البحرين الاردن հայ қаз
    укр срб рф мон мкд ею бел бг ευ ελ
"""
