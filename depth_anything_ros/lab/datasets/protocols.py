"""
The protocols that figures are made by, each a record with its source.

Where public code disagrees, the note of a record says which is followed and why. All of them take
metrics over the pixels of an image and then the mean over images, fit relative predictions in
inverse depth and metric ones in depth, and do not score a pixel whose prediction is not finite: it
lowers the coverage, where most public code puts a number there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.lab.datasets.scoring_rule import UNBOUNDED_M, Crop, ScoringRule, Squash
from depth_anything_ros.registry import Registry
from depth_anything_ros.table import Table

DEFAULT = 'robot'

_NEAREST_M = 1e-3
# A prediction of 0 has no logarithm and no ratio.
_ABOVE_0_M = 1e-6

_NONE, _SCALE_SHIFT = AlignmentMode.NONE, AlignmentMode.SCALE_SHIFT
_NYU_CROP = Crop(45 / 480, 471 / 480, 41 / 640, 601 / 640)
_GARG_CROP = Crop(0.40810811, 0.99189189, 0.03594771, 0.96405229)
_EIGEN_CROP = Crop(0.3324324, 0.91351351, 0.0359477, 0.96405229)


@dataclass(frozen=True)
class Protocol:
    """
    A way of scoring that figures can be compared by.

    `data` are the data sets that it is published for, with the split that it takes of each; none
    means any data. `input_size` is the shorter side of the network input in pixels, 0 the model's
    own. `changed` names the parts that a user set otherwise.
    """

    name: str
    help: str
    rule: ScoringRule
    source: str
    note: str = ''
    data: Mapping[str, str] = field(default_factory=dict)
    input_size: int = 0
    changed: tuple[str, ...] = ()

    def split_of(self, word: str, usual: str) -> str:
        """Return the split that a data word means which names none itself."""
        return self.data.get(word.partition(':')[0], usual)

    def changed_by(
        self, alignment: AlignmentMode | None, range_m: tuple[float, float] | None
    ) -> Protocol:
        """
        Return the protocol with what a user set otherwise.

        :param alignment: of relative and metric predictions; None keeps the protocol's own.
        :param range_m: of truth, and what predictions are clamped to; None keeps both.
        """
        rule, changed = self.rule, []
        if alignment is not None:
            rule = replace(rule, alignment=alignment, metric_alignment=None)
            changed += ['alignment'] if rule != self.rule else []
        if range_m is not None and range_m != (rule.min_depth_m, rule.max_depth_m):
            low, high = range_m
            rule = replace(rule, min_depth_m=low, max_depth_m=high, clamp_m=None)
            changed.append('range')
        return replace(self, rule=rule, changed=(*self.changed, *changed))


_ALL = (
    Protocol(
        'robot',
        'what a robot with a depth camera sees; scale and shift fitted to each image',
        ScoringRule(),
        'this package; least squares in inverse depth as MiDaS (Ranftl et al., 2020) aligns',
    ),
    Protocol(
        'raw',
        'the range of robot, numbers taken as metres as they come',
        ScoringRule(_NONE),
        'this package',
        'Right for metric models; for relative ones it means nothing.',
    ),
    Protocol(
        'nyu_eigen',
        'NYU Depth V2, Eigen crop, 10 m; metric models as they are',
        ScoringRule(
            _SCALE_SHIFT, _NEAREST_M, 10.0, _NONE, exclusive=True, crop=_NYU_CROP,
        ),
        'Eigen et al. (2014); public code: cleinc/bts utils/eval_with_pngs.py, isl-org/ZoeDepth '
        'zoedepth/utils/misc.py, prs-eth/Marigold src/dataset/nyu_dataset.py; relative models '
        'as isl-org/DPT EVALUATION.md has it',
        'The crop is [45:471, 41:601] of 480×640 counted from 0, as in the code named. The '
        "data set's own toolbox means [44:471, 40:601], and some self-supervised code takes "
        '[20:459, 24:615]. Other sizes are cropped by the same shares. '
        'Tables are of the 654 frames of nyu_official.',
        {'nyu_official': 'test', 'nyu_depth_v2': 'test'},
    ),
    Protocol(
        'kitti_garg',
        'KITTI, Garg crop, 80 m; metric models as they are',
        ScoringRule(
            _SCALE_SHIFT, _NEAREST_M, 80.0, _NONE, exclusive=True, crop=_GARG_CROP,
        ),
        'Garg et al. (2016); public code: mrharicot/monodepth utils/evaluate_kitti.py, '
        'nianticlabs/monodepth2 evaluate_depth.py, cleinc/bts utils/eval_with_pngs.py',
        'The crop is of the whole frame, as in the code named. isl-org/ZoeDepth '
        'cuts frames to 1216×352 first and takes the shares of that, at 1242×375 13 rows lower. '
        'Self-supervised models are scaled by medians there: --align median.',
        {'kitti': 'test'},
    ),
    Protocol(
        'kitti_eigen',
        'KITTI, Eigen crop, 80 m; metric models as they are',
        ScoringRule(
            _SCALE_SHIFT, _NEAREST_M, 80.0, _NONE, exclusive=True, crop=_EIGEN_CROP,
        ),
        'Eigen et al. (2014); public code: mrharicot/monodepth utils/evaluate_kitti.py',
        "Eigen's own crop was not published; this one was found by trial in the code named. "
        'That code takes the points of the scanner as truth: kitti:PATH,truth=scanner. '
        'prs-eth/Marigold takes annotated depth, of frames cut to 1216×352 first.',
        {'kitti': 'test'},
    ),
    Protocol(
        'eth3d',
        'ETH3D, whole image, 72 m; scale and shift fitted',
        ScoringRule(_SCALE_SHIFT, _NEAREST_M, 72.0),
        'Ranftl et al., MiDaS (2020), evaluation: "the depth cap was set to the maximum '
        'ground-truth depth value (72, 80, 10, and 10 meters, respectively)"',
        'prs-eth/Marigold knows no cap and fits its depth on at most 1024 pixels a side; of a '
        'relative model, whose inverse depth may reach 0, the cap is what keeps the far finite. '
        'Truth beyond it is left out.',
        {'eth3d': 'all'},
    ),
    Protocol(
        'scannet',
        'ScanNet, whole image, 10 m; scale and shift fitted',
        ScoringRule(_SCALE_SHIFT, _NEAREST_M, 10.0, exclusive=True),
        'prs-eth/Marigold src/dataset/scannet_dataset.py, script/depth/eval.py (Ke et al., 2024)',
        'Marigold gives depth and is fitted in depth, relative models are in inverse depth. It '
        'takes 800 frames of the validation scenes.',
        {'scannet': 'val'},
    ),
    Protocol(
        'diode',
        'DIODE, its masks, 0.6 to 350 m; scale and shift fitted',
        ScoringRule(_SCALE_SHIFT, 0.6, 350.0),
        'prs-eth/Marigold src/dataset/diode_dataset.py, script/depth/eval.py (Ke et al., 2024)',
        'isl-org/ZoeDepth scores rooms to 10 m and streets to 80 m apart and cropped. Depth '
        'Anything (2024) publishes no code for its figures; users who score all of DIODE so get '
        'AbsRel of about 0.21 where its table has 0.066 (DepthAnything/Depth-Anything-V2 '
        'issue 280).',
        {'diode': 'val'},
    ),
    Protocol(
        'affine_invariant',
        'all truth, whole image; scale and shift fitted',
        ScoringRule(
            _SCALE_SHIFT, 0.0, UNBOUNDED_M, exclusive=True, clamp_m=(_ABOVE_0_M, 1000.0),
        ),
        'AnyDepth, section 4.1 and table 2 (zero-shot affine-invariant depth), without public '
        'code; cap of 1000 m: prs-eth/Marigold script/depth/eval.py, least_square_disparity',
        'MiDaS and its followers fit in inverse depth, Marigold in depth: here the output of the '
        'model decides. The author of Depth Anything says that its figures are of inverse depth '
        '(LiheYoung/Depth-Anything issue 174); those here are of depth. For figures to compare '
        'with a table of one data set, take its own protocol.',
    ),
    Protocol(
        'seed000',
        '"Depth Anything V2 Mini": 224×224, predictions clipped to 10 m, no alignment',
        ScoringRule(
            _NONE, 0.0, UNBOUNDED_M, exclusive=True, clamp_m=(_ABOVE_0_M, 10.0),
            squash=Squash(224, 224, transposed=True),
        ),
        '"Depth Anything V2 Mini", table 1; public code: RubyQianru/Depth-Anything-V2-Mini '
        'run_benchmark.py (frames 0 to 499), plot_pruning.py (0 to 199), pruning.py (0 to 99)',
        'It means nothing for relative models, whose numbers are no metres, and is here to '
        'compare with that table. The scripts take the axes of the file as they come, so that '
        'images lie on their side; weights are as published, not fine-tuned. Predictions of 0 '
        'count as a micrometre.',
        {'nyu_depth_v2': '0-499'},
        input_size=224,
    ),
)  # fmt: skip

PROTOCOLS: Registry[Protocol] = Registry('protocol', {item.name: item for item in _ALL})


def published_for(dataset: str) -> list[str]:
    """Return the names of the protocols that are published for a data set."""
    return [name for name, protocol in PROTOCOLS.items() if dataset in protocol.data]


def protocol_table() -> Table:
    """Return the parts of every protocol."""
    headings = [
        'protocol', 'truth scored', 'crop', 'predictions clamped', 'relative models',
        'metric models', 'image',
    ]  # fmt: skip
    return Table(headings, [_cells(protocol) for protocol in PROTOCOLS.values()])


def _cells(protocol: Protocol) -> list[str]:
    rule = protocol.rule
    low, high = rule.clamp_m or (rule.min_depth_m, rule.max_depth_m)
    return [
        protocol.name,
        rule.truth_text,
        'none' if rule.crop is None else rule.crop.text,
        f'{low:g} to {high:g} m',
        rule.alignment.value,
        (rule.metric_alignment or rule.alignment).value,
        'as it is' if rule.squash is None else rule.squash.text,
    ]
