"""ONNX Runtime as it is on a Jetson, on a computer without a GPU: what it is told is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from depth_anything_ros.inference import selection
from depth_anything_ros.inference.backends import onnx_providers

CPU, CUDA, TENSORRT = 'CPUExecutionProvider', 'CUDAExecutionProvider', 'TensorrtExecutionProvider'
STALE = 'of another TensorRT'


@dataclass
class MadeGpu:
    """
    Stand in for the parts of ONNX Runtime that need a GPU; the CPU computes in its place.

    `listed` are the providers that the library was built with, `loads` those whose shared
    libraries load. `sessions` are the providers with their options of each session that was
    opened, `built` the engines that were built, `memory` where arrays were put.
    """

    listed: Sequence[str] = (TENSORRT, CUDA, CPU)
    loads: Sequence[str] = (TENSORRT, CUDA, CPU)
    sessions: list[list[tuple[str, dict[str, str]]]] = field(default_factory=list)
    built: list[Path] = field(default_factory=list)
    memory: list[tuple[str, int]] = field(default_factory=list)

    def options(self, provider: str) -> Mapping[str, str]:
        """Return what the session opened last was told of a provider."""
        return dict(self.sessions[-1])[provider]

    def take_place(self, monkeypatch: pytest.MonkeyPatch, gpus: int = 1) -> None:
        """Take the place of the library's own parts until the test ends."""
        onnxruntime = pytest.importorskip('onnxruntime')
        made, real = self, onnxruntime.InferenceSession

        class Session:
            def __init__(
                self, network: Any, settings: Any, providers: Any, enable_fallback: int
            ) -> None:
                assert enable_fallback == 0
                made.sessions.append(providers)
                made.build_engine(dict(providers).get(TENSORRT, {}))
                self._session = real(network, settings, providers=[CPU])
                asked = [name for name, _ in providers if name in made.loads]
                self._providers = [*asked, *({CPU} - {*asked})]

            def get_providers(self) -> list[str]:
                return self._providers

            def __getattr__(self, name: str) -> Any:
                return getattr(self._session, name)

            def io_binding(self) -> Any:
                return Binding(self._session.io_binding())

            def run_with_iobinding(self, binding: Any) -> None:
                self._session.run_with_iobinding(binding.real)

        class Binding:
            def __init__(self, real: Any) -> None:
                self.real = real

            def bind_ortvalue_input(self, name: str, value: Any) -> None:
                self.real.bind_ortvalue_input(name, value)

            def bind_output(self, name: str, memory: str, index: int) -> None:
                made.memory.append((memory, index))
                self.real.bind_output(name, 'cpu', 0)

            def get_outputs(self) -> Any:
                return self.real.get_outputs()

        class Value:
            @staticmethod
            def ortvalue_from_shape_and_type(
                shape: Any, dtype: Any, memory: str, index: int
            ) -> Any:
                made.memory.append((memory, index))
                return real_value.ortvalue_from_shape_and_type(shape, dtype, 'cpu', 0)

        real_value = onnxruntime.OrtValue
        monkeypatch.setattr(onnxruntime, 'InferenceSession', Session)
        monkeypatch.setattr(onnxruntime, 'OrtValue', Value)
        monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: list(self.listed))
        monkeypatch.setattr(onnx_providers, 'nvidia_gpus', lambda: gpus)
        monkeypatch.setattr(selection, 'nvidia_gpus', lambda: gpus)
        onnx_providers._require_nvidia.cache_clear()

    def build_engine(self, options: Mapping[str, str]) -> None:
        """Write an engine where it is asked for and there is none yet, as TensorRT does."""
        if options.get('trt_engine_cache_enable') != 'True':
            return
        engine = Path(options['trt_engine_cache_path']) / 'TRTKernel_graph_sm87.engine'
        if not engine.exists():
            engine.write_text('engine')
            self.built.append(engine)
        elif engine.read_text() == STALE:
            raise RuntimeError('TensorRT EP could not deserialize engine from cache')
