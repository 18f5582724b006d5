"""The page docs/api.md, from the docstrings: `python docs/api_reference.py docs/api.md`, or `make api`."""

import pathlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import griffe

ROOT = pathlib.Path(__file__).parents[1]
INTRODUCTION = """# API reference

Written by `make api` from the docstrings. In signatures, `UInt8[np.ndarray, "h w 3"]` is an array with its type and shape as
[jaxtyping](https://docs.kidger.site/jaxtyping/) writes them. `ImageLike` is whatever `rgb_image` takes; `Box` is (x, y, width,
height) and `Corners` are four (x, y), both in pixels, see `Region`.
"""
PAGE = {  # heading: the names below it; of PACKAGES, or else of lpasrn_jax
    "Reading plates": ["load", "Reader", "Reading", "Evidence", "UserError"],
    "Arguments": ["reading.inputs.rgb_image", "reading.region.Region", "plates.PlateFormat"],
    "Tracks, training, evaluation": [
        "synthetic.tracks.write_tracks",
        "training.loop.train_and_evaluate",
        "evaluation.evaluate.evaluate",
    ],
    "The operator": ["available", "deform_conv", "linen.DCNv4", "nnx.DCNv4", "torch_weights.params_from_torch"],
    "Convolution": ["convolution.conv_general_dilated", "convolution.left_to_xla"],
}
PACKAGES = {"The operator": "dcnv4_jax", "Convolution": "dcnv4_jax"}


def page() -> str:
    loader = griffe.GriffeLoader(
        search_paths=[ROOT, ROOT / "kernels"], docstring_parser="google", docstring_options={"warnings": False}
    )
    for package in ("lpasrn_jax", "dcnv4_jax"):
        loader.load(package)
    loader.resolve_aliases()
    parts = [INTRODUCTION]
    for heading, names in PAGE.items():
        parts.append(f"## {heading}")
        for name in names:
            path = f"{PACKAGES.get(heading, 'lpasrn_jax')}.{name}"
            member = loader.modules_collection[path]
            thing = member.final_target if member.is_alias else member
            parts += described(thing, f"### {path}")
            if thing.is_class and heading != "Arguments":
                parts += public_members(thing)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def described(thing: griffe.Function | griffe.Class, heading: str) -> Iterator[str]:
    yield heading
    yield signature(thing)
    for section in thing.docstring.parsed if thing.docstring else []:
        if section.kind is griffe.DocstringSectionKind.text:
            yield section.value
        else:
            yield f"{section.kind.value.capitalize()}:"
            yield items({getattr(item, "name", None) or str(item.annotation): item.description for item in section.value})


def public_members(owner: griffe.Class) -> Iterator[str]:
    public = [member for name, member in owner.members.items() if not name.startswith("_") and member.docstring]
    if properties := {member.name: member.docstring.value for member in public if member.is_attribute}:
        yield "Properties:"
        yield items(properties)
    for member in public:
        if member.is_function:
            yield from described(member, f"#### {owner.name}.{member.name}")


def items(descriptions: dict[str, str]) -> str:
    return "\n".join(f"- `{name}`: {textwrap.indent(text, '  ').strip()}" for name, text in descriptions.items())


def signature(thing: griffe.Function | griffe.Class) -> str:
    """It as a block of Python, over several lines where it is long."""
    if thing.is_function or thing.parameters:
        code = thing.signature() if thing.is_function else thing.signature(name=thing.name)
    else:  # a tuple or a Flax module
        fields = [member for name, member in thing.members.items() if member.is_attribute and not name.startswith("_")]
        values = ["" if field.value is None else f" = {field.value}" for field in fields]
        arguments = [f"{field.name}: {field.annotation}{value}" for field, value in zip(fields, values, strict=True)]
        code = f"{thing.name}({', '.join(arguments)})"
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=100", "-"]
    formatted = subprocess.run(ruff, input=f"def {code}: ...", capture_output=True, text=True, check=True).stdout
    return f"```python\n{formatted.strip().removeprefix('def ').removesuffix(': ...')}\n```"


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(page())
