"""`typing.NamedTuple` for what starts often.

That one compiles each annotation and the source of a constructor, a fifth of what a hook took to start.

`tuple.__new__(Record, values)` makes one without a look at how many values there are: for what makes thousands at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter

    _tuple_new = tuple.__new__

    class _Maker(type):
        """Makes a subclass of `tuple` of each class whose body names fields."""

        def __new__(mcs, name, bases, body):
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            size, last = len(fields), tuple(defaults.values())

            def __new__(cls, /, *values, **named):
                lacking = size - len(values)
                if not named and 0 < lacking <= len(last):
                    values += last[-lacking:]
                elif named or lacking:
                    values = _complete(cls, values, named)
                return _tuple_new(cls, values)

            getters = {field: _tuplegetter(at, None) for at, field in enumerate(fields)}
            names = {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields}
            return type(name, (tuple,), {**_COMMON, **body, **getters, **names, "__new__": __new__, "__slots__": ()})

    def _complete(cls, values, named):
        """All values of a record in the order of its fields."""
        defaults, left = cls._field_defaults, cls._fields[len(values) :]
        try:
            found = [*values, *[named.pop(field) if field in named else defaults[field] for field in left]]
        except KeyError as missing:
            raise TypeError(f"{cls.__name__} lacks {missing}") from None
        if named or len(found) != len(cls._fields):
            raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)} alone, once")
        return found

    def _make(cls, values):
        return cls(*values)

    def _replace(self, /, **named):
        values = list(map(named.pop, self._fields, self))
        return type(self)(*values, **named)

    def _asdict(self):
        return dict(zip(self._fields, self, strict=True))

    def _repr(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

    def _values(self):
        return tuple(self)

    _COMMON = {
        "_make": classmethod(_make),
        "_replace": _replace,
        "_asdict": _asdict,
        "__repr__": _repr,
        "__getnewargs__": _values,
    }
    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
