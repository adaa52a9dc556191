"""Node processes and a probe node, alone in a ROS domain of their own."""

import fcntl
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no ROS 2 is installed')

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from depth_anything_ros.nodes.diagnostics import to_dict
from depth_anything_ros.nodes.transport import USER_CHOICES, prepare_transport

# Before the first participant of this process: Fast DDS reads its profile once.
prepare_transport()

# Of what happens in seconds where the machine is not busy.
TIMEOUT_S = 120.0
# Of a depth node that starts and answers in seconds, on one core.
QUICK = {
    'weights': 'random',
    'input_size': 56,
    'backend': 'torch',
    'precision': 'fp32',
    'threads': 1,
    'warmup_width': 64,
    'warmup_height': 48,
    'diagnostics_period_s': 0.2,
}
# Those above are of tests that start no other process and name theirs.
DOMAINS = 80
_DOMAINS = itertools.count(os.getpid() * 7)


class Domain:
    """A ROS domain that no other test on this machine has, until it is given back."""

    def __init__(self) -> None:
        for number in itertools.islice(_DOMAINS, DOMAINS):
            self.number = 1 + number % DOMAINS
            path = Path(tempfile.gettempdir()) / f'depth_anything_ros_domain_{self.number}.lock'
            try:
                self._lock = path.open('w')
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            return
        raise RuntimeError(f'none of {DOMAINS} ROS domains is free')

    def give_back(self) -> None:
        self._lock.close()


class NodeProcess:
    """One node in a process of its own, its output in a file."""

    def __init__(self, name: str, command: list[str], environment: dict, log: Path) -> None:
        self.name = name
        self.log = log
        with log.open('wb') as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def output(self) -> str:
        return self.log.read_text(errors='replace')

    def running(self) -> bool:
        return self._process.poll() is None

    def processor_s(self) -> float:
        """Return how long it has computed, which other processes hardly change."""
        fields = Path(f'/proc/{self.pid}/stat').read_text().rpartition(')')[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf('SC_CLK_TCK')

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        return self._process.wait(timeout_s)

    def stop(self) -> int:
        """End the process by its handle, politely first, and return its exit status."""
        for number, patience_s in (
            (signal.SIGINT, 30),
            (signal.SIGTERM, 10),
            (signal.SIGKILL, 10),
        ):
            if self.running():
                self.signal(number)
                try:
                    self.wait(patience_s)
                except subprocess.TimeoutExpired:
                    continue
        return self._process.returncode


class Probe:
    """A node in the test's own process that publishes, listens and calls services."""

    def __init__(self, domain: int) -> None:
        self.context = rclpy.Context()
        self.context.init(domain_id=domain)
        self.node = rclpy.create_node('probe', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.received: dict[str, list] = {}
        self.arrivals_ns: dict[str, list[int]] = {}
        self._publishers: dict[str, object] = {}
        self._subscriptions: dict[str, object] = {}

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def publisher(self, message_type, topic, *, depth=10, best_effort=False):
        if topic not in self._publishers:
            reliability = QoSReliabilityPolicy.RELIABLE
            if best_effort:
                reliability = QoSReliabilityPolicy.BEST_EFFORT
            qos = QoSProfile(depth=depth, reliability=reliability)
            self._publishers[topic] = self.node.create_publisher(message_type, topic, qos)
        return self._publishers[topic]

    def publish(self, topic, message) -> None:
        self.publisher(type(message), topic).publish(message)

    def listen(self, message_type, topic) -> list:
        """Subscribe and return the list that messages are appended to."""
        messages = self.received.setdefault(topic, [])
        arrivals_ns = self.arrivals_ns.setdefault(topic, [])

        def take(message) -> None:
            arrivals_ns.append(time.time_ns())
            messages.append(message)

        self._subscriptions[topic] = self.node.create_subscription(
            message_type, topic, take, QoSProfile(depth=50)
        )
        return messages

    def ignore(self, *topics) -> None:
        for topic in topics:
            self.node.destroy_subscription(self._subscriptions.pop(topic))

    def spin(self, seconds: float) -> None:
        self.spin_until(lambda: False, seconds, fail=False)

    def spin_until(self, done, timeout_s: float = TIMEOUT_S, *, fail: bool = True) -> bool:
        end_s = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > end_s:
                assert not fail, f'not within {timeout_s:.0f} s'
                return False
            self._executor.spin_once(timeout_sec=0.02)
        return True

    def await_subscribers(self, *topics, count=1) -> None:
        self.spin_until(
            lambda: all(
                self._publishers[topic].get_subscription_count() >= count for topic in topics
            )
        )

    def await_publisher(self, topic) -> None:
        self.spin_until(lambda: self.node.count_publishers(topic) > 0)

    def call(self, service_type, name, request=None):
        client = self.node.create_client(service_type, name)
        self.spin_until(client.service_is_ready)
        future = client.call_async(request or service_type.Request())
        self.spin_until(future.done)
        self.node.destroy_client(client)
        return future.result()

    def set_parameters(self, node: str, **values):
        """Set parameters of another node and return the results."""

        parameters = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        request = SetParameters.Request(parameters=parameters)
        return self.call(SetParameters, f'{node}/set_parameters', request).results

    def diagnostics(self, name: str = 'depth_node') -> dict:
        """Wait for the next status of a node and return it: level, message and nested values."""
        statuses: list = []

        def take(message) -> None:
            statuses.extend(status for status in message.status if status.name == name)

        subscription = self.node.create_subscription(DiagnosticArray, '/diagnostics', take, 10)
        self.spin_until(lambda: len(statuses) > 0)
        self.node.destroy_subscription(subscription)
        status = statuses[-1]
        return {'level': status.level, 'message': status.message, **to_dict(status)}


def ros_arguments(parameters=None, remaps=None) -> list[str]:
    """Return the command line that gives a node its parameters and names."""
    arguments = ['--ros-args']
    for key, value in (parameters or {}).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        arguments += ['-p', f'{key}:={text}']
    for key, value in (remaps or {}).items():
        arguments += ['-r', f'{key}:={value}']
    return arguments


class World:
    """A ROS domain with the processes and probes started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._domain = Domain()
        self.domain = self._domain.number
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in USER_CHOICES},
            'ROS_DOMAIN_ID': str(self.domain),
            'ROS_LOG_DIR': str(folder / 'ros_log'),
        }
        self._processes: list[NodeProcess] = []
        self._probes: list[Probe] = []

    def start(self, module: str, parameters=None, remaps=None, name='') -> NodeProcess:
        """Start a node of the package."""
        command = [sys.executable, '-m', 'depth_anything_ros.nodes.start', module]
        return self.run(name or module, [*command, *ros_arguments(parameters, remaps)])

    def run(self, name: str, command: list[str]) -> NodeProcess:
        log = self.folder / f'{len(self._processes)}_{name}.log'
        self._processes.append(NodeProcess(name, command, self.environment, log))
        return self._processes[-1]

    def probe(self) -> Probe:
        self._probes.append(Probe(self.domain))
        return self._probes[-1]

    def close(self) -> None:
        for probe in self._probes:
            probe.close()
        for process in self._processes:
            process.stop()
        self._domain.give_back()
        for process in self._processes:
            sys.stdout.write(f'--- {process.name}\n{process.output()}\n')


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope='module')
def module_world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp('world'))
    yield made
    made.close()


class Camera:
    """Make the messages of an RGB-D camera, each frame with a stamp of its own."""

    def __init__(self, width=64, height=48) -> None:
        self.width, self.height = width, height
        self._stamp_ns = itertools.count(1_700_000_000_000_000_000, 33_333_333)
        self._random = np.random.default_rng(0)

    def image(self, rgb=None) -> Image:
        if rgb is None:
            shape = (self.height, self.width, 3)
            rgb = self._random.integers(0, 256, shape, dtype=np.uint8)
        height, width = rgb.shape[:2]
        message = Image(height=height, width=width, step=3 * width, encoding='rgb8')
        message.data = array('B', rgb.tobytes())
        self.stamp(message, next(self._stamp_ns))
        return message

    def stamp(self, message, stamp_ns: int) -> None:
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        message.header.frame_id = 'camera_color_optical_frame'

    def depth(self, image: Image, depth_mm=None) -> Image:
        """Return 16UC1 depth of the same stamp; without values, random ones of 1 to 3 m."""
        if depth_mm is None:
            shape = (image.height, image.width)
            depth_mm = self._random.integers(1000, 3000, shape, dtype=np.uint16)
        message = Image(header=image.header, encoding='16UC1')
        message.height, message.width = depth_mm.shape
        message.step = 2 * message.width
        message.data = array('B', depth_mm.astype(np.uint16).tobytes())
        return message

    def info(self, focal_px=60.0) -> CameraInfo:
        info = CameraInfo(width=self.width, height=self.height, distortion_model='plumb_bob')
        centre_x, centre_y = self.width / 2, self.height / 2
        info.k = [focal_px, 0.0, centre_x, 0.0, focal_px, centre_y, 0.0, 0.0, 1.0]
        info.p = [focal_px, 0.0, centre_x, 0.0, 0.0, focal_px, centre_y, 0.0, 0.0, 0.0, 1.0, 0.0]
        info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        info.d = [0.0] * 5
        info.header.frame_id = 'camera_color_optical_frame'
        return info


def floats(image, values) -> Image:
    """Return 32FC1 values under the header of an image."""
    message = Image(header=image.header, encoding='32FC1')
    message.height, message.width = values.shape
    message.step = 4 * message.width
    message.data = array('B', values.astype(np.float32).tobytes())
    return message


@pytest.fixture
def camera():
    return Camera()
