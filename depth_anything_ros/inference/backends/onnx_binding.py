"""Runs of a session of ONNX Runtime whose arrays stay on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.onnx_session import failures, reason
from depth_anything_ros.inference.devices import Device


class BoundRun:
    """
    Run a session with one copy in and one out of each output; nothing else leaves the device.

    :param session: of ONNX Runtime.
    :param shape: of its one input.
    :param dtype: of its input.
    :param outputs: their names.
    :param device: on which the session runs; on the CPU there is nothing to copy to.
    :raises BackendError: if the device has no room.
    """

    def __init__(
        self,
        session: Any,
        shape: Sequence[int],
        dtype: type[np.generic],
        outputs: Sequence[str],
        device: Device,
    ) -> None:
        from onnxruntime import OrtValue

        self._session = session
        memory, index = ('cuda', device.index) if device.is_nvidia else ('cpu', 0)
        try:
            self._given = OrtValue.ortvalue_from_shape_and_type([*shape], dtype, memory, index)
            self._binding = session.io_binding()
            self._binding.bind_ortvalue_input(session.get_inputs()[0].name, self._given)
            for name in outputs:
                self._binding.bind_output(name, memory, index)
        except failures() as error:
            raise BackendError(f'onnxruntime has no room on {memory}: {reason(error)}') from error

    def __call__(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        """
        Return the outputs, arrays of the caller's own.

        :param pixels: of the shape and type that the run was made for.
        :raises BackendError: if the session fails.
        """
        try:
            self._given.update_inplace(np.ascontiguousarray(pixels))
            self._session.run_with_iobinding(self._binding)
            # Memory of the CPU comes as it is, and the next run writes to it.
            return [
                value.numpy() if value.device_name() != 'cpu' else value.numpy().copy()
                for value in self._binding.get_outputs()
            ]
        except failures() as error:
            raise BackendError(f'onnxruntime failed: {reason(error)}') from error
