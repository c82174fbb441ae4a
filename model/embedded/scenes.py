"""Procedural pictures with captions and masks: the world that the embedded models are trained and measured on.

A scene is laid out in units of the shorter side from its seed alone, then drawn at any size: the same seed gives
the same objects in the same places whatever the resolution. Everything here is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw

from model.types import Image, Mask

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "heart")
COLOURS = {
    "red": (206, 34, 38),
    "green": (36, 156, 56),
    "blue": (38, 72, 206),
    "yellow": (240, 214, 44),
    "purple": (132, 44, 164),
    "orange": (240, 128, 24),
    "white": (244, 244, 244),
    "black": (22, 22, 24),
}
TEXTURES = ("plain", "striped", "dotted")
SIZES = {"big": (0.17, 0.24), "": (0.125, 0.16), "small": (0.075, 0.11)}  # radius, in shorter sides
GROUNDS = {"grass": (104, 150, 70), "sand": (214, 192, 146), "water": (84, 150, 186), "stone": (138, 136, 134)}
SUPERSAMPLING = 4

# The segmenter was trained on seeds below 100,000, the autoencoder from ten and the backbone from twenty million on.
HELD_OUT = 1_000_000  # seeds from here on are for reporting only
TUNING = 2_000_000  # seeds from here on are for choosing constants


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be said of an object; `size` is big, small or empty."""

    shape: str
    colour: str
    texture: str
    size: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies: centre (X, Y) and radius in shorter sides, turned by `angle` radians."""

    x: float
    y: float
    radius: float
    angle: float


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """An object of a scene and its visible pixels, mask (H, W)."""

    kind: Kind
    place: Place
    mask: Mask


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture (H, W, 3) with its objects, back to front, and the name of its ground."""

    seed: int
    image: Image
    objects: tuple[Thing, ...]
    ground: str

    @cached_property
    def ground_mask(self) -> Mask:
        """The pixels (H, W) that no object covers."""
        return np.asarray(~np.any([thing.mask for thing in self.objects], axis=0))


def draw(seed: int, size: int | tuple[int, int], most: int = 5) -> Scene:
    """Draw scene number `seed` at `size` (side, or (H, W)) pixels with 1 to `most` objects."""
    height, width = (size, size) if isinstance(size, int) else size
    layout, texture = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    ground = str(layout.choice(list(GROUNDS)))
    things = _things(layout, most, height, width)
    canvas = _ground(texture, ground, height, width)
    for thing, alpha in things:
        _paint(canvas, texture, thing, alpha)
    canvas += texture.standard_normal(canvas.shape[:2], dtype=np.float32)[..., None] * 3.0
    return Scene(seed, canvas.clip(0, 255).astype(np.uint8), _visible(things), ground)


def _things(rng: np.random.Generator, most: int, height: int, width: int) -> list[tuple[Thing, NDArray[np.float32]]]:
    kinds = _kinds(rng, int(rng.integers(1, most + 1)))
    aspect = (width / min(height, width), height / min(height, width))
    crowded = bool(rng.random() < 0.3)
    things: list[tuple[Thing, NDArray[np.float32]]] = []
    for kind in kinds:
        place = _free_place(rng, kind, [thing.place for thing, _ in things], aspect, crowded)
        if place is not None:
            alpha = _alpha(kind.shape, place, height, width)
            things.append((Thing(kind, place, alpha > 0.5), alpha))
    return things


def _kinds(rng: np.random.Generator, count: int) -> list[Kind]:
    """Draw kinds; two times in five an object shares shape or colour with an earlier one, so that words must work."""
    kinds: list[Kind] = []
    for _ in range(count):
        kind = Kind(
            shape=str(rng.choice(SHAPES)),
            colour=str(rng.choice(list(COLOURS))),
            texture=str(rng.choice(TEXTURES, p=(0.6, 0.2, 0.2))),
            size=str(rng.choice(list(SIZES), p=(0.35, 0.4, 0.25))),
        )
        if kinds and rng.random() < 0.4:
            twin = kinds[int(rng.integers(len(kinds)))]
            share = rng.random()
            shape = twin.shape if share < 0.6 else kind.shape
            colour = twin.colour if share > 0.4 else kind.colour
            kind = Kind(shape, colour, kind.texture, kind.size)
        kinds.append(kind)
    return kinds


def _free_place(
    rng: np.random.Generator, kind: Kind, taken: list[Place], aspect: tuple[float, float], crowded: bool
) -> Place | None:
    """Find a place whose circle keeps clear of the others, or overlaps them a little where the scene is crowded."""
    low, high = SIZES[kind.size]
    reach = 0.7 if crowded else 1.03
    for attempt in range(60):
        radius = float(rng.uniform(low, high))
        margin = radius * 0.98
        x, y = (float(rng.uniform(margin, side - margin)) for side in aspect)
        shrink = reach if attempt < 40 else reach - 0.1
        if all(np.hypot(x - other.x, y - other.y) > shrink * (radius + other.radius) for other in taken):
            return Place(x, y, radius, float(rng.uniform(-0.35, 0.35)))
    return None


def _outline(shape: str) -> NDArray[np.float64]:
    """Corners (N, 2) of a shape in the unit circle, Y downwards."""
    turn = np.linspace(0, 2 * np.pi, 73)[:-1]
    if shape in ("circle", "ring"):
        return np.stack([np.cos(turn), np.sin(turn)], axis=1)
    if shape == "heart":
        x = 16 * np.sin(turn) ** 3
        y = -(13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn))
        return np.stack([x, y - y.mean()], axis=1) / 16.5
    if shape == "cross":
        arm = 0.34
        quarter = np.array([(arm, -0.95), (arm, -arm), (0.95, -arm)])
        turns = [np.array([(np.cos(a), np.sin(a)), (-np.sin(a), np.cos(a))]) for a in np.arange(4) * np.pi / 2]
        return np.concatenate([quarter @ matrix for matrix in turns])
    corners = {"square": 4, "triangle": 3, "star": 10}[shape]
    angles = np.arange(corners) * 2 * np.pi / corners - np.pi / 2 + (np.pi / 4 if shape == "square" else 0)
    radii = np.where(np.arange(corners) % 2, 0.45, 1.0) if shape == "star" else np.ones(corners)
    return np.stack([np.cos(angles) * radii, np.sin(angles) * radii], axis=1)


OUTLINES = {shape: _outline(shape) for shape in SHAPES}


def _alpha(shape: str, place: Place, height: int, width: int) -> NDArray[np.float32]:
    """Coverage (H, W) in 0..1 of one object, drawn in its own window at four times the size."""
    unit = min(height, width)
    centre, radius = np.array([place.x, place.y]) * unit, place.radius * unit
    x0, y0 = np.maximum(np.floor(centre - radius * 1.1).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(centre + radius * 1.1).astype(int), (width, height))
    window = Pictures.new("L", (int(x1 - x0) * SUPERSAMPLING, int(y1 - y0) * SUPERSAMPLING))
    pen = ImageDraw.Draw(window)
    pen.polygon(_corners(shape, place.angle, radius, centre - (x0, y0)), fill=255)
    if shape == "ring":
        pen.polygon(_corners(shape, place.angle, radius * 0.52, centre - (x0, y0)), fill=0)
    alpha = np.zeros((height, width), np.float32)
    alpha[y0:y1, x0:x1] = np.asarray(window.reduce(SUPERSAMPLING), np.float32) / 255
    return alpha


def _corners(shape: str, angle: float, radius: float, centre: NDArray[np.float64]) -> list[tuple[float, float]]:
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return [(float(x), float(y)) for x, y in (OUTLINES[shape] @ turn * radius + centre) * SUPERSAMPLING]


def _visible(things: list[tuple[Thing, NDArray[np.float32]]]) -> tuple[Thing, ...]:
    """Take from each mask what later objects cover."""
    free = np.ones(things[0][1].shape, np.bool_)
    visible: list[Thing] = []
    for thing, alpha in reversed(things):
        visible.append(Thing(thing.kind, thing.place, thing.mask & free))
        free &= alpha <= 0.5
    return tuple(reversed(visible))


def _paint(canvas: NDArray[np.float32], rng: np.random.Generator, thing: Thing, alpha: NDArray[np.float32]) -> None:
    """Blend one object onto the canvas (H, W, 3) in place, inside its window only."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = np.mgrid[window[0], window[1]].astype(np.float32)
    unit = thing.place.radius * min(alpha.shape)
    colour = np.array(COLOURS[thing.kind.colour], np.float32) + rng.uniform(-14, 14, 3).astype(np.float32)
    light = 1 + 0.12 * ((thing.place.x * min(alpha.shape) - x) + (thing.place.y * min(alpha.shape) - y)) / unit
    surface = colour * light[..., None]
    second = _second_colour(colour)
    pattern = _pattern(rng, thing.kind.texture, x / unit, y / unit)
    surface = surface * (1 - pattern[..., None]) + second * pattern[..., None]
    cover = alpha[window][..., None]
    canvas[window] = canvas[window] * (1 - cover) + surface * cover


def _second_colour(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """The stripes' and dots' colour: the same hue, clearly lighter or darker."""
    return colour * 0.45 + 140 if colour.mean() < 120 else colour * 0.5


def _pattern(
    rng: np.random.Generator, texture: str, x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Where the second colour shows, (h, w) in 0..1; x and y are in radii of the object."""
    period, angle, phase = rng.uniform(0.38, 0.55), rng.uniform(0, np.pi), rng.uniform(0, 1, 2)
    along = (x * np.cos(angle) + y * np.sin(angle)) / period + phase[0]
    across = (y * np.cos(angle) - x * np.sin(angle)) / period + phase[1]
    if texture == "striped":
        return np.asarray(np.clip((np.abs(along % 1 - 0.5) - 0.27) * period * 30 + 0.5, 0, 1), np.float32)
    if texture == "dotted":
        distance = np.hypot(along % 1 - 0.5, across % 1 - 0.5)
        return np.asarray(np.clip((0.3 - distance) * period * 30 + 0.5, 0, 1), np.float32)
    return np.zeros_like(x)


def _ground(rng: np.random.Generator, name: str, height: int, width: int) -> NDArray[np.float32]:
    """A textured ground (H, W, 3) as floats in 0..255."""
    unit = min(height, width)
    colour = np.array(GROUNDS[name], np.float32) + rng.uniform(-16, 16, 3).astype(np.float32)
    if name == "grass":
        grain = _noise(rng, height, width, 9, 40) * 16 + _noise(rng, height, width, 5, 9) * 10
    elif name == "water":
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / unit
        bend = _noise(rng, height, width, 5, 4) * 0.8
        grain = 13 * np.sin(2 * np.pi * (y * rng.uniform(9, 14) + x * rng.uniform(-1, 1) + bend))
    elif name == "stone":
        grain = _noise(rng, height, width, 6, 6) * 16 + _noise(rng, height, width, 24, 24) * 9
    else:
        grain = _noise(rng, height, width, 64, 64) * 9 + _noise(rng, height, width, 3, 3) * 7
    slope = _noise(rng, height, width, 2, 2) * 8
    return colour + (grain + slope)[..., None]


def _noise(rng: np.random.Generator, height: int, width: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Smooth noise (H, W) of deviation about 1 with about `rows` x `columns` bumps."""
    seeds = Pictures.fromarray(rng.standard_normal((rows + 1, columns + 1), dtype=np.float32))
    return np.asarray(seeds.resize((width, height), Pictures.Resampling.BILINEAR), np.float32)
