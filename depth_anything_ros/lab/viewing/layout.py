"""What stands where in the viewer."""

from __future__ import annotations

from collections.abc import Collection

import rerun.blueprint as rrb

from depth_anything_ros.bag.view_topics import Role
from depth_anything_ros.lab.viewing.scene import (
    CAMERA_LENS,
    CONFIDENCE,
    DEPTH_LENS,
    SCALE,
    SIGMA,
    WORLD,
)

_BACKGROUND = (24, 26, 30)
# Scale and shift are of different size.
_PLOTS = {
    'scale': ('scale',),
    'shift': ('shift',),
    'share of inliers, age in s': ('inlier_ratio', 'age_s'),
}


def layout(roles: Collection[Role]) -> rrb.Blueprint:
    """
    Return the cloud at the left, image, depth and what tells of its errors at the right.

    The scale goes below.

    :param roles: of the topics that there are.
    """
    pictures = []
    if Role.IMAGE in roles:
        pictures.append(rrb.Spatial2DView(origin=CAMERA_LENS, name='image'))
    if Role.DEPTH in roles or Role.RELATIVE in roles:
        pictures.append(rrb.Spatial2DView(origin=DEPTH_LENS, name='depth'))
    if Role.SIGMA in roles:
        pictures.append(rrb.Spatial2DView(origin=SIGMA, name='uncertainty'))
    if Role.CONFIDENCE in roles:
        pictures.append(rrb.Spatial2DView(origin=CONFIDENCE, name='confidence'))
    # Depth would be lifted into a second cloud there; one frustum is enough.
    unseen = DEPTH_LENS if Role.IMAGE in roles else CAMERA_LENS
    space = rrb.Spatial3DView(
        origin=WORLD,
        name='cloud',
        contents=[f'+ {WORLD}/**', f'- {unseen}/**'],
        background=_BACKGROUND,
    )
    upper = rrb.Horizontal(space, rrb.Vertical(*pictures), column_shares=[2, 1])
    if Role.SCALE not in roles:
        return rrb.Blueprint(upper, collapse_panels=True)
    plots = rrb.Horizontal(
        *(
            rrb.TimeSeriesView(
                origin=SCALE,
                name=title,
                contents=[f'+ {SCALE}/{name}' for name in names],
            )
            for title, names in _PLOTS.items()
        )
    )
    return rrb.Blueprint(rrb.Vertical(upper, plots, row_shares=[3, 1]), collapse_panels=True)
