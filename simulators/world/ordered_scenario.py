"""What somebody orders to happen in a neighbourhood that is being simulated."""

from typing import Annotated

import msgspec

Word = Annotated[str, msgspec.Meta(max_length=48)]


class OrderedScenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario to happen: which, when, where, how strongly and for how long. What is left out chance decides."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,47}\Z")]
    """The same order is carried out once, however often it comes."""
    scenario: Word
    """A name of `simulators.world.scenarios.KINDS`."""
    at: int = 0
    """Event time, epoch ms; what lies in the past, as 0, is as soon as can be."""
    beat: Word = ""
    device: Word = ""
    strength: float | None = None
    """In the unit of its kind."""
    minutes: float | None = None
    by: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Who ordered it; empty where there are no accounts."""


class OrderRefusedError(ValueError):
    """It cannot happen. `code` and `values` make the sentence ``simulate-refused``."""

    def __init__(self, code: str, **values: str | float) -> None:
        super().__init__(code)
        self.code, self.values = code, values
