"""Parts of speech (Universal Dependencies tags) of every word the templates use.

A template's fillers say what they are themselves; this table is for the fixed words. The
world is small enough that one tag per word and language is nearly always right; where a word
has two uses, the tag is that of its common use in the templates.
Source of the tag set: https://universaldependencies.org/u/pos/
"""

from __future__ import annotations

from interp_nb.models.pocket.lexicon import CURRENCIES, LANGUAGES, MONTHS, WEEKDAYS

_ENGLISH = {
    "DET": "a an the this that all every some any my our your their its his no another",
    "ADP": """of in on at to from with by for after before behind beside near against into up
        down over under during through within without following according until next""",
    "PRON": """i it he she they we you us me him her them who what everyone everything someone
        one mine hers nothing which yours""",
    "AUX": """is are was were be been has have had will would can could should may do did does
        am must wasn""",
    "CCONJ": "and or but",
    "SCONJ": "because if when while where as than",
    "PART": "not",
    "NUM": "two three four five six seven eight nine ten eleven twelve thousand hundred",
    "INTJ": "hey hi hello yo ya cheers thanks please no sorry love hugs",
    "ADV": """then there here very really so too today yesterday again afterwards often well
        badly simply formally quickly super probably sincerely faithfully respectfully late
        home yes now just never almost more later how enclosed out off outside back""",
    "ADJ": """official capital central famous good bad great old new early strong weak higher
        lower lost heavy final cool late busy big small little simple technical ready tired kind
        known best worst total real full loud warm hard long grateful sincere dear expert
        constant nominal kinetic potential linear thermal blue dark fast favourite happy better
        fun last own record honest worth high""",
    "VERB": """said say says told thought think went go goes gone come came coming made make
        makes felt feel saw see sees read write writing wrote speak speaks spoken talk learn fly
        flies travel visit move moved found find stands sits located governs love loves loved
        hated belongs want wants wanna gonna buy bought recommend warn tried looked look asked ask earns
        earn lives live lasted began ended ends end changed change arrived met meet left walked
        walk sat opened open closed close waited wait stopped stop worked works work win won
        lost lose forgot called call likes like help helps use get gets grows grow emits shows
        show shape reacts react spins spin survives survive absorbs doubles discovered measured
        needed need needs met passed resigned signed blamed reported expected praised play beat
        inform confirm regret postponed requested express take know knows guess let see printed
        prints pay given converts operates exhibits maintains requires sleeps know did smiled
        smile brought laugh cry ruined made sold moved enjoy raining rose fell bring add be
        forgotten become put thank changes encoded stops""",
    "NOUN": """capital city language currency money bank government country people children
        child book books shop shops price prices visitor visitors tourists sight home pictures
        picture store park school office station museum market library garden hospital beach
        drink ball ring letter ticket flower present key phone sandwich day evening morning night
        week month year years time work friends friend race tea door keys coat sister letter news
        mistake review film hotel meal restaurant concert chair jacket camera soup song tour game
        room coffee bag opinion start stars star dinner meeting party lecture wedding interview
        trip movie match exam lunch show festival lesson speech picnic success laughter applause
        joy disaster insults complaints pain waste shares stock percent trading investors points
        analysts dollars earnings sales contract profits losses goals cup coach team scientists
        study doctor laboratory researchers data planet protein virus particle enzyme fossil
        crystal bacterium galaxy light heat oxygen radiation mass president minister voters polls
        parliament law debate treaty opposition vote taxes trade schools energy water housing
        borders health pensions farming engine battery heart computer bridge rocket kidney magnet
        laser terms specification words grandmother thing things box efficiency frequency hertz
        load response threshold volts equilibrium means feedback mechanism calibration parameters
        tolerance inspection visit course delivery reference documents gratitude regards place
        deal loan application name income neighbourhood decision bank war siege strike drought
        trial journey plague project famine voyage campaign reign story list table apples pears
        plums eggs bread milk cheese rice beans onions carrots tomatoes nuts butter honey flour
        salt grapes count order base base64 hex key checksum color code page link text plain sir
        madam mr mrs world talk engineer pilot carpenter mechanic plumber soldier farmer sailor
        butcher miner surgeon programmer nurse teacher secretary librarian dancer receptionist
        hairdresser nanny florist maid midwife housekeeper bit lot front""",
}
_FRENCH = {
    "DET": "le la les un une ma mon son ce cet cette notre chaque",
    "NOUN": """chat mère garçon voisin fille homme maison livre pain pomme fleurs chapeau jardin
        matin plaisir gare soir""",
    "ADJ": "petite vieil",
    "ADP": "dans avec à sans",
    "PRON": "rien",
    "VERB": "regarde cherche aime trouve porte achète dire",
}
_SPANISH = {
    "DET": "el la las un una mi su nuestro cada esta",
    "NOUN": """gato madre niño vecino chica hombre casa libro pan manzana flores sombrero jardín
        mañana gusto estación noche""",
    "ADJ": "viejo",
    "ADP": "en con sin",
    "PRON": "nada",
    "VERB": "mira busca quiere encuentra lleva compra decir",
}
_GERMAN = {
    "DET": "die der das ein einen meine unser seinen jeden",
    "NOUN": """katze mutter junge nachbar mädchen mann haus buch brot apfel blumen hut garten
        morgen freude bahnhof wort abend""",
    "ADJ": "alter",
    "ADP": "im mit am ohne",
    "ADV": "heute",
    "VERB": "sieht sucht liebt findet trägt kauft",
}
# Keywords are auxiliaries of a kind, names are nouns: the tags that fit code least badly.
_PYTHON = {
    "X": """def return if for in range import class while try except print len true false none
        self init valueerror""",
    "NOUN": """add scale count merge check load save parse total find sort first x y n items
        value data result index text name left right math json random time point node table
        loader model queue""",
}
_JSON = {"NOUN": "name age city id user active items total visits home score", "X": "true false null"}


def _invert(table: dict[str, str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag, words in table.items():
        for word in words.split():
            tags.setdefault(word.lower(), tag)
    return tags


_TAGS = {
    "English": _invert(_ENGLISH | {"PROPN": " ".join((*WEEKDAYS, *MONTHS, *LANGUAGES))})
    | dict.fromkeys(CURRENCIES, "NOUN"),
    "French": _invert(_FRENCH),
    "Spanish": _invert(_SPANISH),
    "German": _invert(_GERMAN),
    "Python": _invert(_PYTHON),
    "JSON": _invert(_JSON),
}


def part_of_speech(word: str, language: str) -> str:
    """Give the tag of a word, number, space or punctuation mark.

    Raises:
        KeyError: the word is in no template of this language: add it to the table above.
    """
    if word.isspace():
        return "SPACE"
    if word.isdigit():
        return "NUM"
    if not word[0].isalpha():
        return "PUNCT"
    if len(word) == 1 and word.isupper() and word not in "AI":
        return "SYM"
    stem = word.lower().partition("'")[0]
    try:
        return _TAGS[language][stem]
    except KeyError:
        raise KeyError(f"No part of speech for {word!r} in {language}; add it to the table.") from None
