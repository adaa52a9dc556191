"""The fixtures of running nodes."""

from node_world import camera, module_world, world

__all__ = ['camera', 'module_world', 'world']
