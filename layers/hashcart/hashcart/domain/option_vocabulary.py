"""What shoppers call sizes, colours and the like in English, French, Spanish, German and Japanese.

All words are folded as by `domain.folding`, and written together where they are several.
"""

from collections.abc import Mapping

type Words = Mapping[str, str]


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


def _inverted(words: Mapping[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, synonyms in words.items() for word in (meaning, *synonyms.split())}


NAMES: Words = _inverted(
    {
        "size": "sizes sz taille tailles pointure talla tallas tamano grosse groesse gr konfektionsgrosse schuhgrosse"
        " サイズ 大きさ",
        "colour": "color colors colours couleur couleurs coloris teinte colores farbe farben farbton カラー 色 色味",
        "material": "matiere materiau materiel fabric tissu tela stoff 素材 生地",
        "length": "longueur longitud largo lange laenge 長さ 丈",
        "width": "largeur ancho anchura breite weite 幅",
        "style": "estilo stil スタイル",
        "pattern": "motif patron estampado muster 柄",
        "flavour": "flavor gout saveur parfum sabor geschmack geschmacksrichtung 味 フレーバー",
        "scent": "fragrance senteur aroma duft 香り",
        "capacity": "volume contenance capacite capacidad volumen inhalt fullmenge 容量",
        "format": "formato ausgabe edition edicion 形式 版",
    }
)
"""Names of options, by what they mean."""

UNTOLD_NAMES = frozenset({"", "title", "option", "options", "variant", "variants", "variation", "type", "default"})
"""Names that stores give options without telling what they are."""

VALUES: Words = _inverted(
    {
        "xxs": "2xs xxsmall",
        "xs": "xsmall extrasmall",
        "s": "small",
        "m": "medium",
        "l": "large",
        "xl": "xlarge extralarge",
        "xxl": "2xl xxlarge 2xlarge",
        "xxxl": "3xl xxxlarge 3xlarge",
        "xxxxl": "4xl xxxxlarge 4xlarge",
        "xxxxxl": "5xl 5xlarge",
        "black": "noir noire noirs noires negro negra negros schwarz schwarze schwarzen schwarzes 黒 黒色 ブラック",
        "white": "blanc blanche blancs blanches blanco blanca blancos weiss weisse weissen weisses 白 白色 ホワイト",
        "red": "rouge rouges rojo roja rojos rot rote roten rotes 赤 赤色 レッド",
        "blue": "bleu bleue bleus bleues azul azules blau blaue blauen blaues 青 青色 ブルー",
        "green": "vert verte verts vertes verde verdes grun gruen grune grunen grunes 緑 緑色 グリーン",
        "yellow": "jaune jaunes amarillo amarilla gelb gelbe gelben gelbes 黄 黄色 イエロー",
        "orange": "naranja orangen オレンジ 橙 橙色",
        "pink": "rosa rose ピンク 桃色",
        "purple": "violet violette violett morado morada purpura パープル 紫 紫色",
        "brown": "marron brun brune braun braune braunen braunes ブラウン 茶 茶色",
        "grey": "gray gris grise grau graue grauen graues グレー 灰色",
        "beige": "ベージュ",
        "navy": "navyblue marine bleumarine azulmarino marineblau ネイビー 紺 紺色",
        "silver": "argent argente plata plateado silber silbern シルバー 銀 銀色",
        "gold": "golden dore doree dorado dorada ゴールド 金 金色",
        "turquoise": "turquesa turkis tuerkis ターコイズ",
    }
)
"""Values that mean the same in whatever language a store and a shopper write them."""

COURTESIES = _words(
    "i id ill we want wants need would take get order buy add give me us please pls plz in of with and the a an",
    "one ones it my this pair just only yes yeah yep ok okay hi hey hello kindly to cart kind coloured colored",
    "je jen voudrais veux prends aimerais un une le la les de du des en et avec sil vous te plait svp stp mon ma mes",
    "oui bonjour celui celle",
    "yo quiero quisiera querria necesito por favor el los las una y con mi si hola del",
    "ich mochte moechte nehme will hatte haette gern gerne bitte und der die das den dem ein eine einen einem mit mein",
    "meine ja hallo von",
    "の を が で に は と い な も です 希望 希望です ください をください 下さい を下さい お願い お願いします",
    "をお願いします でお願いします おねがいします でおねがいします をおねがいします よろしく でよろしく",
    "よろしくお願いします でよろしくお願いします ほしい ほしいです がほしい がほしいです 欲しい 欲しいです",
    "が欲しい が欲しいです がいい がいいです にします",
)
"""Words that say nothing but that something is wanted."""

ENDINGS = _words(
    "for because cause cuz since as thanks thank thx ty cheers pour car merci comme para porque gracias como",
    "fur fuer weil da denn danke als ありがとう ありがとうございます",
)
"""Words after which comes for whom or why."""

DOUBTS = _words(
    "not no nor never none dont doesnt isnt wont cant cannot without except excluding but or either instead than",
    "rather unless any whichever whatever maybe perhaps if larger smaller bigger",
    "pas non ni jamais sans sauf mais ou plutot sinon",
    "nunca sin excepto salvo pero o u menos sino quizas",
    "nicht kein keine keinen keiner nie ohne ausser aber oder sondern statt vielleicht egal falls",
    "ない なし なく ではない じゃない ではなく じゃなく じゃなくて ではなくて 以外 または もしくは でも",
)
"""Words that turn what they stand beside into its contrary, or into one of several."""

LINKING = _words("is est es ist は が")
"""Words that may stand between the name of an option and its value."""
