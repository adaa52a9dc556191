"""Faults of stamps and streams: what became of every image, against counts made here."""

import random
from collections import Counter
from dataclasses import astuple, dataclass

import numpy as np
import pytest

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.types import OutputKind

RELATIVE, METRIC = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
GAP = 33_000_000
START = 1_700_000_000_000_000_000
FUTURE = 3600 * 10**9
RATIO = 1.25


@pytest.fixture
def run(tmp_path):
    return RunEvaluation(
        EvaluatorConfig(
            output_dir=str(tmp_path),
            picture_every=0,
            alignments=('online',),
            latency_from='image',
        )
    )


def truth(content):
    """Return depth of its own for each content; what pairs wrongly scores wrongly."""
    return np.full((4, 4), 1.0 + content % 50 / 10, np.float32)


@dataclass(frozen=True)
class Event:
    """A message: of which stream, with which stamp, of which moment's scene."""

    stream: str
    stamp: int
    content: int


def image(stamp, content):
    return Event('image', stamp, content)


def measured(stamp, content):
    return Event('truth', stamp, content)


def answer(stamp, content):
    return Event('answer', stamp, content)


def frame(stamp, content, answer_stamp=None):
    """All messages of one image, as they come in lockstep."""
    stamp_of_answer = stamp if answer_stamp is None else answer_stamp
    return [image(stamp, content), measured(stamp, content), answer(stamp_of_answer, content)]


def play(run, events, rejected=0):
    run.set_rejected(0)
    for moment, event in enumerate(events):
        if event.stream == 'image':
            run.add_sent(event.stamp, moment, content=event.content)
        elif event.stream == 'truth':
            run.add_truth(event.stamp, truth(event.content), content=event.content)
        else:
            relative = 1 / truth(event.content)
            run.add_prediction(event.stamp, moment, RELATIVE, relative)
            run.add_prediction(event.stamp, moment, METRIC, truth(event.content) * RATIO)
    run.set_rejected(rejected)
    summary = run.finish()
    check(summary)
    return summary


def check(summary):
    """Assert what holds for every stream."""
    frames = summary.frames
    assert min(astuple(frames)) >= 0
    assert frames.sent == frames.scored + frames.dropped + frames.rejected + frames.unscored
    assert frames.received == frames.scored + frames.unscored
    assert sum(summary.unscored.values()) == frames.unscored
    assert 'not scored yet' not in summary.unscored
    if frames.scored:
        # No prediction met the truth of another moment.
        assert summary.metrics['online'].means['abs_rel'] == pytest.approx(RATIO - 1, abs=1e-6)


def stamps(count, start=START):
    return [start + index * GAP for index in range(count)]


def zero_and_copied():
    return [
        event
        for index in range(37)
        for event in frame(0, index)
    ]  # fmt: skip


def zero_and_stamped_by_the_node():
    return [
        event
        for index, stamp in enumerate(stamps(37))
        for event in (frame(0, index, stamp) if index < 30 else frame(0, index)[:2])
    ]


def images_twice():
    return [
        event
        for index, stamp in enumerate(stamps(20))
        for event in [image(stamp, index), *frame(stamp, index), answer(stamp, index)]
    ]


def images_twice_answered_once():
    return [
        event
        for index, stamp in enumerate(stamps(20))
        for event in [image(stamp, index), *frame(stamp, index)]
    ]


def a_bag_in_a_loop():
    once = [event for index, stamp in enumerate(stamps(12)) for event in frame(stamp, index)]
    return once * 3


def a_loop_that_outruns_the_node():
    """Every third image is answered, four images later, over the end of the bag too."""
    order = [(stamp, index) for _ in range(4) for index, stamp in enumerate(stamps(50))]
    events = []
    for place, (stamp, index) in enumerate(order):
        events += frame(stamp, index)[:2]
        if place >= 4 and (place - 4) % 3 == 0:
            events.append(answer(*order[place - 4]))
    return events


def swapped_neighbours():
    order = [place ^ 1 for place in range(20)]
    return [event for index in order for event in frame(START + index * GAP, index)]


def swapped_images_before_their_answers():
    order = [place ^ 1 for place in range(20)]
    messages = [frame(START + index * GAP, index) for index in order]
    return [
        event
        for one, two in zip(messages[::2], messages[1::2], strict=True)
        for event in (*one[:2], *two[:2], one[2], two[2])
    ]


def one_from_the_future():
    return [
        event
        for index, stamp in enumerate(stamps(20))
        for event in frame(stamp + (FUTURE if index == 7 else 0), index)
    ]


def a_clock_that_stands():
    """All but the first ten images come before their answers, under one stamp."""
    first = [event for index, stamp in enumerate(stamps(10)) for event in frame(stamp, index)]
    stamp = START + FUTURE
    sent = [
        event for index in range(10, 30) for event in (image(stamp, index), measured(stamp, index))
    ]
    return [*first, *sent, *(answer(stamp, index) for index in range(10, 25))]


def answers_without_images():
    return [
        event
        for index, stamp in enumerate(stamps(20))
        for event in frame(stamp, index)[1:]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('stream', 'expected', 'warnings'),
    [
        (zero_and_copied, (37, 0, 0, 37), ['37 images carry no stamp (0)', '37 truth images']),
        (
            zero_and_stamped_by_the_node,
            (37, 0, 7, 30),
            ['37 images carry no stamp (0)', '30 predictions carry a stamp that no image had, as'],
        ),
        (images_twice, (40, 20, 0, 20), ['20 images with a prediction are not scored: the image']),
        (images_twice_answered_once, (40, 20, 20, 0), []),
        (a_bag_in_a_loop, (36, 36, 0, 0), ['start over 2 times']),
        (a_loop_that_outruns_the_node, (200, 66, 134, 0), ['start over 3 times']),
        (swapped_neighbours, (20, 20, 0, 0), ['10 images came after one with a later stamp']),
        (
            swapped_images_before_their_answers,
            (20, 20, 0, 0),
            ['10 images came after one with a later stamp'],
        ),
        (one_from_the_future, (20, 20, 0, 0), ['1 images are stamped ahead', '3600 s']),
        (
            a_clock_that_stands,
            (30, 10, 5, 15),
            ['15 images with a prediction are not scored: a different image has the same stamp'],
        ),
        (
            answers_without_images,
            (20, 20, 0, 0),
            ['20 predictions came without any image before them'],
        ),
    ],
)
def test_each_image_is_counted_for_what_became_of_it(run, stream, expected, warnings):
    summary = play(run, stream())
    frames = summary.frames
    assert (frames.sent, frames.scored, frames.dropped, frames.unscored) == expected
    for text in warnings:
        assert sum(text in warning for warning in summary.warnings) == 1, summary.warnings


def test_good_stamps_are_not_warned_of(run):
    summary = play(run, [event for i, stamp in enumerate(stamps(20)) for event in frame(stamp, i)])
    assert summary.warnings == []
    assert summary.unscored == {}


def test_images_that_the_node_refused_are_not_dropped(run):
    events = [event for index, stamp in enumerate(stamps(20)) for event in frame(stamp, index)]
    refused = [event for event in events if event.stream != 'answer' or event.content % 4]
    frames = play(run, refused, rejected=3).frames
    assert (frames.sent, frames.rejected, frames.dropped) == (20, 3, 2)


def test_what_the_node_refused_before_the_run_does_not_count(run):
    run.add_sent(START, 0)
    run.set_rejected(500, received=2000)
    run.add_sent(START + GAP, 0)
    run.set_rejected(501, received=2001)
    frames = run.finish().frames
    assert (frames.sent, frames.rejected, frames.dropped) == (2, 1, 1)


def test_what_the_node_refuses_from_the_start_on_counts(run):
    run.add_sent(START, 0)
    run.set_rejected(1, received=1)
    assert run.finish().frames.rejected == 1


def test_a_node_that_starts_over_goes_on_counting(run):
    for index, stamp in enumerate(stamps(5)):
        run.add_sent(stamp, index)
    for images in (0, 2, 3, 1):
        run.set_rejected(images)
    assert run.finish().frames.rejected == 4


def test_more_refused_than_unanswered_is_warned_of(run):
    summary = play(run, frame(START, 0), rejected=4)
    assert summary.frames.rejected == 0
    assert any('rejected 4 images, but only 0' in text for text in summary.warnings)


def test_two_nodes_on_one_topic_are_noticed(run):
    events = [event for index, stamp in enumerate(stamps(20)) for event in frame(stamp, index)]
    twice = [copy for event in events for copy in [event] * (1 + (event.stream == 'answer'))]
    summary = play(run, twice)
    assert summary.frames.scored == 20
    assert any('as of two depth nodes' in text for text in summary.warnings)


def test_truth_of_two_scenes_under_one_stamp_scores_nothing(run):
    summary = play(
        run,
        [image(START, 0), measured(START, 0), measured(START, 1), answer(START, 0)],
    )
    assert summary.unscored == {'different truth images share its stamp': 1}


def test_a_lost_prediction_is_answered_but_not_scored(run):
    run.add_sent(START, 0)
    run.add_truth(START, truth(0))
    for kind in (RELATIVE, METRIC):
        run.add_prediction(START, 5, kind, None, "encoding 'nv99' is unknown")
    summary = run.finish()
    check(summary)
    assert summary.unscored == {"encoding 'nv99' is unknown": 1}


def test_truth_that_cannot_be_used_says_why(run):
    run.add_sent(START, 0)
    run.add_truth(START, None, problem='not registered to the image')
    run.add_prediction(START, 5, METRIC, truth(0))
    assert run.finish().unscored == {'not registered to the image': 1}


# A stream drawn at random: what becomes of each image is drawn first, then the order.

LATE = 40.0


@dataclass(frozen=True)
class Fate:
    """What becomes of one stamp: copies sent and answered, truth, more answers than images."""

    copies: int
    answered: int
    rejected: int
    truth: str
    surplus: int


def draw(rng):
    copies = rng.choice((1, 1, 1, 2))
    answered = rng.randint(0, copies)
    return Fate(
        copies,
        answered,
        rng.randint(0, copies - answered),
        rng.choice(('exact', 'exact', 'near', 'late', 'missing')),
        rng.choice((0, 0, 1)) if answered == copies else 0,
    )


def events_of(fate, index, rng):
    """Yield (time, event); neighbours may swap, and no answer comes before its image."""
    stamp = START + index * GAP
    sent = index + rng.uniform(0, 0.9) * rng.choice((0, 1.9))
    for _ in range(fate.copies):
        yield sent, image(stamp, index)
    for place in range(fate.answered + fate.surplus):
        yield sent + rng.uniform(1, 2) + 0.01 * place, answer(stamp, index)
    if fate.truth != 'missing':
        offset = rng.randint(-GAP // 4, GAP // 4) if fate.truth == 'near' else 0
        late = LATE if fate.truth == 'late' else 0
        yield sent + rng.uniform(-1, 1) + late, measured(stamp + offset, index)


@pytest.mark.parametrize('seed', range(60))
def test_random_streams_are_counted_as_drawn(run, seed):
    rng = random.Random(seed)
    fates = [draw(rng) for _ in range(rng.randint(1, 150))]
    timed = [pair for index, fate in enumerate(fates) for pair in events_of(fate, index, rng)]
    # The last answers end the wait for what is late.
    quiet = [
        (len(fates) + 4 + index / 5, event)
        for index in range(60)
        for event in frame(START + (len(fates) + 100 + index) * GAP, index)
    ]
    events = [event for _, event in sorted([*timed, *quiet], key=lambda pair: pair[0])]
    summary = play(run, events, rejected=sum(fate.rejected for fate in fates))
    answered = [fate for fate in fates if fate.answered]
    expected = Counter(fate.truth in ('exact', 'near') for fate in answered)
    frames, reasons = summary.frames, summary.unscored
    assert frames.sent == sum(fate.copies for fate in fates) + len(quiet) // 3
    assert frames.received == sum(fate.answered for fate in fates) + len(quiet) // 3
    assert frames.rejected == sum(fate.rejected for fate in fates)
    assert frames.scored == expected[True] + len(quiet) // 3
    repeated = sum(fate.answered - 1 for fate in answered)
    assert reasons.get('the image repeats the stamp of one that still waited', 0) == repeated
    late = sum(fate.truth == 'late' for fate in answered)
    assert reasons.get('its truth came after eight newer predictions', 0) == late
    missing = sum(fate.truth == 'missing' for fate in answered)
    assert reasons.get('no truth within the pairing tolerance', 0) == missing
