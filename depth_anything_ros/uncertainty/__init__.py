"""How far off depth may be: one standard deviation in metres for each pixel."""

from depth_anything_ros.uncertainty.config import UncertaintyConfig
from depth_anything_ros.uncertainty.files import find_table, read_table, table_beside
from depth_anything_ros.uncertainty.limits import certain_pixels
from depth_anything_ros.uncertainty.sigma import Uncertainty
from depth_anything_ros.uncertainty.table import ErrorTable

__all__ = [
    'ErrorTable',
    'Uncertainty',
    'UncertaintyConfig',
    'certain_pixels',
    'find_table',
    'read_table',
    'table_beside',
]
