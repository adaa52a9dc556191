from depth_anything_ros.stream.kinds import Kinds


def test_texts_that_differ_in_numbers_alone_are_one_kind():
    kinds = Kinds()
    told = [
        'odom: (nan, 0.5, -1e-05) is 0.3 s late',
        'odom: (1, nan, inf) is 12 s late',
        "odom: 'wheel_1' in '/camera1/optical' as 16UC1",
        "odom: 'wheel_2' in '/camera1/optical' as 16UC1",
    ]
    assert [kinds.add(text) for text in told] == [1, 2, 1, 1]
    assert kinds.counts == {told[0]: 2, told[2]: 1, told[3]: 1}


def test_kinds_without_end_are_forgotten_the_oldest_first():
    kinds = Kinds()
    for number in range(1500):
        kinds.add(f'frame_{number}')
    assert len(kinds.counts) == 1000
    assert kinds.add('frame_1499') == 2
    assert kinds.add('frame_0') == 1
