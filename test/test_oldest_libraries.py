"""The code keeps to what the oldest libraries allowed can do, which no environment here has."""

import ast
import re
from pathlib import Path

import depth_anything_ros

ROOT = Path(depth_anything_ros.__file__).parent
# Types of numbers, generic since NumPy 1.22; ROS 2 Humble has 1.21.
GENERIC = re.compile(
    r'\bnp\.(complexfloating|floating|inexact|integer|number|signedinteger|unsignedinteger)\['
)


def run_when_loaded(tree):
    """Return the nodes of a module, but for annotations where nobody evaluates them."""
    nodes = list(ast.walk(tree))
    if not any(isinstance(node, ast.ImportFrom) and node.module == '__future__' for node in nodes):
        return nodes
    annotations = [
        place
        for node in nodes
        for place in (getattr(node, 'annotation', None), getattr(node, 'returns', None))
        if isinstance(place, ast.AST)
    ]
    left_out = {id(node) for place in annotations for node in ast.walk(place)}
    return [node for node in nodes if id(node) not in left_out]


def test_no_type_of_numbers_takes_brackets_when_a_module_is_loaded():
    texts = {path: path.read_text(encoding='utf-8') for path in ROOT.rglob('*.py')}
    users = {path: text for path, text in texts.items() if GENERIC.search(text)}
    assert len(users) > 3
    assert [
        f'{path.relative_to(ROOT)}:{node.lineno}'
        for path, text in users.items()
        for node in run_when_loaded(ast.parse(text))
        if isinstance(node, ast.Subscript) and GENERIC.match(f'{ast.unparse(node.value)}[')
    ] == []
