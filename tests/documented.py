"""What the documentation tells its readers to type: command lines and Python."""

import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "MODEL_CARD.md", "CONTRIBUTING.md", "kernels/README.md", "parity/README.md")),
    *sorted(ROOT.glob("docs/*.md")),
]
PROGRAMS = r"([A-Z_]+=|(python|lpasrn|\S*/lpasrn|make|pip|pytest|sbatch|curl|docker|kubectl|cmake|tensorboard) )"
MENTION = r"lpasrn [\w-]+( --[\w-]+)?"  # within a sentence: the name of a command, and of an option that is talked about


def block_lines(page: pathlib.Path) -> list[str]:
    """Each indented line, backslashes joined."""
    text = page.read_text().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def inline_code(page: pathlib.Path) -> list[str]:
    """Each piece between backquotes."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text())


def commands() -> dict[str, list[str]]:
    """Each command line without its comment, and the pages that it is on; not those that a sentence only mentions."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        for line in block_lines(page) + [piece for piece in inline_code(page) if not re.fullmatch(MENTION, piece)]:
            if re.match(PROGRAMS, line):
                pages = found.setdefault(" ".join(re.sub(r"\s#.*", "", line).split()), [])
                pages += [name for name in [str(page.relative_to(ROOT))] if name not in pages]
    return found


def snippets() -> dict[str, str]:
    """Each indented piece of Python that imports lpasrn_jax, by page and number on it."""
    found = {}
    for page in PAGES:
        blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", page.read_text(), flags=re.MULTILINE)
        python = [
            textwrap.dedent(block).strip() for block in blocks if re.search("^    (import|from) lpasrn_jax", block, re.MULTILINE)
        ]
        found |= {f"{page.relative_to(ROOT)}-{number}": code for number, code in enumerate(python, 1)}
    return found
