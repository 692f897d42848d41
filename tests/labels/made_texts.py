"""Short texts whose words say their label, so that a wrong label shows."""

import random

WORDS = {
    "joy": ["delighted", "sunny", "cheerful", "party", "smiling", "laughter"],
    "anger": ["furious", "outrage", "shouting", "unfair", "slammed", "rude"],
    "fear": ["scared", "trembling", "dark", "panic", "haunted", "danger"],
    "sadness": ["crying", "lonely", "funeral", "tears", "grieving", "empty"],
}
OTHERS = [
    "today",
    "again",
    "in",
    "the",
    "office",
    "my",
    "neighbour",
    "with",
    "a",
    "friend",
    "after",
    "lunch",
    "at",
    "home",
]


def rows(count: int, seed: int = 0, several: bool = False) -> list[dict]:
    """Texts of four labels in turn; with `several` every fifth has two labels."""
    draw = random.Random(seed)
    names = list(WORDS)
    found = []
    for number in range(count):
        labels = [names[number % 4]] + ([names[(number + 1) % 4]] if several and number % 5 == 0 else [])
        words = [word for label in labels for word in draw.sample(WORDS[label], 3)] + draw.sample(OTHERS, 5)
        draw.shuffle(words)
        found.append({"text": f"{' '.join(words)} {number}", "label": labels if several else labels[0]})
    return found
