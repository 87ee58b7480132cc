"""What lies over the screen until it is answered."""

from typing import TypeVar

from textual.screen import ModalScreen

Result = TypeVar("Result")


class Modal(ModalScreen[Result], inherit_bindings=False):
    """Ends once: keys that were typed before it was gone are nobody's, or the second of two quick ones would end the screen below."""

    _is_ended = False

    def end(self, result: Result) -> None:
        if not self._is_ended:
            self._is_ended = True
            self.dismiss(result)
