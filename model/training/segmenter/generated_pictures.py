"""Procedural training pictures for the segmenter: no photograph, no fixed vocabulary of shapes.

A picture is a partition of the ground into textured regions with organic or straight borders, objects of arbitrary
outline painted over it (some of several parts, some alike, some thin), and then what a camera does: uneven light,
blur, noise, colour casts, low contrast and compression. Everything is ours and follows from one seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.types import Image, Mask

Labels = NDArray[np.int32]  # (S, S), 0.. the number of the piece that is visible in each pixel
Field = NDArray[np.float32]  # (h, w)
Rng = np.random.Generator

OUTLINES = ("polygon", "curve", "ellipse", "rectangle", "stroke", "ring", "patch")  # the first four may be parts too
SMALLEST = 0.0012  # an object that shows less of itself than this share of the picture is no target


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedPicture:
    """A picture with its truth.

    image: (S, S, 3) RGB; labels: (S, S), the piece seen in each pixel; objects: for every object the pieces that
    make it up. A piece may be an object of its own and also belong to a larger one (a wheel and its cart).
    """

    image: Image
    labels: Labels
    objects: tuple[tuple[int, ...], ...]

    def mask(self, index: int) -> Mask:
        """The visible pixels (S, S) of object `index`."""
        return np.isin(self.labels, self.objects[index])


def draw(seed: int, size: int) -> GeneratedPicture:
    """The picture of this seed, `size` pixels square."""
    rng = np.random.default_rng(seed)
    labels = ground(rng, size)
    regions = count = int(labels.max()) + 1
    wholes: list[tuple[int, ...]] = []
    for _ in range(int(rng.integers(0, 9))):
        placed = place(rng, labels, count)
        count += sum(len(pieces) for pieces in placed)
        wholes.extend(pieces for pieces in placed if len(pieces) > 1)
    image = photograph(rng, paint(rng, labels, regions))
    areas = np.bincount(labels.ravel(), minlength=count)
    candidates = [(piece,) for piece in range(count)] + wholes
    objects = [pieces for pieces in candidates if areas[list(pieces)].sum() >= SMALLEST * labels.size]
    return GeneratedPicture(image, labels, tuple(objects))


def noise(rng: Rng, height: int, width: int, cells: float) -> Field:
    """Smooth noise (height, width) of about unit variance with `cells` bumps along the longer side."""
    side = max(height, width)
    rows, columns = (max(2, int(np.ceil(cells * length / side)) + 1) for length in (height, width))
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def fractal(rng: Rng, height: int, width: int, cells: float) -> Field:
    """Four octaves of noise, each of half the amplitude: cloud, bark, grass, fur."""
    octaves = [noise(rng, height, width, cells * 2**power) * np.float32(0.6**power) for power in range(4)]
    return np.asarray(np.sum(octaves, axis=0), np.float32)


def grid(height: int, width: int) -> tuple[Field, Field]:
    """Pixel coordinates x and y, each (height, width), in units of the longer side."""
    side = max(height, width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / side, y / side


def ground(rng: Rng, size: int) -> Labels:
    """The picture cut into 1 to 9 regions: Voronoi cells, level sets of noise, or bands, with warped borders."""
    x, y = grid(size, size)
    wobble = np.float32(rng.choice([0.0, 0.02, 0.05, 0.1]))
    cells = rng.uniform(2, 14)
    x, y = x + wobble * noise(rng, size, size, cells), y + wobble * noise(rng, size, size, cells)
    count = int(rng.choice([1, 2, 3, 4, 6, 9], p=[0.22, 0.2, 0.18, 0.16, 0.14, 0.1]))
    kind = rng.random()
    if kind < 0.4:
        seeds = rng.random((count, 2), dtype=np.float32)
        raw = np.argmin([(x - sx) ** 2 + (y - sy) ** 2 for sx, sy in seeds], axis=0)
    elif kind < 0.7:
        scale = rng.uniform(1.5, 4)
        raw = np.argmax([noise(rng, size, size, scale) for _ in range(count)], axis=0)
    else:
        angle = rng.choice([np.pi / 2, rng.uniform(0, np.pi)])
        along = x * np.cos(angle) + y * np.sin(angle)
        raw = np.searchsorted(np.sort(rng.uniform(0.1, 0.9, count - 1)), along)
    return connected(np.asarray(raw, np.int32), size)


def connected(raw: Labels, size: int) -> Labels:
    """Regions renumbered so that each is in one piece; specks join whatever was numbered before them."""
    labels = np.zeros_like(raw)
    count = 1
    for value in range(int(raw.max()) + 1):
        pieces, numbered, stats, _ = cv2.connectedComponentsWithStats((raw == value).astype(np.uint8), connectivity=4)
        for piece in range(1, pieces):
            if stats[piece, cv2.CC_STAT_AREA] < 0.004 * size * size:
                continue
            labels[numbered == piece] = count
            count += 1
    _, packed = np.unique(labels, return_inverse=True)
    return packed.reshape(raw.shape).astype(np.int32)


def place(rng: Rng, labels: Labels, first: int) -> list[tuple[int, ...]]:
    """Paint one object, or a few of one make, over `labels` in place; the pieces of each, numbered from `first` on."""
    size = labels.shape[0]
    radius = size * float(np.exp(rng.uniform(np.log(0.04), np.log(0.38))))
    outline = OUTLINES[int(rng.integers(len(OUTLINES)))]
    placed: list[tuple[int, ...]] = []
    for _ in range(int(rng.choice([1, 1, 1, 3]))):
        centre = rng.uniform(0, size, 2)
        shape = silhouette(rng, outline, size, centre, radius)
        labels[shape] = first
        parts = parts_of(rng, shape, centre, radius) if rng.random() < 0.3 else []
        for number, part in enumerate(parts, first + 1):
            labels[part] = number
        placed.append(tuple(range(first, first + 1 + len(parts))))
        first += 1 + len(parts)
    return placed


def silhouette(rng: Rng, outline: str, size: int, centre: NDArray[np.float64], radius: float) -> Mask:
    """An object's outline (S, S), one of OUTLINES."""
    canvas = np.zeros((size, size), np.uint8)
    if outline == "stroke":
        path = np.cumsum(rng.normal(0, radius * 0.5, (int(rng.integers(2, 7)), 2)), axis=0) + centre
        thickness = max(2, int(radius * rng.uniform(0.08, 0.4)))
        cv2.polylines(canvas, [path.astype(np.int32)], bool(rng.random() < 0.2), 1, thickness, cv2.LINE_8)
    elif outline == "patch":
        x, y = (axis * size - middle for axis, middle in zip(grid(size, size), centre, strict=True))
        canvas = (np.hypot(x, y) / radius + 0.5 * fractal(rng, size, size, size / radius) < 1).astype(np.uint8)
    elif outline in ("polygon", "curve"):
        corners = closed_curve(rng, smooth=outline == "curve") * radius + centre
        cv2.fillPoly(canvas, [corners.astype(np.int32)], 1)
    else:
        width = radius * rng.uniform(0.35, 1)
        frame = (centre.tolist(), (2 * radius, 2 * width), float(rng.uniform(0, 180)))
        if outline == "rectangle":
            cv2.fillPoly(canvas, [np.asarray(cv2.boxPoints(frame), np.int32)], 1)
        else:
            thickness = max(2, int(width * rng.uniform(0.2, 0.6))) if outline == "ring" else -1
            cv2.ellipse(canvas, frame, 1, thickness)
    return canvas.astype(bool)


def closed_curve(rng: Rng, smooth: bool) -> NDArray[np.float64]:
    """Corners (N, 2) around the origin within the unit circle: a polygon or star, or a smooth wavy curve."""
    count = 64 if smooth else int(rng.integers(3, 13))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count)) if rng.random() < 0.5 else np.arange(count) * 2 * np.pi / count
    if smooth:
        waves = [rng.normal(0, 0.5 / n) * np.cos(n * angles + rng.uniform(0, 6.3)) for n in range(1, 7)]
        reach = np.clip(0.65 + np.sum(waves, axis=0), 0.15, 1.2)
    else:
        reach = rng.uniform(rng.choice([0.3, 0.7, 1.0]), 1.0, count)
        reach[::2] *= rng.choice([1.0, 1.0, 0.45])
    turned = angles + rng.uniform(0, 6.3)
    return np.stack([reach * np.cos(turned), reach * np.sin(turned)], axis=1)


def parts_of(rng: Rng, shape: Mask, centre: NDArray[np.float64], radius: float) -> list[Mask]:
    """None, one or two parts (S, S) of an object: something on it, or a side of it."""
    parts = []
    for _ in range(int(rng.integers(1, 3))):
        offset = centre + rng.normal(0, radius * 0.4, 2)
        outline = OUTLINES[int(rng.integers(4))]
        part = shape & silhouette(rng, outline, len(shape), offset, radius * rng.uniform(0.3, 0.8))
        if SMALLEST * shape.size <= part.sum() <= 0.8 * shape.sum():
            parts.append(part)
    return parts


def paint(rng: Rng, labels: Labels, regions: int) -> NDArray[np.float32]:
    """Colour and texture for every piece: (S, S, 3) in 0..1. Now and then two pieces look alike."""
    image = np.zeros((*labels.shape, 3), np.float32)
    palette = colours(rng)
    styles: list[int] = []
    for piece in range(int(labels.max()) + 1):
        alike = len(styles) > regions and rng.random() < 0.3
        styles.append(styles[-1] if alike else int(rng.integers(2**31)))
        mask = (labels == piece).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(mask)
        if width == 0:
            continue
        frame = np.s_[top : top + height, left : left + width]
        fill = texture(np.random.default_rng(styles[-1]), height, width, (labels.shape[0], palette))
        np.copyto(image[frame], fill, where=mask[frame][..., None].astype(bool))
    return image


def colours(rng: Rng) -> NDArray[np.float32]:
    """Six colours (6, 3) in 0..1 that a picture is painted in: vivid, or muted around one cast."""
    if rng.random() < 0.5:
        return rng.random((6, 3), dtype=np.float32)
    spread = rng.uniform(0.08, 0.3)
    return np.clip(rng.random(3) + rng.normal(0, spread, (6, 3)), 0, 1).astype(np.float32)


def texture(rng: Rng, height: int, width: int, look: tuple[int, NDArray[np.float32]]) -> NDArray[np.float32]:
    """A filled rectangle (height, width, 3): two colours mixed by a pattern, and light falling from one side."""
    size, palette = look
    first = palette[rng.integers(len(palette))]
    second = rng.random(3) if rng.random() < 0.3 else first + rng.normal(0, rng.choice([0.05, 0.12, 0.3]), 3)
    mix = pattern(rng, height, width, size)[..., None]
    fill = first + (second.astype(np.float32) - first) * mix
    if rng.random() < 0.5:
        x, y = grid(height, width)
        angle, strength = rng.uniform(0, 6.3), rng.uniform(0.1, 0.6)
        fill = fill * (1 + strength * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)))[..., None]
    if rng.random() < 0.5:
        fill = fill + (rng.uniform(0.01, 0.12) * noise(rng, height, width, max(height, width) / 1.5))[..., None]
    return np.asarray(fill, np.float32)


def pattern(rng: Rng, height: int, width: int, size: int) -> Field:
    """How much of the second colour, (height, width), about 0..1: plain, clouds, grain, stripes, dots or checks."""
    kind = int(rng.choice(6, p=[0.16, 0.28, 0.16, 0.18, 0.12, 0.1]))
    relative = max(height, width) / size
    if kind == 0:
        return np.zeros((height, width), np.float32)
    if kind in (1, 2):
        cells = relative * np.exp(rng.uniform(np.log(2), np.log(20))) if kind == 1 else relative * size / 3
        return np.asarray(0.5 + 0.5 * fractal(rng, height, width, cells), np.float32)
    x, y = (axis * relative for axis in grid(height, width))
    if rng.random() < 0.3:
        x = x + 0.02 * noise(rng, height, width, 5 * relative + 2)
    angle, count = rng.uniform(0, np.pi), 2 * np.pi * np.exp(rng.uniform(np.log(8), np.log(max(9, size / 6))))
    across = np.sin(count * (x * np.cos(angle) + y * np.sin(angle)))
    along = np.sin(count * (y * np.cos(angle) - x * np.sin(angle)))
    level = rng.uniform(-0.5, 0.5)
    wave = {3: across - level, 4: across + along - 1 - level, 5: across * along}[kind]
    return np.asarray(np.clip(0.5 + wave * rng.choice([0.7, 4.0]), 0, 1), np.float32)


def photograph(rng: Rng, image: NDArray[np.float32]) -> Image:
    """What light and camera do to a painted picture (S, S, 3) in 0..1, as 8-bit RGB."""
    size = image.shape[0]
    if rng.random() < 0.6:
        light = 1 + rng.uniform(0.05, 0.3) * noise(rng, size, size, rng.uniform(1, 4))
        image = image * np.clip(light, 0.3, 1.7)[..., None]
    blur = rng.uniform(0.35, 0.7) if rng.random() < 0.6 else rng.uniform(0.7, max(0.8, 0.008 * size))
    image = cv2.GaussianBlur(image, (0, 0), float(blur)).astype(np.float32)
    contrast, brightness = rng.uniform(0.35, 1.2), rng.normal(0, 0.08)
    image = np.clip((image - 0.5) * contrast + 0.5 + brightness + rng.normal(0, 0.03, 3).astype(np.float32), 0, 1)
    image = image ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.6:
        image = image + np.float32(rng.uniform(0.005, 0.06)) * rng.standard_normal(image.shape, dtype=np.float32)
    if rng.random() < 0.08:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    pixels = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.35:
        pixels = recompressed(pixels, int(rng.integers(30, 95)))
    return pixels


def recompressed(pixels: Image, quality: int) -> Image:
    """The picture after a trip through JPEG."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
