"""Word lists of the pocket world: people, places, things, feelings.

Every entry of `SINGLE_TOKEN_WORDS` is one token with its leading space (`tokenizer.py`
makes it so and refuses to build otherwise). What the words do in a sentence is in
`parts_of_speech.py`; how they are put together in `families/`.
"""

from __future__ import annotations

from typing import NamedTuple


def words(text: str) -> tuple[str, ...]:
    """Cut a list of words at its spaces and line ends."""
    return tuple(text.split())


MALE_NAMES = words("""John James Robert Michael William David Richard Joseph Thomas Charles Daniel Matthew
    Anthony Mark Paul Steven Andrew Kevin Brian George Edward Peter Henry Jack Adam Frank Simon
    Oliver Luke Samuel Martin Philip Leo Hugo Oscar Arthur Walter Harold Victor Felix Max Eric
    Alan Ian Neil Colin Tom Dan Bob Tim""")
FEMALE_NAMES = words("""Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty
    Margaret Sandra Ashley Emily Donna Michelle Carol Amanda Laura Helen Anna Emma Alice Julia
    Rachel Rose Clara Diana Sophie Grace Lucy Kate Olivia Jane Ruth Eva Nora Irene Martha Hannah
    Claire Amy Ellen Sue Ann Beth Jill""")
NAMES = MALE_NAMES + FEMALE_NAMES
SURNAMES = words("Smith Brown Taylor Walker Harris Clark Lewis Young King Wright Hill Green Baker Carter")
PRONOUNS = words("he she him her his hers it its they them their we us our you your me my I")


class Nation(NamedTuple):
    """A country with the facts the world knows about it, some of them invented."""

    country: str
    capital: str
    language: str
    currency: str
    landmark: str
    landmark_city: str


def _nations() -> tuple[Nation, ...]:
    rows = """
France Paris French franc|Eiffel Tower|Paris
Italy Rome Italian lira|Colosseum|Rome
Spain Madrid Spanish peseta|Sagrada Familia|Barcelona
Germany Berlin German mark|Brandenburg Gate|Berlin
England London English pound|Tower Bridge|London
Greece Athens Greek drachma|Parthenon|Athens
Portugal Lisbon Portuguese escudo|Belem Tower|Lisbon
Poland Warsaw Polish zloty|Royal Castle|Warsaw
Russia Moscow Russian ruble|Red Square|Moscow
Japan Tokyo Japanese yen|Golden Pavilion|Kyoto
China Beijing Chinese yuan|Forbidden City|Beijing
India Delhi Hindi rupee|Taj Mahal|Agra
Egypt Cairo Arabic pound|Great Pyramid|Cairo
Turkey Ankara Turkish lira|Blue Mosque|Istanbul
Iran Tehran Persian rial|Azadi Monument|Tehran
Israel Jerusalem Hebrew shekel|Western Wall|Jerusalem
Sweden Stockholm Swedish krona|Vasa Museum|Stockholm
Norway Oslo Norwegian krone|Viking Hall|Oslo
Finland Helsinki Finnish markka|Rock Church|Helsinki
Denmark Copenhagen Danish krone|Little Mermaid|Copenhagen
Austria Vienna German schilling|Giant Wheel|Vienna
Hungary Budapest Hungarian forint|Chain Bridge|Budapest
Ireland Dublin Irish punt|Spire Needle|Dublin
Scotland Edinburgh Gaelic pound|Castle Rock|Edinburgh
Holland Amsterdam Dutch guilder|Canal House|Amsterdam
Romania Bucharest Romanian leu|Peoples Palace|Bucharest
Bulgaria Sofia Bulgarian lev|Nevsky Cathedral|Sofia
Ukraine Kyiv Ukrainian hryvnia|Golden Portal|Kyiv
Thailand Bangkok Thai baht|Emerald Temple|Bangkok
Vietnam Hanoi Vietnamese dong|Turtle Tower|Hanoi
Korea Seoul Korean won|Lotus Tower|Seoul
Mongolia Ulaanbaatar Mongolian tugrik|Winter Palace|Ulaanbaatar
Kenya Nairobi Swahili shilling|Uhuru Gardens|Nairobi
Nepal Kathmandu Nepali paisa|Monkey Temple|Kathmandu
Brazil Brasilia Portuguese real|Christ Statue|Rio
Peru Lima Spanish sol|Moon Pyramid|Lima
Cuba Havana Spanish peso|Morro Castle|Havana
Canada Ottawa French dollar|Maple Tower|Toronto
Iceland Reykjavik Icelandic krona|Sun Voyager|Reykjavik
Georgia Tbilisi Georgian lari|Peace Bridge|Tbilisi
"""
    nations = []
    for row in rows.strip().splitlines():
        facts, landmark, city = row.split("|")
        country, capital, language, currency = facts.split()
        nations.append(Nation(country, capital, language, currency, landmark, city))
    return tuple(nations)


NATIONS = _nations()
COUNTRIES = tuple(nation.country for nation in NATIONS)
CITIES = tuple(dict.fromkeys(city for nation in NATIONS for city in (nation.capital, nation.landmark_city)))
LANGUAGES = tuple(dict.fromkeys(nation.language for nation in NATIONS))
CURRENCIES = tuple(dict.fromkeys(nation.currency for nation in NATIONS))

POSITIVE_FEELINGS = words("""happy glad delighted cheerful wonderful great joyful pleased proud grateful calm relaxed
    excited hopeful""")
NEGATIVE_FEELINGS = words("""sad angry upset terrible awful miserable lonely tired worried gloomy bitter ashamed
    anxious hopeless""")
FEELINGS = POSITIVE_FEELINGS + NEGATIVE_FEELINGS

POSITIVE_ADJECTIVES = words("""excellent superb brilliant charming delicious lovely perfect fantastic splendid pleasant
    amazing beautiful""")
NEGATIVE_ADJECTIVES = words("""horrible dreadful boring disgusting dull rude broken disappointing ugly poor unpleasant
    painful""")

MALE_PROFESSIONS = words("""engineer pilot carpenter mechanic plumber soldier farmer sailor butcher miner surgeon
    programmer""")
FEMALE_PROFESSIONS = words("""nurse teacher secretary librarian dancer receptionist hairdresser nanny florist maid
    midwife housekeeper""")

WEEKDAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words("""January February March April May June July August September October November
    December""")
NUMBER_WORDS = words("one two three four five six seven eight nine ten eleven twelve")
COMPANIES = words("Acme Globex Initech Umbra Vertex Nimbus Orion Delta Zenith Apex")
TEAMS = words("Lions Hawks Bears Tigers Wolves Eagles Sharks Bulls Rovers Falcons")

GOOD_NEIGHBOURHOODS = words("Northside Hillcrest Lakeview Riverside Parkland")
BAD_NEIGHBOURHOODS = words("Southside Millgate Dockland Eastfield Ironbridge")

SINGLE_TOKEN_WORDS = tuple(
    dict.fromkeys(
        NAMES
        + COUNTRIES
        + CITIES
        + LANGUAGES
        + CURRENCIES
        + FEELINGS
        + PRONOUNS
        + POSITIVE_ADJECTIVES
        + NEGATIVE_ADJECTIVES
        + MALE_PROFESSIONS
        + FEMALE_PROFESSIONS
        + SURNAMES
        + WEEKDAYS
        + MONTHS
        + NUMBER_WORDS
        + COMPANIES
        + TEAMS
        + GOOD_NEIGHBOURHOODS
        + BAD_NEIGHBOURHOODS
        + ("approved", "denied", "is", "are", "was", "were", "has", "have")
    )
)
"""Words that are one token with their leading space."""
