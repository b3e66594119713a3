"""What a function reaches: the statements of its project that it rests on, and values that no statement tells."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from semphase.code.inspected import bytes_of, lambda_node, names_of, read, unmarked
from semphase.code.modules import Found, Module, Modules
from semphase.code.places import of_project
from semphase.code.sources import Named, is_module, names_at_top, written
from semphase.code.statements import Chain, Statement
from semphase.code.view import VIEW
from semphase.errors import SemphaseError

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+|<module '[^']*' from ")
_BY_TEXT = frozenset({("globals",), ("eval",), ("exec",), ("sys", "modules")})
"""Ways to ask for any name of the module."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Reach:
    """What a function reaches, by name: statements, values, names of what belongs to libraries.

    `identity` says what a value is and raises SemphaseError for what must be looked at part by part.
    """

    def __init__(self, identity: Callable[[Any], Any]) -> None:
        self.seen: dict[str, str] = {}
        self.modules = Modules()
        self._identity = identity
        self._opened: set[int] = set()
        self._kept: list[Any] = []  # so that no address is given twice
        self._arrived: set[int] = set()
        self._own: Module | None = None
        self._own_classes: tuple[str, ...] = ()
        self._own_test = ""
        self._view = VIEW.get()

    def enter(self, function: Any) -> None:
        """Add a function or class, and what it reaches; what wraps a function counts as the function does."""
        own = inspect.unwrap(function)
        for layer in dict.fromkeys((function, own)):
            if not isinstance(layer, FunctionType | type):
                self._follow("itself", layer)
                continue
            self.visit(layer)
            self.follow_captured("itself", layer)
        for values in self._around(function, own):
            module = self.modules.of(values)
            for name in [name for name, value in values.items() if value is function or value is own]:
                self.take(module, name)

    def enter_test(self, test: Any) -> Module | None:
        """The same for the test of a claim, where its class counts without other tests; the module that it stands in."""
        own = inspect.unwrap(test)
        if isinstance(own, FunctionType) and of_project(str(own.__module__)):
            self._own = self.modules.of(own.__globals__)
            place, _, self._own_test = own.__code__.co_qualname.rpartition(".")
            if place in self._own.sheet.bases:
                self._own_classes = tuple(self._own.sheet.derived(place))
        self.enter(test)
        for name in self._own_classes if self._own else ():
            self.take(self._own, name)  # type: ignore[arg-type]
        return self._own

    def visit(self, thing: Any) -> None:
        """Add a function or class of the project, and what it reaches."""
        home = self._home(thing)
        if home is None:
            self._inspect(thing)
            return
        module, name = home
        self.take(module, name)
        if isinstance(thing, FunctionType):
            told = self._name(thing)
            for given, value in (("defaults", thing.__defaults__), ("keyword defaults", thing.__kwdefaults__)):
                if value is not None and f"{told}:{given}" not in self.seen:
                    self._follow(f"{told}:{given}", value)

    def take(self, module: Module, name: str) -> None:
        """Add a name of a module: its statements, what they name, and its value where they do not tell it."""
        key = f"{self._view.name(module.name)}.{name}"
        if key in self.seen or not module.has(name):
            return
        statements = [self._shown(module, own) for own in module.sheet.touching.get(name, ())]
        self.seen[key] = "\n".join(own.text for own in statements)
        self.arrive(module)
        for own in statements:
            self.use(own, module)
        imports = [self.modules.imported(own, module) for own in module.sheet.imports.get(name, ())]
        for found in imports:
            if isinstance(found, tuple):
                self.take(*found)
            elif isinstance(found, Named):
                written(found, self._view.packages, self.seen)
        elsewhere = imports and not statements and all(isinstance(found, Module | tuple) for found in imports)
        if name in module.values and not elsewhere:
            self._value(key, module, name)

    def _value(self, key: str, module: Module, name: str) -> None:
        value = module.values[name]
        if name not in module.sheet.touching and name not in module.sheet.imports:
            for own in module.sheet.stars:
                if isinstance(found := self.modules.imported(own, module), tuple):
                    self.take(found[0], name)
        if isinstance(value, ModuleType):
            self.seen[f"{key}:value"] = f"module {self._view.name(value.__name__)}"
        elif isinstance(value, FunctionType | type) or not module.tells_its_place(name):
            self._follow(f"{key}:value", value)
        else:
            self._numbers(f"{key}:value", value)

    def _numbers(self, name: str, thing: Any) -> None:
        """Of what comes from a file's place, what is no text: the place itself is another on another machine."""
        if isinstance(thing, Mapping | list | tuple):
            for part, value in _parts(thing):
                self._numbers(f"{name}.{part}", value)
        elif isinstance(thing, bool | int | float | complex) or hasattr(thing, "__array__"):
            self._follow(name, thing)

    def arrive(self, module: Module) -> None:
        """Add what a module, and those that are run for it, change beyond their own names."""
        if id(module) in self._arrived:
            return
        self._arrived.add(id(module))
        for place, effect in enumerate(module.sheet.effects):
            own = self._shown(module, effect)
            self.seen[f"{self._view.name(module.name)}: {place}"] = own.text
            self.use(own, module, effect=True)
        for other in self.modules.run_for(module):
            self._kept.append(other)
            self.arrive(other)

    def use(self, statement: Statement, module: Module, *, effect: bool = False) -> None:
        """Add what a statement of a module names."""
        for chain in statement.chains:
            root, rest = chain[0], chain[1:]
            inner = statement.imports.get(root)
            if inner is not None:
                self._through(self.modules.imported(inner, module), rest)
            if module.has(root):
                self.take(module, root)
                self._through(self.modules.behind(module, root), rest)
            if not effect and (chain in _BY_TEXT or chain[:2] in _BY_TEXT):
                self.whole(module)

    def _through(self, found: Found, rest: Chain) -> None:
        """Add what attributes of a module stand for; all of it where nothing says which."""
        if isinstance(found, Named):
            for part in rest:
                found = found.of(part)
            self._written(found)
        elif isinstance(found, tuple):
            self.take(*found)
        elif found is not None and not rest:
            self.whole(found)
        elif found is not None:
            inner = self.modules.behind(found, rest[0])
            self.take(found, rest[0] if found.has(rest[0]) else "__getattr__")
            if inner is not None:
                self._through(inner, rest[1:])

    def _written(self, named: Named) -> None:
        whole = named.__name__
        if is_module(whole) and self._view.packaged(whole):
            for name in names_at_top(whole):
                written(Named(whole, name), self._view.packages, self.seen)
        written(named, self._view.packages, self.seen)

    def whole(self, module: Module) -> None:
        """Add every name of a module."""
        key = f"{self._view.name(module.name)}.*"
        if key not in self.seen:
            self.seen[key] = ""
            self.arrive(module)
            for name in module.names():
                self.take(module, name)

    def follow_captured(self, name: str, function: Any) -> None:
        """What a function made by another holds of it."""
        cells = getattr(function, "__closure__", None) or ()
        for captured, cell in zip(function.__code__.co_freevars, cells, strict=True) if cells else ():
            if self._new(cell):
                self._follow(f"{name}:{captured}", cell.cell_contents)

    def _around(self, function: Any, own: Any) -> list[Mapping[str, Any]]:
        """The modules of the project in which a function may have a name."""
        names = dict.fromkeys(str(getattr(each, "__module__", None)) for each in (function, own))
        return [vars(sys.modules[name]) for name in names if name in sys.modules and of_project(name)]

    def _home(self, thing: Any) -> tuple[Module, str] | None:
        """The module and the name at its top that a function or class is written under; None where no file tells."""
        if isinstance(thing, FunctionType):
            values, place = thing.__globals__, thing.__code__.co_qualname
        else:
            values, place = vars(sys.modules.get(thing.__module__, SimpleNamespace())), thing.__qualname__
        if not of_project(str(values.get("__name__"))):
            return None
        module, name = self.modules.of(values), place.partition(".")[0]
        return (module, name) if name in module.sheet.touching else None

    def _inspect(self, thing: Any) -> None:
        """Add what no statement at the top of a file tells: a lambda, what somebody typed in, a function of semphase."""
        short = isinstance(thing, FunctionType) and thing.__name__ == "<lambda>"
        node = lambda_node(thing) if short and self._view.lasting else None
        names = thing.__globals__ if isinstance(thing, FunctionType) else _values_around(thing)
        module = self.modules.of(names) if of_project(str(names.get("__name__"))) else None
        name = self._name(thing) + (ast.unparse(node) if node else bytes_of(thing.__code__) if short else "")
        name += ":" if module is not None else ""  # What stands at the top goes by the name alone.
        if name in self.seen:
            return
        reached: dict[str, Any] = {}
        if short:
            # The line that a lambda stands in may hold others, so its compiled code is taken.
            self.seen[name] = ""
            if module is not None and module.is_read:
                self.use(Statement(node) if node else _named_by(thing, module), module)
            else:
                reached = {part: names[part] for part in names_of(thing.__code__) if part in names}
        elif isinstance(thing, type) and module is not None and module.is_read:
            # A class that a call made, such as namedtuple: the statement with the call tells all.
            self.seen[name] = ""
        else:
            self.seen[name], reached = read(thing, names)
        if isinstance(thing, FunctionType):
            reached |= {"defaults": thing.__defaults__, "keyword defaults": thing.__kwdefaults__}
        for called, part in reached.items():
            self._follow(f"{name}:{called}", inspect.unwrap(part) if callable(part) else part)

    def _shown(self, module: Module, statement: Statement) -> Statement:
        """The statement without the claim's decorator, and without other tests of the claim's class."""
        marked = self._view.marked
        if marked is None or module is not self._own:
            return statement
        if repr(marked) not in statement.text and not self._own_classes:
            return statement
        tree = ast.Module([copy.deepcopy(statement.node)], [])  # type: ignore[list-item]
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name in self._own_classes:
                node.body = self._without_other_tests(node.body)
        return Statement(unmarked(tree, marked, module.values))

    def _without_other_tests(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Without those that what is left does not call."""
        others = {own.name: own for own in body if isinstance(own, _FUNCTIONS) and own.name.startswith("test")}
        others.pop(self._own_test, None)
        kept = [own for own in body if own not in others.values()]
        for own in kept:
            asked = {node.attr for node in ast.walk(own) if isinstance(node, ast.Attribute)}
            kept += [others.pop(name) for name in sorted(asked & set(others))]
        return [own for own in body if own in kept] or [ast.Pass()]

    def _follow(self, name: str, thing: Any) -> None:
        """Add a value."""
        if isinstance(thing, Named):
            self.seen[name] = thing.__name__
            self._written(thing)
        elif isinstance(thing, ModuleType):
            self.seen[name] = f"module {self._view.name(thing.__name__)}"
            if of_project(thing.__name__):
                self.whole(self.modules.of(vars(thing)))
        elif inspect.isfunction(thing) or inspect.isclass(thing):
            self._follow_code(name, thing)
        elif (inspect.isbuiltin(thing) or inspect.ismethoddescriptor(thing)) and hasattr(thing, "__qualname__"):
            self.seen[name] = f"{self._view.name(getattr(thing, '__module__', None))}.{thing.__qualname__}"
        else:
            if of_project(str(type(thing).__module__)):
                self._follow(f"{name}:class", type(thing))
            if inspect.isfunction(inner := getattr(thing, "__wrapped__", None)):
                self._follow(f"{name}:wrapped", inner)
            try:
                self.seen[name] = repr(self._identity(thing))
            except SemphaseError:
                self._open(name, thing)

    def _follow_code(self, name: str, thing: Any) -> None:
        self.seen[name] = self._name(thing)
        if self._view.packaged(thing.__module__) and not thing.__qualname__.startswith("<lambda>"):
            self._written(Named(thing.__module__, thing.__qualname__.partition(".")[0]))
            self.follow_captured(name, thing)
        elif self._view.counts(_home_name(thing)):
            self.visit(thing)
            self.follow_captured(name, thing)
        if inspect.isfunction(inner := vars(thing).get("__wrapped__")) and of_project(_home_name(thing)):
            self._follow(f"{name}:wrapped", inner)

    def _open(self, name: str, thing: Any) -> None:
        """Part by part what no key can hold as a whole."""
        if not self._new(thing):
            return
        kind = type(thing)
        self.seen[name] = self._name(kind)
        for part, value in _parts(thing):
            self._follow(f"{name}.{part}", value)
        if self._view.counts(kind.__module__):
            self._follow(f"{name}:class", kind)
        elif not _tells_the_machine(told := repr(thing), thing):
            self.seen[name] += self._view.told(told)

    def _name(self, thing: Any) -> str:
        return f"{self._view.name(thing.__module__)}.{thing.__qualname__}"

    def _new(self, thing: Any) -> bool:
        if id(thing) in self._opened:
            return False
        self._opened.add(id(thing))
        self._kept.append(thing)
        return True


def _named_by(function: FunctionType, module: Module) -> Statement:
    """What compiled code names, as a statement: names of the module, and what it may ask of modules."""
    used = list(dict.fromkeys(names_of(function.__code__)))
    parts = [name for name in used if module.has(name)]
    modules = [name for name in parts if isinstance(module.values.get(name), ModuleType)]
    asked = [f"{name}.{part}" for name in modules for part in used if hasattr(module.values[name], part)]
    whole = [name for name in modules if not any(own.startswith(f"{name}.") for own in asked)]
    return Statement(ast.parse("\n".join([*(name for name in parts if name not in modules), *whole, *asked])))


def _tells_the_machine(told: str, thing: Any) -> bool:
    """Is a representation another in another process or on another machine, an address or a place?

    <…> names a thing and is no value of it: a logger's tells its level, a module's its file.
    """
    if _ADDRESS.search(told):
        return True
    return VIEW.get().lasting and ("<" in told or (isinstance(thing, PurePath) and thing.is_absolute()))


def _values_around(thing: Any) -> Mapping[str, Any]:
    return vars(sys.modules[thing.__module__])


def _home_name(thing: Any) -> str:
    """The name of the module that a function was written in, whatever it says of itself."""
    values = getattr(thing, "__globals__", {})
    return str(values.get("__name__", thing.__module__))


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Members of a container, of a partial function, of a method, of a module of torch, of an object of the project."""
    if VIEW.get().lasting and is_dataclass(thing):
        yield from ((own.name, getattr(thing, own.name)) for own in fields(thing) if not own.metadata.get("derived"))
    elif isinstance(thing, Mapping):
        yield from _members(thing)
    elif isinstance(thing, list | tuple):
        yield from ((str(place), part) for place, part in enumerate(thing))
    elif isinstance(thing, functools.partial):
        yield from (("function", thing.func), ("arguments", thing.args), ("named", thing.keywords))
    elif isinstance(thing, MethodType):
        yield from (("function", thing.__func__), ("of", thing.__self__))
    elif hasattr(thing, "state_dict"):
        yield from thing.state_dict().items()
    elif of_project(type(thing).__module__) or isinstance(thing, SimpleNamespace):
        yield from getattr(thing, "__dict__", {}).items()
        yield from _slots(thing)


def _members(thing: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for place, (name, part) in enumerate(thing.items()):
        if _ADDRESS.search(told := VIEW.get().told(repr(name))):
            yield f"{place}:name", name
            told = str(place)
        yield told, part


def _slots(thing: Any) -> Iterator[tuple[str, Any]]:
    for kind in type(thing).__mro__:
        names = vars(kind).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if hasattr(thing, name) and name != "__dict__":
                yield name, getattr(thing, name)
