"""Everyday vocabulary of the generated captions (ours).

`_` joins the parts of a compound noun; verbs and participles are written form:lemma.
"""

from __future__ import annotations


def _entries(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PEOPLE = _entries(
    """man woman boy girl child person baby kid lady guy skateboarder surfer skier cyclist chef waiter doctor nurse
    farmer player rider worker driver tourist student teacher dancer singer musician soldier baseball_player
    police_officer tennis_player bride groom toddler fisherman batter pedestrian clown fireman snowboarder
    mother father customer vendor teenager tennis_coach taxi_driver"""
)
ANIMALS = _entries(
    """dog cat horse cow sheep bird elephant zebra giraffe bear duck goose chicken rabbit fox wolf deer monkey lion
    tiger pig goat mouse squirrel owl parrot turtle frog snake butterfly fish shark whale dolphin penguin
    puppy kitten polar_bear sea_lion guinea_pig panda camel donkey seagull pigeon swan bee lizard"""
)
VEHICLES = _entries(
    """car truck bus train bicycle bike motorcycle boat ship airplane plane van taxi tractor scooter helicopter
    tram ambulance sailboat canoe trailer fire_truck police_car pickup_truck school_bus race_car
    delivery_van jeep wagon carriage kayak steam_train cruise_ship dump_truck"""
)
CLOTHES = _entries(
    """shirt sweatshirt jacket coat dress skirt hat cap sweater hoodie tie suit scarf helmet uniform vest tracksuit
    blouse costume raincoat apron robe baseball_cap wedding_dress life_vest straw_hat ski_jacket sun_hat"""
)
CLOTHES_PLURAL = _entries("glasses jeans pants shorts sunglasses gloves boots shoes sneakers sandals pajamas")
FOOD = _entries(
    """donut pizza sandwich banana apple orange carrot cake hamburger cookie pear lemon tomato potato onion pancake
    muffin bagel burger hot_dog ice_cream_cone birthday_cake strawberry grape egg pie cupcake taco waffle
    pepper mushroom cucumber watermelon pineapple cherry croissant"""
)
FURNITURE = _entries(
    """chair table couch sofa bed desk bench shelf lamp cabinet bookshelf dresser stool armchair rug mirror curtain
    pillow blanket oven refrigerator fridge sink toilet bathtub microwave television computer_desk
    office_chair coffee_table kitchen_counter dining_table picnic_table nightstand drawer fireplace stove
    park_bench"""
)
THINGS = _entries(
    """ball book bottle cup bowl plate knife fork spoon umbrella bag backpack suitcase phone laptop keyboard clock
    vase box basket candle guitar kite frisbee skateboard surfboard snowboard camera toothbrush bucket flag
    sign balloon pen pencil glass mug pot pan towel ladder rope toy key ring wallet remote toaster
    teddy_bear tennis_racket baseball_bat wine_glass cell_phone coffee_cup computer_mouse hair_dryer
    stop_sign water_bottle flower_pot paper_bag trash_can soccer_ball chess_board cutting_board tea_kettle
    violin drum hammer broom tray jar can newspaper magazine map shopping_cart handbag stroller wheelchair
    object shape one"""
)
OUTDOORS = _entries(
    """tree house building fence bridge wall road street tower mountain hill river lake rock flower bush plant
    traffic_light fire_hydrant street_lamp parking_meter mailbox window door roof church barn castle tent
    statue fountain gate lighthouse parking_lot train_station palm_tree pine_tree apple_tree cloud path
    field garden bus_stop street_sign wind_turbine skyscraper staircase balcony chimney pond island windmill
    telephone_pole"""
)
MASSES = _entries("water wine milk fruit soup rice bread cheese food luggage coffee juice pasta salad furniture")
HAIR = _entries("hair fur skin")
GROUNDS = _entries(
    """foreground sky air grass sand water stone snow ice concrete mud gravel ground floor beach sidewalk
    background"""
)
PARTS = _entries(
    """tail ear nose beard hat mustache ponytail handle wheel window door roof stripe collar leg horn beak wing lid
    button pocket antenna stem trunk badge logo sail spot"""
)
SHAPES = _entries("circle square triangle star ring cross heart")
ROOMS = _entries("kitchen room street park field bathroom garden forest office living_room city market zoo yard")

COLOURS = _entries(
    """red green blue yellow purple orange white black brown pink gray grey silver beige golden turquoise tan
    maroon navy cream"""
)
SHAPE_COLOURS = _entries("red green blue yellow purple orange white black")
SHADES = _entries("dark light bright pale")
SIZES = _entries("big small large little tiny huge tall short long giant wide narrow thin thick massive")
QUALITIES = _entries(
    """old young new empty full open round square dirty clean wet dry wooden shiny fluffy furry hairy colorful
    bright dark modern rusty beautiful cute happy sad plain transparent soft flat curly blond blonde bald
    tall short heavy fresh ripe green raw sweet sharp elderly female male asian ancient hot cold sunny
    cloudy fancy cheap wild stuffed upright oval rectangular triangular circular lazy brave hungry sleepy
    angry funny strange pretty lonely floral fuzzy muddy snowy sandy rocky grassy dusty foggy leafy bare
    steep messy narrow"""
)
PATTERNS = _entries("striped dotted spotted checkered patterned plain plaid")
PAST_PARTICIPLES = _entries(
    """parked:park broken:break painted:paint sliced:slice cooked:cook folded:fold closed:close covered:cover
    fried:fry baked:bake grilled:grill framed:frame rolled:roll stacked:stack abandoned:abandon wrapped:wrap
    frozen:freeze polished:polish torn:tear hidden:hide decorated:decorate peeled:peel"""
)
PRESENT_PARTICIPLES = _entries(
    """smiling:smile running:run sleeping:sleep sitting:sit standing:stand flying:fly walking:walk jumping:jump
    laughing:laugh moving:move crying:cry swimming:swim grazing:graze burning:burn barking:bark
    dancing:dance"""
)
MATERIALS = _entries("metal leather plastic glass stone brick paper steel wood denim cotton concrete brass toy")
SUPERLATIVES = _entries("biggest:big smallest:small tallest:tall largest:large oldest:old nearest:near")

HOLDING = _entries(
    """holding:hold carrying:carry using:use pulling:pull pushing:push throwing:throw catching:catch washing:wash
    watching:watch painting:paint opening:open lifting:lift dragging:drag cleaning:clean fixing:fix
    buying:buy selling:sell touching:touch swinging:swing"""
)
EATING = _entries("eating:eat cutting:cut cooking:cook slicing:slice tasting:taste serving:serve biting:bite")
RIDING = _entries("riding:ride driving:drive pushing:push washing:wash parking:park steering:steer")
MEETING = _entries("feeding:feed petting:pet chasing:chase following:follow watching:watch hugging:hug")
RESTING = _entries(
    """sitting:sit standing:stand lying:lie sleeping:sleep walking:walk running:run playing:play jumping:jump
    resting:rest waiting:wait leaning:lean posing:pose looking:look talking:talk flying:fly hanging:hang
    swimming:swim"""
)
FILLED = _entries("covered:cover filled:fill decorated:decorate topped:top surrounded:surround")
LAID = _entries("""parked:park placed:place painted:paint mounted:mount left:leave stacked:stack scattered:scatter""")

SIDES = _entries("left right top bottom middle center")
SIDE_ADJECTIVES = _entries("left right top bottom middle upper lower leftmost rightmost far_left far_right")
NUMBERS = _entries("two three four five six seven eight ten 2 3 4")
ADVERBS = _entries("quickly slowly very often really fast here there now almost together carefully away up down")
MEASURES = _entries("image set pile stack group picture photo pair bunch row couple view")
ORDERS = _entries("find segment show select mark label outline detect")

RELATIONS = (("next", "to"), ("near",), ("behind",), ("under",), ("beside",), ("above",), ("below",), ("by",),
             ("against",), ("underneath",), ("beneath",), ("around",), ("over",), ("inside",), ("across",),
             ("between",), ("along",), ("through",), ("outside",), ("down",), ("up",),
             ("onto",), ("among",))  # fmt: skip
RELATION_NOUNS = (("in", "front"), ("on", "top"))
SIDE_PREPOSITIONS = {"top": "at", "bottom": "at", "middle": "in", "center": "in"}

IRREGULAR_PLURALS = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "mouse": "mice", "sheep": "sheep",
    "goose": "geese", "deer": "deer", "fish": "fish", "knife": "knives", "scarf": "scarves", "shelf": "shelves",
    "wolf": "wolves", "fisherman": "fishermen", "fireman": "firemen", "bookshelf": "bookshelves",
    "tomato": "tomatoes", "potato": "potatoes",
}  # fmt: skip
NONCE_ONSETS = _entries("bl gl fr w z t sn v k")
NONCE_CODAS = _entries("rp ck g x nt zz m lf b")
