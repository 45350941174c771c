"""Short French, Spanish and German sentences.

Split: (language, subject, verb phrase, object).
"""

from __future__ import annotations

from random import Random

from interp_nb.models.pocket.document import Document, Slot, Split, split_of

# Per language: subjects, verbs, objects, and a place or time; any combination is a sentence.
_GRAMMARS = {
    "French": (
        ("Le chat", "Ma mère", "Le garçon", "Notre voisin", "La petite fille", "Un vieil homme"),
        ("regarde", "cherche", "aime", "trouve", "porte", "achète"),
        ("la maison", "un livre", "le pain", "une pomme", "les fleurs", "son chapeau"),
        ("dans le jardin", "chaque matin", "avec plaisir", "à la gare", "sans rien dire", "ce soir"),
    ),
    "Spanish": (
        ("El gato", "Mi madre", "El niño", "Nuestro vecino", "La chica", "Un hombre viejo"),
        ("mira", "busca", "quiere", "encuentra", "lleva", "compra"),
        ("la casa", "un libro", "el pan", "una manzana", "las flores", "su sombrero"),
        ("en el jardín", "cada mañana", "con gusto", "en la estación", "sin decir nada", "esta noche"),
    ),
    "German": (
        ("Die Katze", "Meine Mutter", "Der Junge", "Unser Nachbar", "Das Mädchen", "Ein alter Mann"),
        ("sieht", "sucht", "liebt", "findet", "trägt", "kauft"),
        ("das Haus", "ein Buch", "das Brot", "einen Apfel", "die Blumen", "seinen Hut"),
        ("im Garten", "jeden Morgen", "mit Freude", "am Bahnhof", "ohne ein Wort", "heute Abend"),
    ),
}


def foreign(rng: Random, split: Split) -> Document:
    """Write one or two sentences in French, Spanish or German."""
    language = rng.choice(tuple(_GRAMMARS))
    slots: dict[str, Slot] = {}
    for sentence in range(rng.choice((1, 1, 2))):
        while True:
            subject, verb, thing, when = (rng.choice(words) for words in _GRAMMARS[language])
            if split_of("foreign", language, subject, verb, thing) == split:
                break
        slots[f"s{sentence}"] = Slot(subject, role="subject")
        slots[f"v{sentence}"] = Slot(verb, role="verb", pos="VERB")
        slots[f"o{sentence}"] = Slot(thing, role="object")
        slots[f"w{sentence}"] = Slot(when)
    template = " ".join(f"{{s{index}}} {{v{index}}} {{o{index}}} {{w{index}}}." for index in range(len(slots) // 4))
    return Document("foreign", template, slots, language=language)
