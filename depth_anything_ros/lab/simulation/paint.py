"""Random coats for walls, floors, furniture and things, in colours that rooms have."""

from __future__ import annotations

from random import Random

from depth_anything_ros.lab.simulation.building import Blueprint, Color, shaded

_WOODS: tuple[Color, ...] = (
    (0.40, 0.22, 0.10),
    (0.55, 0.36, 0.18),
    (0.66, 0.48, 0.28),
    (0.18, 0.09, 0.045),
    (0.30, 0.15, 0.07),
    (0.72, 0.60, 0.42),
    (0.42, 0.36, 0.30),
)


def color_from_hsv(hue: float, saturation: float, value: float) -> Color:
    """Return linear rgb of a colour given as it looks on a screen, all in 0..1."""
    sector = (hue % 1.0) * 6
    rgb = (
        value * (1 - saturation * (1 - min(max(abs(sector - 3) - 1, 0), 1))),
        value * (1 - saturation * (1 - min(max(2 - abs(sector - 2), 0), 1))),
        value * (1 - saturation * (1 - min(max(2 - abs(sector - 4), 0), 1))),
    )
    return (rgb[0] ** 2.2, rgb[1] ** 2.2, rgb[2] ** 2.2)


def gray(rng: Random, low: float = 0.1, high: float = 0.95) -> Color:
    """Return a gray with a slight tint; the range is in screen values."""
    return color_from_hsv(rng.random(), rng.uniform(0, 0.08), rng.uniform(low, high))


def off_white(rng: Random) -> Color:
    """Return a white, cream or very light gray."""
    return color_from_hsv(rng.uniform(0.05, 0.18), rng.uniform(0, 0.14), rng.uniform(0.78, 0.97))


def muted(rng: Random) -> Color:
    """Return a colour of paint, carpet or upholstery."""
    return color_from_hsv(rng.random(), rng.uniform(0.08, 0.5), rng.uniform(0.25, 0.85))


def vivid(rng: Random) -> Color:
    """Return a colour of packages and toys."""
    return color_from_hsv(rng.random(), rng.uniform(0.5, 1.0), rng.uniform(0.35, 0.95))


def wood(rng: Random) -> Color:
    """Return a brown of wood, some stained or bleached."""
    return shaded(rng.choice(_WOODS), rng.uniform(0.7, 1.25))


def anything(rng: Random) -> Color:
    """Return a colour of a small thing: white, black, gray, brown or bright."""
    pick = rng.random()
    if pick < 0.22:
        return off_white(rng)
    if pick < 0.38:
        return gray(rng, 0.05, 0.3)
    if pick < 0.5:
        return gray(rng, 0.3, 0.8)
    if pick < 0.6:
        return wood(rng)
    return vivid(rng) if pick < 0.85 else muted(rng)


def wall_coat(plan: Blueprint) -> int:
    """Add the coat of a wall: mostly paint, some paper, brick, panels or tiles."""
    rng = plan.rng
    pick = rng.random()
    paint = off_white(rng) if rng.random() < 0.6 else muted(rng)
    if pick < 0.55:
        return plan.coat(
            'plain', paint, shaded(paint, rng.uniform(0.85, 0.97)), repeat_m=rng.uniform(0.7, 3),
            dirt=rng.uniform(0, 0.35), gloss=rng.uniform(0, 0.15),
        )  # fmt: skip
    if pick < 0.68:
        return plan.coat(
            'stain', paint, shaded(paint, rng.uniform(0.6, 0.92)), repeat_m=rng.uniform(0.5, 3),
            dirt=rng.uniform(0.1, 0.6),
        )  # fmt: skip
    if pick < 0.78:
        return plan.coat(
            'tiles', paint, shaded(paint, rng.uniform(0.7, 1.1)), gray(rng, 0.4, 0.9),
            repeat_m=rng.uniform(0.4, 1.2), stretch=rng.uniform(1, 2), gloss=rng.uniform(0, 0.6),
        )  # fmt: skip
    if pick < 0.86:
        return plan.coat(
            'stripes', paint, shaded(paint, rng.uniform(0.7, 0.95)), repeat_m=rng.uniform(0.2, 1)
        )
    if pick < 0.93:
        tone = wood(rng)
        return plan.coat('planks', tone, shaded(tone, 0.7), repeat_m=rng.uniform(0.5, 1.5))
    return plan.coat('fabric', paint, muted(rng), repeat_m=rng.uniform(0.2, 0.8))


def floor_coat(plan: Blueprint) -> int:
    """Add the coat of a floor: planks, tiles, carpet, concrete, stone."""
    rng = plan.rng
    pick = rng.random()
    gloss = rng.uniform(0, 0.6)
    if pick < 0.28:
        tone = wood(rng)
        return plan.coat(
            'planks', tone, shaded(tone, rng.uniform(0.55, 0.9)), shaded(tone, 0.3),
            repeat_m=rng.uniform(0.5, 1.4), stretch=rng.uniform(1, 2.5), gloss=gloss,
        )  # fmt: skip
    if pick < 0.48:
        tone = gray(rng, 0.3, 0.95) if rng.random() < 0.6 else muted(rng)
        return plan.coat(
            'tiles', tone, shaded(tone, rng.uniform(0.75, 1.1)), gray(rng, 0.15, 0.8),
            repeat_m=rng.uniform(0.6, 2.4), gloss=gloss, dirt=rng.uniform(0.1, 0.5),
        )  # fmt: skip
    if pick < 0.68:
        tone = gray(rng, 0.15, 0.7) if rng.random() < 0.5 else muted(rng)
        return plan.coat(
            rng.choice(('grain', 'fabric', 'stripes', 'poster')), tone,
            shaded(tone, rng.uniform(0.5, 1.3)), shaded(tone, rng.uniform(0.6, 1.5)),
            repeat_m=rng.uniform(0.3, 1.4), dirt=rng.uniform(0, 0.4),
        )  # fmt: skip
    tone = gray(rng, 0.25, 0.85)
    return plan.coat(
        rng.choice(('stain', 'plain', 'marble', 'grain')), tone,
        shaded(tone, rng.uniform(0.6, 0.95)), repeat_m=rng.uniform(0.6, 3),
        dirt=rng.uniform(0.1, 0.6), gloss=gloss,
    )  # fmt: skip


def furniture_coat(plan: Blueprint) -> int:
    """Add the coat of a table or cupboard: wood, lacquer, metal, stone."""
    rng = plan.rng
    pick = rng.random()
    if pick < 0.5:
        tone = wood(rng)
        return plan.coat(
            'wood', tone, shaded(tone, rng.uniform(0.55, 0.9)), repeat_m=rng.uniform(0.3, 1.2),
            stretch=rng.uniform(1, 3), gloss=rng.uniform(0, 0.4),
        )  # fmt: skip
    if pick < 0.88:
        tone = rng.choice((off_white, gray, gray, muted, vivid))(rng)
        return plan.coat('plain', tone, gloss=rng.uniform(0, 0.8), dirt=rng.uniform(0, 0.2))
    tone = gray(rng, 0.1, 0.9)
    return plan.coat('marble', tone, gray(rng), gray(rng), gloss=rng.uniform(0.1, 0.8))


def metal_coat(plan: Blueprint) -> int:
    """Add the coat of legs, frames and rails."""
    rng = plan.rng
    return plan.coat('plain', gray(rng, 0.05, 0.85), gloss=rng.uniform(0.2, 1.0), dirt=0.1)


def cloth_coat(plan: Blueprint) -> int:
    """Add the coat of upholstery, bedding and curtains."""
    rng = plan.rng
    tone = rng.choice((muted, muted, gray, off_white, vivid))(rng)
    family = rng.choice(('fabric', 'fabric', 'grain', 'stripes', 'poster', 'leaves'))
    return plan.coat(
        family, tone, shaded(tone, rng.uniform(0.5, 1.3)), muted(rng), repeat_m=rng.uniform(0.2, 1)
    )


def thing_coat(plan: Blueprint) -> int:
    """Add the coat of a small thing: plain, printed, striped, wooden."""
    rng = plan.rng
    family = rng.choice(
        ('plain', 'plain', 'plain', 'label', 'label', 'poster', 'text', 'stripes', 'checker',
         'wood', 'fabric', 'stain')
    )  # fmt: skip
    return plan.coat(
        family, anything(rng), anything(rng), anything(rng), repeat_m=rng.uniform(0.08, 0.4),
        gloss=max(0.0, rng.uniform(-0.5, 1)), dirt=rng.uniform(0, 0.3),
    )  # fmt: skip


def cardboard_coat(plan: Blueprint) -> int:
    """Add the coat of a parcel."""
    rng = plan.rng
    tone = shaded((0.47, 0.31, 0.17), rng.uniform(0.6, 1.25))
    return plan.coat(
        rng.choice(('plain', 'label', 'text', 'stain')), tone,
        shaded(tone, rng.uniform(0.5, 1.1)), gray(rng, 0.05, 0.9), repeat_m=rng.uniform(0.3, 0.9),
    )  # fmt: skip


def print_coat(plan: Blueprint) -> int:
    """Add the coat of a poster, picture or sheet of paper."""
    rng = plan.rng
    if rng.random() < 0.35:
        return plan.coat('text', off_white(rng), gray(rng, 0, 0.5), muted(rng), repeat_m=0.3)
    return plan.coat(
        rng.choice(('poster', 'poster', 'label', 'leaves')), anything(rng), anything(rng),
        anything(rng), repeat_m=rng.uniform(0.3, 1.2), gloss=rng.uniform(0, 0.5),
    )  # fmt: skip
