"""Words by what they mean for a phrase: where a thing is, how many there are, what somebody wears. All ours."""

from __future__ import annotations

PLACES = {
    "left": "left", "leftmost": "left", "lefthand": "left", "right": "right", "rightmost": "right",
    "righthand": "right", "top": "top", "upper": "top", "topmost": "top", "uppermost": "top", "bottom": "bottom",
    "lower": "bottom", "bottommost": "bottom", "lowermost": "bottom", "lowest": "bottom", "middle": "middle",
    "center": "middle", "centre": "middle", "central": "middle",
}  # fmt: skip
CARRIERS = frozenset({"side", "corner", "half", "edge", "part", "end", "back", "front", "area", "rear"})
PICTURES = frozenset({"picture", "image", "photo", "photograph", "frame", "scene", "screen"})
MEASURES = PICTURES | {"view", "group", "pair", "couple", "bunch", "set", "row", "pile", "lot", "herd", "flock",
                       "stack", "series", "collection", "kind", "type", "sort"}  # fmt: skip
QUANTITIES = frozenset({"many", "several", "few", "other", "same", "such", "more", "most", "own", "various"})
PRONOUNS = frozenset({"someone", "somebody", "something", "anyone", "anything", "everyone", "everything", "nothing"})
DEGREES = frozenset({"far", "very", "extreme", "hand"})  # "on the far left", "on the right hand side"

WEARING = frozenset({"wear", "have", "sport", "feature"})  # verbs whose object describes their subject
COVERING = frozenset({"dress", "clothe", "cover", "wrap", "coat", "bathe"})  # "covered in snow"
GARMENTS = frozenset(
    "shirt t-shirt tshirt sweatshirt sweater jumper pullover hoodie jersey top blouse vest jacket coat raincoat blazer "
    "cardigan suit tuxedo uniform costume outfit dress gown skirt kilt robe kimono trouser trousers pant pants jean "
    "jeans short shorts leggings overalls pajamas pyjamas swimsuit bikini trunk trunks wetsuit underwear apron scarf "
    "tie bowtie glove hat cap beanie helmet hood mask glasses sunglasses goggles shoe boot sneaker sandal heel sock "
    "stocking clothes clothing clothe attire gear armor armour leather denim black white red green blue yellow orange "
    "purple pink brown grey gray beige".split()
)  # what "in" ties to who wears it; a colour stands for clothes ("the man in red")
UNSEEN = frozenset(
    "be have do let get find show see look select segment mark label give want need detect outline highlight annotate "
    "please".split()
)  # verbs that show nothing, or ask for something
