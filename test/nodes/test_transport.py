from pathlib import Path
from xml.etree import ElementTree

import pytest

from depth_anything_ros.nodes import transport

NEW = transport.NEW_VARIABLE
PROFILE = Path(__file__).resolve().parents[2] / 'config' / 'fastdds_shm.xml'


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, 'profile_path', lambda: PROFILE)


@pytest.mark.parametrize('middleware', [None, '', 'rmw_fastrtps_cpp'])
def test_the_profile_is_named_for_fast_dds_alone(installed, middleware):
    environment = {} if middleware is None else {'RMW_IMPLEMENTATION': middleware}
    assert transport.choose_profile(environment)
    assert str(PROFILE) in environment.values()


@pytest.mark.parametrize(
    ('version', 'variable'),
    [
        ('6.2.7', 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ('8.4.3', 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ('9.3.3', 'FASTDDS_DEFAULT_PROFILES_FILE'),
    ],
)
def test_the_variable_is_the_one_that_the_distribution_reads(
    installed, monkeypatch, tmp_path, version, variable
):
    share = tmp_path / 'share'
    (share / 'ament_index/resource_index/packages').mkdir(parents=True)
    (share / 'ament_index/resource_index/packages/rmw_fastrtps_cpp').touch()
    (share / 'rmw_fastrtps_cpp').mkdir()
    manifest = f'<package format="3"><version>{version}</version></package>'
    (share / 'rmw_fastrtps_cpp/package.xml').write_text(manifest)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    environment: dict[str, str] = {}
    assert transport.choose_profile(environment)
    assert environment == {variable: str(PROFILE)}


@pytest.mark.parametrize(
    'chosen',
    [
        {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'},
        {'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'},
        {'FASTDDS_DEFAULT_PROFILES_FILE': '/home/robot/own.xml'},
        {'FASTRTPS_DEFAULT_PROFILES_FILE': '/home/robot/own.xml'},
        {'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA'},
    ],
)
def test_what_the_user_has_chosen_is_kept(installed, chosen):
    environment = dict(chosen)
    assert not transport.choose_profile(environment)
    assert environment == chosen


def test_without_a_share_folder_nothing_is_set_and_a_warning_says_so(monkeypatch, caplog):
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/nowhere')
    environment: dict[str, str] = {}
    assert not transport.choose_profile(environment)
    assert environment == {}
    assert 'fastdds_shm.xml' in caplog.text


def test_the_profile_of_the_package_is_the_one_in_config():
    installed_profile = transport.profile_path()
    if installed_profile is None:
        pytest.skip('the package is not installed with its share folder')
    assert installed_profile.read_text() == PROFILE.read_text()


def test_the_profile_has_shared_memory_for_three_clouds_and_udp_beside_it():
    root = ElementTree.parse(PROFILE).getroot()
    names = {'d': root.tag[1:].split('}')[0]}
    transports = root.findall('.//d:transport_descriptor', names)
    assert [item.findtext('d:type', namespaces=names) for item in transports] == ['SHM', 'UDPv4']
    segment = int(transports[0].findtext('d:segment_size', namespaces=names))
    assert segment >= 3 * 307_200 * 16
    assert int(transports[0].findtext('d:maxMessageSize', namespaces=names)) <= segment
    participant = root.find('.//d:participant', names)
    assert participant.get('is_default_profile') == 'true'
    used = [item.text for item in participant.findall('.//d:userTransports/d:transport_id', names)]
    assert used == [item.findtext('d:transport_id', namespaces=names) for item in transports]
    assert participant.findtext('.//d:useBuiltinTransports', namespaces=names) == 'false'


MIB = 1 << 20


@pytest.mark.parametrize(
    ('largest_bytes', 'free', 'segment'),
    [
        (0, 64 * MIB, 16 * MIB),
        (640 * 480 * 16, 64 * MIB, 16 * MIB),
        (3840 * 2160 * 3, 8192 * MIB, 80 * MIB),
        (1920 * 1080 * 16, 8192 * MIB, 96 * MIB),
        (1920 * 1080 * 16, 128 * MIB, 64 * MIB),
        (1920 * 1080 * 16, 0, 16 * MIB),
        (8192 * 8192 * 16, 1 << 40, 1024 * MIB),
    ],
)
def test_the_segment_holds_three_messages_and_half_of_what_is_free(largest_bytes, free, segment):
    assert transport.segment_for(largest_bytes, free) == segment


def test_large_messages_get_a_profile_of_their_own_that_says_the_same_otherwise(
    installed, monkeypatch
):
    monkeypatch.setattr(transport, 'free_bytes', lambda: 8192 * MIB)
    environment: dict[str, str] = {}
    assert transport.choose_profile(environment, 1920 * 1080 * 16)
    assert transport.segment_of(environment) == 96 * MIB
    (path,) = environment.values()
    text = Path(path).read_text()
    assert text.count(str(96 * MIB)) == 2
    assert text.replace(str(96 * MIB), str(16 * MIB)) == PROFILE.read_text()
    transport.remove_copies()
    assert not Path(path).exists()
    small: dict[str, str] = {}
    assert transport.choose_profile(small, 640 * 480 * 16)
    assert list(small.values()) == [str(PROFILE)]
    assert transport.segment_of(small) == 16 * MIB


def test_where_no_profile_can_be_written_the_small_one_is_used(installed, monkeypatch, caplog):
    monkeypatch.setattr(transport, 'free_bytes', lambda: 8192 * MIB)

    def fail(*_args, **_options):
        raise OSError('read-only file system')

    monkeypatch.setattr(transport, 'NamedTemporaryFile', fail)
    environment: dict[str, str] = {}
    assert transport.choose_profile(environment, 1920 * 1080 * 16)
    assert list(environment.values()) == [str(PROFILE)]
    assert 'read-only file system' in caplog.text


@pytest.mark.parametrize(
    'environment', [{}, {'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA'}, {NEW: '/nowhere.xml'}]
)
def test_a_segment_that_is_not_known_is_none(environment):
    assert transport.segment_of(environment) is None


def test_free_shared_memory_is_that_of_the_folder(tmp_path):
    assert transport.free_bytes(str(tmp_path)) > 0
    assert transport.free_bytes('/nowhere') == 0
