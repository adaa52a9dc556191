"""The wings of the package: what a node loads, and that no module imports itself by a detour."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import depth_anything_ros

PACKAGE = Path(depth_anything_ros.__file__).parent
NAME = PACKAGE.name


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob('*.py'):
        dotted = '.'.join((NAME, *path.relative_to(PACKAGE).with_suffix('').parts))
        found[dotted.removesuffix('.__init__')] = path
    return found


def imported(tree: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    """Yield what a module imports when it runs, also inside of functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, 'id', '') == 'TYPE_CHECKING':
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith(NAME):
            for name in node.names:
                full = f'{node.module}.{name.name}'
                yield full if full in known else node.module
        yield from imported(node, known)


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that reach themselves, of a graph pruned of leaves until none is left."""
    graph = dict(graph)
    while leaves := [name for name, used in graph.items() if not used & graph.keys()]:
        for name in leaves:
            del graph[name]
    return sorted(graph)


def test_modules_of_the_robots_wing_are_short():
    robot = [
        len(path.read_text(encoding='utf-8').splitlines())
        for path in modules().values()
        if path.relative_to(PACKAGE).parts[0] not in ('lab', 'cli')
    ]
    assert statistics.median(robot) <= 150
    assert max(robot) <= 400


def test_circle_is_found():
    assert circles({'a': {'b'}, 'b': {'c'}, 'c': {'b'}, 'd': set()}) == ['a', 'b', 'c']


def test_no_module_imports_itself_by_a_detour():
    known = modules()
    graph = {
        name: set(imported(ast.parse(path.read_text(encoding='utf-8')), known)) - {name}
        for name, path in known.items()
    }
    assert len(graph) > 200
    assert circles(graph) == []
