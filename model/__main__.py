"""Segment a picture from the command line.

python -m model segment IMAGE "TEXT" [--point x,y[,-]] [--box x0,y0,x1,y1] -o OUT.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from PIL import ImageOps, UnidentifiedImageError

from model.errors import AnywordError, BadImage
from model.grounding.sixteen_bits import eight_bits
from model.loading import EnginePaths, load_engine
from model.types import Answer, Box, Clause, Hint, Image, Point, Query
from model.visualize import overlay


def main() -> int:
    """Write an overlay, print phrase, label and score of each region; the exit status is 1 for a refused query."""
    arguments = _parser().parse_args()
    try:
        image = read_image(arguments.image)
        engine = load_engine(EnginePaths(arguments.backbone, arguments.segmenter, arguments.parser))
        answer = engine.segment(image, query_of(arguments.text, arguments.point, arguments.box))
    except AnywordError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    Pictures.fromarray(overlay(image, [segment.mask for segment in answer.segments])).save(arguments.output)
    print(table(answer))
    for warning in answer.warnings:
        print(f"note: {warning}", file=sys.stderr)
    return 0


def read_image(path: Path) -> Image:
    """Read a picture file as the eye sees it: (H, W, 3), turned as its EXIF data say."""
    try:
        with Pictures.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(eight_bits(path.read_bytes(), picture)).convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise BadImage(f"{path} cannot be read as a picture ({error})") from error


def query_of(text: str, points: list[Point], box: Box | None) -> Query:
    """Clauses parted by ';', and one hint from all points and the box."""
    clauses = tuple(Clause(part.strip()) for part in text.split(";")) if text else ()
    hints = (Hint(tuple(points), box),) if points or box else ()
    return Query(clauses, hints)


def table(answer: Answer) -> str:
    """One line for each region and for each phrase that was not found."""
    rows = [
        f"{segment.phrase.text if segment.phrase else '(pointed at)'}\t"
        f"{segment.phrase.noun.lemma if segment.phrase else '-'}\t{segment.score:.2f}"
        for segment in answer.segments
    ]
    missing = [f"{each.phrase.text}\tnot found" for each in answer.findings if not each.present]
    return "\n".join(["phrase\tlabel\tscore", *rows, *missing])


def point(text: str) -> Point:
    """Read 'x,y' or 'x,y,-'."""
    parts = text.split(",")
    if len(parts) not in (2, 3) or parts[2:] not in ([], ["-"], ["+"]):
        raise argparse.ArgumentTypeError(f"{text}: a point is x,y or x,y,- in pixels")
    x, y = _numbers(parts[:2])
    return Point(x, y, positive=parts[2:] != ["-"])


def box(text: str) -> Box:
    """Read 'x0,y0,x1,y1'."""
    parts = text.split(",")
    if len(parts) != 4:
        raise argparse.ArgumentTypeError(f"{text}: a box is x0,y0,x1,y1 in pixels")
    return Box(*_numbers(parts))


def _numbers(parts: list[str]) -> list[float]:
    try:
        return [float(part) for part in parts]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{','.join(parts)}: numbers are needed") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model", description="Segment a picture from text, points and boxes."
    )
    commands = parser.add_subparsers(required=True)
    segment = commands.add_parser("segment", help="write an overlay of what a text, points or a box mean")
    segment.add_argument("image", type=Path)
    segment.add_argument("text", nargs="?", default="", help="what to look for; several things are parted by ';'")
    segment.add_argument(
        "--point", type=point, action="append", default=[], metavar="x,y[,-]", help="a click; ',-' for off the object"
    )
    segment.add_argument("--box", type=box, metavar="x0,y0,x1,y1")
    segment.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png")
    for model in ("backbone", "segmenter", "parser"):
        segment.add_argument(f"--{model}", default="", help="checkpoint folder or hub name; default: the embedded one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
