"""State declared once, where it lives: what a class saves, along which axis it grows, and how it begins.

A class that derives from `Saved` lists its state in its body::

    class Sequences(Saved):
        highest = array(np.int64, SLOT, fill=-1)
        words = array(np.uint64, SLOT, WORDS)
        gaps = value(list[list[Gap]], axis=SLOT, each=list)

From this table follow the empty state, growing, copying, snapshots, and restoring with checks; the changelog
(`stream.state.changelog`) takes from it which places belong to which device. In an instance every field is a plain
attribute, so reading one costs nothing more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Scalar = TypeVar("Scalar", bound=np.generic)


class StateError(ValueError):
    """A saved state does not fit: a field is missing, is not known here, or is of another type or shape."""


class Axis(NamedTuple):
    """What the places along an axis are: devices, series, rules. Fields of one axis have the same length."""

    name: str
    exact: bool = False
    """Arrays are never longer than what is in use; otherwise there is room behind it, so that growing is cheap."""
    entry: str = "hot"
    """Kind of changelog entry that holds a device's places: what changes together belongs together."""


ROW: Final = Axis("row")
"""A model's rows. Whoever uses the model says with `part` what they are."""
FREE: Final = Axis("free", exact=True)
"""The class replaces the array as a whole; it has any length."""

_encode: Final = msgspec.msgpack.Encoder().encode
Fill = float | NDArray[Any] | Callable[[Any], float | NDArray[Any]]


class Column(NamedTuple):
    """What is known of a saved field that has an axis."""

    axis: str
    dim: int
    """Which dimension of the array the axis is."""
    entry: str
    of: str = ""
    """For arrays of places: the axis that these are on. They say to what each place of `axis` belongs."""


@dataclass(slots=True)
class State:
    """A saved state by path, such as ``windows/sum_a``: plain values, arrays, and which of both have an axis."""

    values: dict[str, msgspec.Raw] = field(default_factory=dict)
    """As MessagePack, which is copied and compared quickly."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    def put(self, path: str, one: object) -> None:
        """Set a plain value."""
        self.values[path] = msgspec.Raw(_encode(one))

    def get(self, path: str, kind: type[T] | Any = Any) -> T | Any:  # noqa: ANN401 - without a kind it is anything
        """Return a plain value, converted to a kind. Raises KeyError and `StateError`."""
        try:
            return msgspec.msgpack.decode(self.values[path], type=kind)
        except msgspec.MsgspecError as error:
            raise StateError(f"state: value {path!r}: {error}") from error

    def take(self, path: str, kind: type[T] | Any = Any) -> T | Any:  # noqa: ANN401 - as for `get`
        """Return a plain value as `get` does, and remove it."""
        found = self.get(path, kind)
        del self.values[path]
        return found

    def below(self, path: str) -> "State":
        """Return the state of a part."""
        head = f"{path}/"

        def mine(found: dict[str, T]) -> dict[str, T]:
            return {name.removeprefix(head): one for name, one in found.items() if name.startswith(head)}

        return State(mine(self.values), mine(self.arrays), mine(self.columns))


class _Array(NamedTuple):
    dtype: np.dtype[Any]
    shape: tuple[int | str | Axis, ...]
    fill: Fill | None
    axis: Axis | None
    dim: int
    of: Axis | None
    derived: bool

    def make(self, owner: object, size: int) -> NDArray[Any]:
        """Return an empty array with `size` places along its axis."""
        lengths = (getattr(owner, one) if isinstance(one, str) else one for one in self.shape)
        shape = [size if isinstance(one, Axis) else one for one in lengths]
        if self.fill is None:
            return np.zeros(shape, dtype=self.dtype)
        return np.full(shape, self.empty(owner), dtype=self.dtype)

    def empty(self, owner: object) -> float | NDArray[Any]:
        """Return what an empty place holds."""
        return 0 if self.fill is None else self.fill(owner) if callable(self.fill) else self.fill

    def used(self, values: NDArray[Any], size: int) -> NDArray[Any]:
        """Return a view of the places in use."""
        return values if self.axis is None or self.axis is FREE else values[(*[slice(None)] * self.dim, slice(size))]


class _Value(NamedTuple):
    kind: Any
    default: Any
    axis: Axis | None
    each: Callable[[], Any] | None


class _Part(NamedTuple):
    rows: Axis | None


_Field = _Array | _Value | _Part


def grown(
    values: NDArray[Any], size: int, fill: float | NDArray[Any] = 0, dim: int = 0, *, exact: bool = False
) -> NDArray[Any]:
    """Return an array with at least `size` places along a dimension, new ones holding `fill`.

    Unless it is to be `exact`, room doubles, so that growing is cheap; many places get a quarter more, for memory.
    """
    room = values.shape[dim]
    if room >= size:
        return values
    shape = list(values.shape)
    shape[dim] = size if exact else max(size, 2 * room if room < 4096 else room + room // 4)
    if isinstance(fill, np.ndarray) or fill != 0:
        bigger = np.full(shape, fill, dtype=values.dtype)
    else:  # the system gives zeros, and memory only for those that are used
        bigger = np.zeros(shape, dtype=values.dtype)
    bigger[tuple(map(slice, values.shape))] = values
    return bigger


def array(
    dtype: type[Scalar] | np.dtype[Scalar],
    *shape: int | str | Axis,
    fill: Fill | None = None,
    of: Axis | None = None,
    derived: bool = False,
) -> NDArray[Scalar]:
    """Declare an array.

    Parameters
    ----------
    dtype
        Of numbers, booleans, or bytes of a fixed length.
    shape
        Lengths: numbers, names of attributes that hold one, and at most one axis.
    fill
        What an empty place holds instead of 0; an array is broadcast, a function is given the instance.
    of
        For arrays of places: the axis they are on; -1 is none.
    derived
        It follows from the rest of the state, so it is not saved: `Saved.restored` finds it empty and fills it.
    """
    dim = next((at for at, one in enumerate(shape) if isinstance(one, Axis)), -1)
    axis = shape[dim] if dim >= 0 else None
    declared = _Array(np.dtype(dtype), shape, fill, axis if isinstance(axis, Axis) else None, dim, of, derived)
    return cast("NDArray[Scalar]", declared)


def value(
    kind: type[T], default: T | None = None, *, axis: Axis | None = None, each: Callable[[], Any] | None = None
) -> T:
    """Declare a plain value: numbers, text, and what msgspec makes of them.

    Parameters
    ----------
    kind
        Its type, to which msgspec converts what was saved.
    default
        What it begins with, where it cannot be changed in place; by default an empty one of its type.
    axis
        For lists that have an item for every place.
    each
        Makes the items with which such a list grows; without it the class appends them itself.
    """
    return cast("T", _Value(kind, default, axis, each))


def part(rows: Axis | None = None) -> Any:  # noqa: ANN401 - the annotation beside it says what it is
    """Declare an attribute that has a state of its own; `rows` says what the rows of a model are."""
    return _Part(rows)


class Saved:
    """State that is declared in the class. Lengths that `array` names must be set before `__init__` is called."""

    _declared: ClassVar[dict[str, _Field]] = {}

    def __init_subclass__(cls) -> None:
        """Take the declarations out of the class, so that only instances have the attributes."""
        super().__init_subclass__()
        own = {name: one for name, one in vars(cls).items() if isinstance(one, _Array | _Value | _Part)}
        for name in own:
            delattr(cls, name)
        cls._declared = cls._declared | own

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Make all of it empty; parts stay as they are."""
        self._sizes: dict[Axis, int] = {}
        for name, one in self._declared.items():
            if isinstance(one, _Array):
                setattr(self, name, one.make(self, 0))
            elif isinstance(one, _Value):
                setattr(self, name, one.kind() if one.default is None else one.default)

    def size_of(self, axis: Axis) -> int:
        """Return how many places of an axis are in use."""
        return self._sizes.get(axis, 0)

    def grow(self, axis: Axis, size: int) -> None:
        """Make room for places below `size` along an axis, in parts too; new ones are empty. Never shrinks."""
        if size <= self.size_of(axis):
            return
        for name, one in self._declared.items():
            if isinstance(one, _Part):
                if one.rows is axis or axis is not ROW or one.rows is None:
                    getattr(self, name).grow(ROW if one.rows is axis else axis, size)
            elif one.axis is not axis:
                continue
            elif isinstance(one, _Array):
                held = getattr(self, name)
                setattr(self, name, grown(held, size, one.empty(self), one.dim, exact=axis.exact))
            elif one.each is not None:
                items: list[Any] = getattr(self, name)
                items += [one.each() for _ in range(size - len(items))]
        self._sizes[axis] = size

    def wipe(self, place: Any) -> None:  # noqa: ANN401 - whatever numpy takes
        """Empty a place, an index of the first dimension, in every array."""
        for name, one in self._declared.items():
            if isinstance(one, _Array):
                getattr(self, name)[place] = one.empty(self)

    def capture(self) -> State:
        """Return a copy of the whole state, of what is in use."""
        state = State()
        for at in _walk(self):
            one, held = at.field, getattr(at.owner, at.name)
            if isinstance(one, _Value):
                state.put(at.path, held)
            elif not one.derived:
                size = 0 if one.axis is None else at.owner.size_of(one.axis)
                state.arrays[at.path] = np.array(one.used(held, size), order="C")
            else:
                continue
            if at.column is not None:
                state.columns[at.path] = at.column
        return state

    def restore(self, state: State) -> None:
        """Take over a state that `capture` returned, of an instance with the same settings; it is copied.

        Nothing is changed, and `StateError` names the field, where one is missing, unknown, or of another type or
        shape, or where fields of an axis differ in length.
        """
        every = list(_walk(self))
        saved = [at for at in every if isinstance(at.field, _Value) or not at.field.derived]
        _same_names("array", state.arrays, {at.path for at in saved if isinstance(at.field, _Array)})
        _same_names("value", state.values, {at.path for at in saved if isinstance(at.field, _Value)})
        sizes: dict[str, int] = {}
        found = {at.path: at.read(state, sizes) for at in saved}
        for at in saved:
            if at.column is not None and at.column.of in sizes:
                _check_places(at.path, found[at.path], at.column.of, sizes[at.column.of])
        for at in every:
            size = 0 if at.column is None else sizes.get(at.column.axis, 0)
            if at.column is not None and at.field.axis is not None:
                at.owner._sizes[at.field.axis] = size  # noqa: SLF001 - of this class
            if at.path in found:
                setattr(at.owner, at.name, found[at.path])
            elif isinstance(at.field, _Array):
                setattr(at.owner, at.name, at.field.make(at.owner, size))
        self._restored()

    def _restored(self) -> None:
        for name, one in self._declared.items():
            if isinstance(one, _Part):
                getattr(self, name)._restored()  # noqa: SLF001 - of this class
        self.restored()

    def restored(self) -> None:
        """Bring what follows from the state up to date; called after `restore`, for parts before their owner."""


class _Place(NamedTuple):
    """A field of an instance, or of one of its parts."""

    owner: Saved
    name: str
    field: _Array | _Value
    path: str
    column: Column | None

    def read(self, state: State, sizes: dict[str, int]) -> Any:  # noqa: ANN401 - an array or a value
        """Return a checked copy of what a state has for the field; `sizes` collects the lengths of axes."""
        if isinstance(self.field, _Value):
            held = state.get(self.path, self.field.kind)
            length = len(held) if self.field.axis is not None else 0
        else:
            given = np.asarray(state.arrays[self.path])
            dim = self.field.dim
            length = given.shape[dim] if self.field.axis is not None and 0 <= dim < given.ndim else 0
            like = self.field.make(self.owner, 0)
            shape = tuple(length if at == dim else size for at, size in enumerate(like.shape))
            if given.shape != shape or given.dtype != like.dtype:
                raise StateError(
                    f"state: array {self.path!r} is {given.dtype}{given.shape}, expected {like.dtype}{shape}"
                )
            held = np.array(given, order="C")
        if self.column is not None and self.field.axis is not FREE:
            known = sizes.setdefault(self.column.axis, length)
            if length != known:
                raise StateError(
                    f"state: {self.path!r} has {length} places of the axis {self.column.axis}, others have {known}"
                )
        return held


def _walk(saved: Saved, path: str = "", rows: Axis = ROW) -> Iterator[_Place]:
    """Yield the fields of an instance and of its parts, in the order of declaration."""
    for name, one in saved._declared.items():  # noqa: SLF001 - of this module
        full = path + name.lstrip("_")
        if isinstance(one, _Part):
            inner = rows if one.rows is None else one.rows
            yield from _walk(getattr(saved, name), f"{full}/", inner)
            continue
        column = None
        if one.axis is not None and one.axis is not FREE:
            axis = rows if one.axis is ROW else one.axis
            if isinstance(one, _Array):
                of = rows if one.of is ROW else one.of
                column = Column(axis.name, one.dim, axis.entry, "" if of is None else of.name)
            else:
                column = Column(axis.name, 0, "values")
        yield _Place(saved, name, one, full, column)


def _same_names(what: str, given: dict[str, Any], wanted: set[str]) -> None:
    for names, wrong in ((wanted - given.keys(), "missing"), (given.keys() - wanted, "not known here")):
        if names:
            raise StateError(f"state: {what} {min(names)!r} is {wrong}")


def _check_places(path: str, places: NDArray[Any], axis: str, size: int) -> None:
    if places.size and not -1 <= places.min() <= places.max() < size:
        raise StateError(f"state: array {path!r} names a place that the axis {axis} of {size} does not have")
