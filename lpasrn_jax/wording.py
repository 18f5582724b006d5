"""Messages in correct English."""


def counted(number: int, noun: str) -> str:
    """`1 plate`, `2 plates`: a number of things that form their plural with an s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
